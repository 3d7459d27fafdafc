"""`curate init`: a commented recipe to start from."""

from __future__ import annotations

import argparse
from importlib.resources import files
from pathlib import Path

from curation.cli.command import Command
from curation.cli.printing import refuse

_STARTERS = files("curation.recipe") / "starters"
NAMES = tuple(sorted(path.name.removesuffix(".yaml") for path in _STARTERS.iterdir()))


def add_to(command: Command) -> None:
    """Add the command to the parser."""
    parser = command("init", init)
    parser.add_argument("recipe", nargs="?", metavar="FILE", help="file to write (default: NAME.yaml)")
    parser.add_argument(
        "--from", dest="name", choices=NAMES, default="web_en", help="recipe to start from (default: web_en)"
    )


def starter(name: str) -> str:
    """Return the text of a recipe to start from."""
    return (_STARTERS / f"{name}.yaml").read_text(encoding="utf-8")


def init(options: argparse.Namespace) -> int:
    """Write a commented recipe to start from; a file that exists is never overwritten."""
    path = Path(options.recipe or f"{options.name}.yaml")
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(starter(options.name))
    except FileExistsError:
        return refuse(f"{path}: exists already; name another file, or remove it first")
    except OSError as error:
        return refuse(f"{path}: cannot be written: {error.strerror}")
    print(f"{path}: written. Name your input in it, then:")
    print(f"  curate check {path}")
    print(f"  curate run {path} --out runs/{options.name}")
    return 0
