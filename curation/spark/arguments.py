"""The arguments that `curate run` and every job take; no pyspark is imported to parse them."""

from __future__ import annotations

import argparse

SET = "a setting in place of the recipe's, as dotted.key=value; may be repeated"


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what every run takes: the recipe, where its output goes, overrides, the Spark master."""
    parser.add_argument("recipe", help="path or URL of the recipe (YAML)")
    out = "directory of the run, local or in an object store; made if it does not exist"
    parser.add_argument("--out", required=True, metavar="DIR", help=out)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=SET)
    parser.add_argument("--master", metavar="URL", help="Spark master (default: all cores of this machine)")


def add_stage_choice(parser: argparse.ArgumentParser) -> None:
    """Add the choice of stages."""
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="STAGE",
        help="bring only these stages up to date (default: all that the recipe has)",
    )


def add_input(parser: argparse.ArgumentParser) -> None:
    """Add where the first of the stages reads."""
    parser.add_argument(
        "--in",
        dest="source",
        action="append",
        default=[],
        metavar="WHERE",
        help="run directory that holds the stage before (default: --out); for extract: a path to read in "
        "place of the recipe's, as NAME=PATH (again for other inputs) or, of an only input, PATH",
    )
