"""How a command answers: as JSON, as text, or as a table; and how it refuses."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from curation.accounting.ledger import Ledger

if TYPE_CHECKING:
    from rich.console import RenderableType


class Told(Protocol):
    """What can tell itself as text and as JSON data."""

    def to_json(self) -> dict[str, Any]:
        """Return JSON data."""

    def to_text(self) -> str:
        """Return text for a terminal."""


def ledgers(directory: str) -> list[Ledger]:
    """Return the ledgers of a run, in order; what is left out of them is said on standard error."""
    from curation.look.run import funnel, open_run

    found, left_out = funnel(open_run(directory))
    if left_out:
        print(left_out, file=sys.stderr)
    return found


def answer(options: argparse.Namespace, found: Told) -> int:
    """Print an answer as JSON or as text."""
    print(json.dumps(found.to_json(), indent=1, ensure_ascii=False) if options.json else found.to_text())
    return 0


def print_funnel(found: Sequence[Ledger]) -> None:
    """Print the funnel and, below it, what was counted in the documents."""
    from curation.look.render.counted import lines
    from curation.look.render.terminal import table

    show(table(found), 120)
    for line in lines(found):
        print(line)


def show(shown: RenderableType, width: int) -> None:
    """Print as wide as the terminal, or `width` where there is none."""
    from rich.console import Console

    class Ours(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich's own exits with 1, which says that something failed

    Ours(highlight=False, width=None if sys.stdout.isatty() else width).print(shown)


def refuse(error: Exception | str) -> int:
    """Say what is wrong with a request; the exit status is 2."""
    print(error.args[0] if isinstance(error, KeyError | LookupError) else error, file=sys.stderr)
    return 2
