"""How a command answers and how it refuses."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curation.look.render.terminal import Answer


def json_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--json`, which every question takes."""
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def answer(options: argparse.Namespace, value: Answer) -> int:
    """Print an answer, as JSON if `--json` was given; the exit status is 0."""
    from curation.look.render.terminal import print_answer

    print_answer(value, as_json=options.json)
    return 0


def refuse(error: Exception | str) -> int:
    """Say what is wrong with a request; the exit status is 2."""
    print(error, file=sys.stderr)
    return 2


def failed(error: Exception) -> int:
    """Say what failed; the exit status is 1."""
    print(error, file=sys.stderr)
    return 1
