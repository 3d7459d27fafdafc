"""The frame of every job: arguments, recipe, run, exit status.

Exit status: 0 done, 1 the run failed, 2 the request was wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

import yaml

from curation.accounting.ledger import LedgerError
from curation.accounting.manifest import STAGES, Manifest, MissingManifest, join
from curation.cli import run_arguments
from curation.recipe.config import ConfigError, compose
from curation.recipe.recipe import Recipe, read_recipe
from curation.spark.errors import StageFailed, StaleInput
from curation.spark.run import Run
from curation.spark.session import submitted
from curation.spark.store import InputError, Store, TakenOver, url_to_fs, write_text

__all__ = ["REQUEST_ERRORS", "RUN_ERRORS", "STAGES", "execute", "main"]

#: Errors of the user's request, not of the run.
REQUEST_ERRORS = (ConfigError, InputError, MissingManifest, StaleInput)
#: Errors of the run.
RUN_ERRORS = (LedgerError, StageFailed, TakenOver)


def execute(options: argparse.Namespace, stages: Sequence[str]) -> list[Manifest]:
    """Run stages as the command line asks; return their manifests.

    Raises:
        InputError: the request cannot be run.
    """
    recipe = read_recipe(options.recipe, options.set)
    if any(mark in options.out for mark in "*?[]{}"):
        raise InputError(f"--out {options.out}: Spark reads *?[]{{}} as patterns; choose another name")
    filesystem, name = url_to_fs(options.out)
    if filesystem.isfile(name):
        raise InputError(f"--out {options.out}: is a file; expected a directory, which may not exist yet")
    if submitted() and options.master:
        raise InputError(f"--master {options.master}: give it to spark-submit, before the script")
    source = None
    if stages[0] == "extract":
        for each in options.source:
            recipe = _redirected(recipe, each)
    elif options.source:
        source = options.source[-1].rstrip("/")
    store = Store(options.out.rstrip("/"))
    manifests = Run(recipe, store, options.master, source).run(stages)
    declared = yaml.serialize(compose(options.recipe, options.set))
    write_text(join(store.directory, "recipe.yaml"), f"# {options.recipe}, as it was run\n{declared}")
    return manifests


def _redirected(recipe: Recipe, source: str) -> Recipe:
    """Return the recipe with one input's path replaced by `--in NAME=PATH` (or PATH, of an only input)."""
    name, _, path = source.partition("=")
    if name not in recipe.inputs:
        if len(recipe.inputs) != 1:
            raise InputError(
                f"--in {source}: the recipe has the inputs {', '.join(recipe.inputs)}; say NAME=PATH"
            )
        name, path = next(iter(recipe.inputs)), source
    return replace(recipe, inputs={**recipe.inputs, name: replace(recipe.inputs[name], path=path)})


def main(stages: Sequence[str], doc: str | None) -> None:
    """Run the stages from a spark-submit script; exit 0 done, 1 the run failed, 2 the request was wrong."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    run_arguments(parser)
    parser.add_argument(
        "--in",
        dest="source",
        action="append",
        default=[],
        metavar="WHERE",
        help="run directory that holds the stage before (default: --out); for extract: a path to read in "
        "place of the recipe's, as NAME=PATH (again for other inputs) or, of an only input, PATH",
    )
    try:
        execute(parser.parse_args(), stages)
    except REQUEST_ERRORS as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except RUN_ERRORS as error:
        print(error, file=sys.stderr)
        sys.exit(1)
