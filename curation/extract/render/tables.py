"""Data tables as rows of pipes: the header first, spans filled, pipes escaped, the caption before it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from curation.extract.render.inline import inline_markdown

_MOST_SPANNED = 200
_MOST_CELLS = 200_000
_LONG_CHARACTERS = 400
_NOT_DATA = ("h1", "h2", "h3", "form", "iframe", "article", "nav")


@dataclass(frozen=True, slots=True)
class CellGrid:
    """A table's cells in their columns; None is a cell that nothing covers."""

    rows: list[list[str | None]]
    caption: str
    cells: int
    width: int


def own_rows(table: Any) -> list[Any]:
    """Return the rows of a table that are not of a table inside it."""
    rows = []
    for part in table:
        if part.tag == "tr":
            rows.append(part)
        elif part.tag in ("thead", "tbody", "tfoot"):
            rows += [row for row in part if row.tag == "tr"]
    return rows


def is_data(table: Any) -> bool:
    """Return whether a table holds data, and does not only lay out a page or a list.

    Data has two rows and two columns, most of whose cells are filled and none of which is a text of several
    paragraphs; a table inside one, headings and forms are no data.
    """
    if (
        any(part is not table for part in table.iter("table"))
        or next(table.iter(*_NOT_DATA), None) is not None
    ):
        return False
    rows = [[cell for cell in row if cell.tag in ("td", "th")] for row in own_rows(table)]
    rows = [row for row in rows if row]
    if len(rows) < 2 or max(map(len, rows)) < 2:
        return False
    texts = [["".join(cell.itertext()).strip() for cell in row] for row in rows]
    if any(
        len(text) > _LONG_CHARACTERS and _has_paragraphs(cell)
        for row, line in zip(rows, texts, strict=True)
        for cell, text in zip(row, line, strict=True)
    ):
        return False
    filled = [sum(map(bool, line)) for line in texts]
    return sum(count >= 2 for count in filled) >= max(2, len(rows) / 2) or (
        sum(filled) >= 4 and next(table.iter("th"), None) is not None
    )


def _has_paragraphs(cell: Any) -> bool:
    return sum(1 for _ in cell.iter("p", "br", "div", "li", "blockquote")) > 1


def grid(table: Any) -> CellGrid:
    """Return the cells of a table where a browser would draw them, a span's text in all that it covers.

    A cell that is as wide as the table stands in its first column only.
    """
    lines: list[list[str | None]] = []
    pending: dict[int, tuple[int, str]] = {}  # column -> rows that a span above still covers, its text
    count = 0
    for row in own_rows(table):
        line: list[str | None] = []
        for cell in row:
            if cell.tag not in ("td", "th"):
                continue
            _cover(line, pending)
            text = cell_text(cell)
            count += bool(text)
            wide, high = _span(cell, "colspan"), _span(cell, "rowspan")
            for _ in range(wide):
                if high > 1:
                    pending[len(line)] = (high - 1, text)
                line.append(text)
        _cover(line, pending)
        if len(line) > 1 and len(row) == 1:
            line[1:] = [""] * (len(line) - 1)
        lines.append(line)
        if count > _MOST_CELLS:
            break
    lines = [line for line in lines if any(line)]
    caption = next((inline_markdown(_inner(part)) for part in table if part.tag == "caption"), "")
    count += bool(caption)
    return CellGrid(
        rows=lines, caption=caption.replace("\n", " "), cells=count, width=max(map(len, lines), default=0)
    )


def _cover(line: list[str | None], pending: dict[int, tuple[int, str]]) -> None:
    """Fill the columns that spans from above cover."""
    while (span := pending.get(len(line))) is not None:
        left, text = span
        if left > 1:
            pending[len(line)] = (left - 1, text)
        else:
            del pending[len(line)]
        line.append(text)


def _span(cell: Any, name: str) -> int:
    value = (cell.get(name) or "").strip()
    return min(max(int(value), 1), _MOST_SPANNED) if value.isascii() and value.isdecimal() else 1


def cell_text(cell: Any) -> str:
    """Return a cell's text in one line; lists in it are its text."""
    return inline_markdown(_inner(cell)).replace("\n", " ")


def _inner(element: Any) -> str:
    from curation.extract.trees import serialized

    return serialized(element)


def table_lines(table: CellGrid) -> list[str]:
    r"""Return a table's lines of Markdown, its caption before it.

    >>> table_lines(CellGrid(rows=[["a|b", "c"], ["1"]], caption="Of it", cells=3, width=2))
    ['Of it', '', '| a\\|b | c |', '|---|---|', '| 1 |  |']
    """
    lines = [table.caption, ""] if table.caption else []
    for number, row in enumerate(table.rows):
        lines.append(_row([*row, *[""] * (table.width - len(row))]))
        if number == 0:
            lines.append("|" + "---|" * table.width)
    return lines


def _row(cells: Sequence[str | None]) -> str:
    return "| " + " | ".join(_escaped(cell or "") for cell in cells) + " |"


def _escaped(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", text)
