"""The frame of every job: arguments, recipe, run, exit status.

Exit status: 0 done, 1 the run failed, 2 the request was wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

import fsspec

from curation.accounting.ledger import LedgerError
from curation.accounting.manifest import Manifest, MissingManifest, join
from curation.recipe.config import ConfigError
from curation.recipe.recipe import Recipe, read_recipe
from curation.spark.run import STAGES, Run
from curation.spark.store import InputError, Store, write_text

__all__ = ["STAGES", "arguments", "execute", "main"]

#: Errors of the user's request, not of the run.
REQUEST_ERRORS = (ConfigError, InputError, MissingManifest)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that `curate run` and every job take."""
    parser.add_argument("recipe", help="path or URL of the recipe (YAML)")
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="run directory, local or on an object store"
    )
    parser.add_argument(
        "--in",
        dest="source",
        metavar="DIR",
        help="run directory that holds the stage before (default: --out); for extract: a path to read in "
        "place of the recipe's, as NAME=PATH or, where the recipe has one input, PATH",
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="dotted.key=value")
    parser.add_argument(
        "--master", metavar="URL", help="Spark master (default: spark-submit's, or all local cores)"
    )


def execute(options: argparse.Namespace, stages: Sequence[str]) -> list[Manifest]:
    """Run stages as the command line asks; return their manifests."""
    recipe, source = read_recipe(options.recipe, options.set), options.source
    if source is not None and stages[0] == "extract":
        recipe, source = _redirected(recipe, source), None
    store = Store(options.out.rstrip("/"))
    with fsspec.open(options.recipe, "rt", encoding="utf-8") as stream:
        write_text(join(store.directory, "recipe.yaml"), stream.read())
    return Run(recipe, store, options.master, source).run(stages)


def _redirected(recipe: Recipe, source: str) -> Recipe:
    """Return the recipe with one input's path replaced by `--in NAME=PATH` (or PATH, of an only input)."""
    name, equals, path = source.partition("=")
    known = ", ".join(recipe.inputs)
    if not equals and len(recipe.inputs) != 1:
        raise InputError(f"--in {source}: the recipe has the inputs {known}; say NAME=PATH")
    if not equals:
        name, path = next(iter(recipe.inputs)), source
    if name not in recipe.inputs:
        raise InputError(f"--in {source}: the recipe has no input '{name}', only {known}")
    return replace(recipe, inputs={**recipe.inputs, name: replace(recipe.inputs[name], path=path)})


def main(stages: Sequence[str], doc: str | None) -> None:
    """Run the stages from a spark-submit script; exit 0 done, 1 the run failed, 2 the request was wrong."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments(parser)
    try:
        execute(parser.parse_args(), stages)
    except REQUEST_ERRORS as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except LedgerError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
