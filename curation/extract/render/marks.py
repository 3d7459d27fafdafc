"""Stand-ins for what was lifted out of a page, and how they are put back into the text that an engine kept.

A stand-in is a mark, words, and the same mark again. A mark is one character that no page has: engines take
it for a letter of the word it stands at, and so keep it where they keep the word.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

#: Tangut ideographs (Unicode 9.0): printable letters, which libraries leave alone, unlike private characters.
_FIRST, MARKS = 0x17000, 6000
_RANGE = f"{chr(_FIRST)}-{chr(_FIRST + MARKS - 1)}"
MARK = re.compile(f"[{_RANGE}]")
STAND_IN = re.compile(f"([{_RANGE}])([^{_RANGE}]*)\\1")
_NO_MARKS = dict.fromkeys(range(_FIRST, _FIRST + MARKS))
_ROW = re.compile(r"\s*\|")
_LIST_MARK = re.compile(f"(\\s*)(?:[-*+•] |\\d{{1,9}}[.)] )?([{_RANGE}])\\2")
_PREFIX = re.compile(r"\s*(?:(?:[-*+•>]|\d{1,9}[.)]|#{1,6})\s*)*")


@dataclass(frozen=True, slots=True)
class Lifted:
    """One thing that was lifted.

    Attributes:
        markdown: what it is written as.
        text: the same without marks.
        block: whether it takes lines of its own.
        counts: name -> number, of what it holds.
        cell: what it is written as in a row of a table, "" where no row can hold it.
        prefix: what a line begins with in place of a list's mark, None for what is no prefix.
        is_table: whether it takes the place of the rows that its mark stands in.
    """

    markdown: str
    text: str
    block: bool
    counts: Mapping[str, float]
    cell: str = ""
    prefix: str | None = None
    is_table: bool = False


class Restored(NamedTuple):
    """A text with everything back in its place, and what was seen and kept, by name."""

    text: str
    counts: dict[str, float]


@dataclass(slots=True)
class Items:
    """The things lifted out of one page, in the order of their marks. Falsy where there are none.

    lost: counts of what could not be lifted, which are seen and never kept.
    """

    items: list[Lifted] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.items)

    def add(self, item: Lifted) -> str:
        """Return the mark of a new item, "" where no mark is left: the page keeps it as it is."""
        if len(self.items) >= MARKS:
            self.lost.update(item.counts)
            return ""
        self.items.append(item)
        return chr(_FIRST + len(self.items) - 1)

    def has_table(self, text: str) -> bool:
        """Return whether the mark of a table is in a text."""
        numbers = (ord(mark) - _FIRST for mark in MARK.findall(text))
        return any(number < len(self.items) and self.items[number].is_table for number in numbers)

    def restore(self, text: str, *, markdown: bool = True) -> Restored:
        """Return a text with each stand-in replaced by its item.

        The counts are `NAME_seen` and `NAME_kept` of all that items hold. An item that comes twice is kept
        once. What is left of a stand-in that an engine cut keeps its words, and counts as lost.

        markdown: False for a text without marks of Markdown.
        """
        kept: set[int] = set()
        if self.items and MARK.search(text):
            paragraphs = _Restoring(self.items, kept, markdown=markdown).lines(text)
            text = "\n".join(paragraphs).strip("\n")
        totals: Counter[str] = Counter({"code_blocks": 0, **self.lost})
        for item in self.items:
            totals.update(item.counts)
        kept_counts: Counter[str] = Counter()
        for number in kept:
            kept_counts.update(self.items[number].counts)
        counts = {f"{name}_seen": float(count) for name, count in totals.items()}
        return Restored(text, counts | {f"{name}_kept": float(kept_counts[name]) for name in totals})


def has_marks(html: str) -> bool:
    """Return whether a page has characters of its own that are marks here: then nothing can be lifted."""
    return not html.isascii() and MARK.search(html) is not None


def strip_marks(text: str) -> str:
    """Return the text without marks; the words of stand-ins stay."""
    return text.translate(_NO_MARKS)


class _Restoring:
    """Puts items in the place of their stand-ins, line by line."""

    def __init__(self, items: Sequence[Lifted], kept: set[int], *, markdown: bool) -> None:
        self._items = items
        self._kept = kept
        self._markdown = markdown

    def lines(self, text: str) -> list[str]:
        """Return the lines of a text; those of a block have a blank line before and after."""
        result: list[str] = []
        after_block = in_table = False
        for line in self._joined(text):
            is_row = self._markdown and _ROW.match(line) is not None
            table = self._table_of(line) if is_row else None
            if table is not None:
                self._kept.add(table)
                _blank(result)
                result += self.lines(self._items[table].markdown)
                in_table, after_block = True, False
            elif is_row and in_table:
                continue
            elif MARK.search(line):
                in_table = False
                after_block = self._line(line, result, after_block=after_block)
            else:
                if (after_block or in_table) and line.strip():
                    _blank(result)
                after_block = in_table = False
                result.append(line)
        return result

    def _table_of(self, line: str) -> int | None:
        """Return the number of the table whose first text stands in a line."""
        numbers = (ord(mark) - _FIRST for mark in MARK.findall(line))
        return next((n for n in numbers if n < len(self._items) and self._items[n].is_table), None)

    def _joined(self, text: str) -> list[str]:
        """Return the text's lines, where a stand-in of several lines is in one."""
        flat = STAND_IN.sub(lambda match: f"{match[1]}{match[1]}", text)
        return flat.split("\n")

    def _line(self, line: str, result: list[str], *, after_block: bool) -> bool:
        """Add what becomes of a line with marks; return whether a block was its end."""
        line = self._prefixed(line, result)
        row = self._markdown and _ROW.match(line) is not None
        blocks: list[Lifted] = []

        def inline(match: re.Match[str]) -> str:
            item = self._take(match)
            if item.is_table:  # its rows became something else
                return ""
            if item.block and not (row and item.cell):
                blocks.append(item)
                return "\n"
            return item.cell if row and item.cell else item.markdown if self._markdown else item.text

        parts = STAND_IN.sub(inline, line).translate(_NO_MARKS).split("\n")
        if row and blocks:  # no row holds a block: what else it has comes first
            parts = ["".join(parts), *[""] * len(blocks)]
            parts[0] = parts[0] if re.search(r"[^\s|]", parts[0]) else ""
        ended = after_block
        for position, part in enumerate(parts):
            bare = _PREFIX.fullmatch(part) if blocks else None
            if not (bare or (blocks and not part.strip())):
                if ended:
                    _blank(result)
                result.append(part.strip(" ") if position else part.rstrip(" ") if blocks else part)
                ended = False
            if position < len(blocks):
                item = blocks[position]
                _blank(result)
                result += self._block(item)
                ended = True
        return ended

    def _block(self, item: Lifted) -> list[str]:
        """Return the lines of a block, and what was lifted out of it before."""
        text = item.markdown if self._markdown else item.text
        return self.lines(text) if MARK.search(text) else text.split("\n")

    def _prefixed(self, line: str, result: list[str]) -> str:
        """Return a line with the prefix that a mark at its beginning stands for."""
        match = _LIST_MARK.match(line)
        if match is None or not self._markdown:
            return line
        prefix = (
            self._items[ord(match[2]) - _FIRST].prefix if ord(match[2]) - _FIRST < len(self._items) else None
        )
        if prefix is None:
            return line
        if prefix != ": ":
            _blank(result)
        indent = match[1] if prefix else ""
        return f"{indent if prefix == '> ' else ''}{prefix}{line[match.end() :]}"

    def _take(self, match: re.Match[str]) -> Lifted:
        number = ord(match[1]) - _FIRST
        if number >= len(self._items):
            return Lifted(markdown=match[2], text=match[2], block=False, counts={})
        self._kept.add(number)
        return self._items[number]


def _blank(result: list[str]) -> None:
    if result and result[-1].strip():
        result.append("")
