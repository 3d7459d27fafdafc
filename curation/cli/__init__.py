"""`curate ...`: write a recipe, check it, run it, ask what it did, and look at the documents.

Exit status: 0 done, 1 the run failed, 2 the request was wrong. What goes to a file or a pipe is never cut;
set COLUMNS to wrap its text at a width. `curate COMMAND --help` says more.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from curation import __version__
from curation.accounting.manifest import BadManifest, MissingManifest
from curation.cli import init, models, questions, report, run
from curation.cli.printing import failed, refuse
from curation.files.remote import StoreError
from curation.look.errors import BadQuestion, Disagreement
from curation.look.render.charts import MissingMatplotlib
from curation.recipe.config import ConfigError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="curate", description=__doc__, formatter_class=_Raw)
    parser.add_argument("--version", action="version", version=f"curate {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, function: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        doc = function.__doc__ or ""
        added = commands.add_parser(
            name, help=doc.partition(";")[0].partition("\n")[0].rstrip("."), description=doc
        )
        added.set_defaults(function=function, parser=added)
        return added

    for module in (init, run, questions, report, models):
        module.add_to(command)
    return parser


class _Raw(argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of the module's docstring."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    options, unknown = _parser().parse_known_args(arguments)
    if unknown:  # argparse would show the usage of `curate`, not the command's
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        status = int(options.function(options))
        sys.stdout.flush()  # what a closed pipe does not take is noticed here, not when Python ends
    except (ConfigError, MissingManifest, BadManifest, StoreError, MissingMatplotlib, BadQuestion) as error:
        return refuse(error)
    except Disagreement as error:
        return failed(error)
    except BrokenPipeError:  # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status
