"""How an answer is printed: as JSON, or as text of which nothing is cut.

A terminal gives its width and `COLUMNS` gives another; text wraps at it. A file or a pipe has no width: every
column is as wide as it needs to be. Numbers are never shortened and never wrapped.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Literal, Protocol

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from curation.look.render.visible import visible

#: The width of a file or a pipe: no line is that long.
UNLIMITED = 1_000_000
#: A column of text is made no narrower than this, however narrow the terminal is.
LEAST_TEXT = 12
_GAP = 2


class Answer(Protocol):
    """The answer to a question about a run; its JSON data are its fields, unless it says more."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return asdict(self)  # type: ignore[call-overload,no-any-return]

    def __rich__(self) -> RenderableType:
        """Return what a terminal shows."""


def print_answer(answer: Answer, *, as_json: bool = False) -> None:
    """Print an answer as JSON or as text on standard output."""
    if as_json:
        sys.stdout.write(json.dumps(answer.to_json(), indent=1, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(as_text(answer, _width()))


def _width() -> int | None:
    """Return the columns to write in; None where rich finds them itself, by the terminal or `COLUMNS`."""
    known = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal()
    return None if known else UNLIMITED


def as_text(answer: Answer | RenderableType, width: int | None = UNLIMITED) -> str:
    """Return an answer as text, in the colours that standard output takes."""
    # Without a height, rich takes 80 columns for a "dumb" terminal, as CI calls its own, whatever the width.
    height = None if width is None else 25
    console = Console(markup=False, emoji=False, highlight=False, width=width, height=height)
    with console.capture() as captured:
        console.print(answer, crop=False)
    return "\n".join(line.rstrip() for line in captured.get().split("\n"))


class Grid:
    """A table without lines whose first `left` and last `right` columns are text, the others numbers.

    Text wraps where the table is wider than the console. Numbers do not: where they alone are wider, so is
    the table. A cell is a `str`, of which nothing acts on the terminal, or a `Text` with its style.
    """

    def __init__(
        self, names: Iterable[str], rows: Iterable[Iterable[str | Text]], *, left: int = 1, right: int = 0
    ) -> None:
        self.names = [Text(name, style="dim") for name in names]
        self.rows = [
            [cell if isinstance(cell, Text) else Text(visible(cell)) for cell in row] for row in rows
        ]
        count = len(self.names)
        self.text_columns = [*range(left), *range(count - right, count)]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = self._widths(options.max_width)
        table = Table.grid(padding=(0, _GAP, 0, 0))
        for column, width in enumerate(widths):
            justify: Literal["left", "right"] = "left" if column in self.text_columns else "right"
            table.add_column(justify=justify, width=width, overflow="fold")
        for row in [self.names, *self.rows]:
            table.add_row(*(_folded(cell, width) for cell, width in zip(row, widths, strict=True)))
        yield from console.render(table, options.update_width(sum(widths) + _GAP * len(widths)))

    def _widths(self, most: int) -> list[int]:
        """Return the width of every column; those of text give way, the widest first."""
        widths = [max(map(_widest, column)) for column in zip(self.names, *self.rows, strict=True)]
        excess = sum(widths) + _GAP * (len(widths) - 1) - most
        while excess > 0 and self.text_columns:
            widest = max(self.text_columns, key=widths.__getitem__)
            if widths[widest] <= LEAST_TEXT:
                break
            widths[widest] -= 1
            excess -= 1
        return widths


def _folded(cell: Text, width: int) -> Text:
    """Return a cell whose words that are wider than its column break behind dots and underscores."""
    breaks = []
    for word in re.finditer(r"(?m)(?:^ *)?\S+", cell.plain):
        used = 0
        for piece in re.finditer(r"[^._]*[._]+|[^._]+", word[0] if cell_len(word[0]) > width else ""):
            if used and used + cell_len(piece[0]) > width:
                breaks.append(word.start() + piece.start())
                used = 0
            used += cell_len(piece[0])
    return Text("\n").join(cell.divide(breaks)) if breaks else cell


def _widest(cell: Text) -> int:
    return max(map(cell_len, cell.plain.split("\n")))
