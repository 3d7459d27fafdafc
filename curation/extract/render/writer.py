"""Blocks that an engine chose, as Markdown: headings, nested lists, definitions, quotes, tables, code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from curation.extract.render.fences import fence
from curation.extract.render.inline import inline_markdown, raw_text
from curation.extract.render.marks import MARK
from curation.extract.render.tables import grid, is_data, table_lines

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_STOPS = ("body", "html", "table", "td", "th")
_PRE = ("pre", "xmp", "listing", "plaintext")


class Kept(NamedTuple):
    """A block that an engine keeps: the container it stands in, and its serialised HTML between its ends.

    For a data table that is kept whole, the table's container and its whole HTML, from `<table` to
    `</table>`.
    """

    container: int
    html: str


class Rendered(NamedTuple):
    """Markdown, marks of lifted things in it, and what it has of table cells, list items and captions."""

    text: str
    counts: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Place:
    """What a container says about its blocks: heading level (0 for none), list items and quotes around it."""

    heading: int = 0
    items: tuple[int, ...] = ()
    quote: int = 0
    definition: str = ""
    pre: bool = False
    caption: bool = False
    cell: int = -1
    group: int = -1


def write(tags: Sequence[str], parents: Sequence[int], kept: Iterable[Kept]) -> Rendered:
    """Return the blocks in Markdown, in the order given.

    tags: container -> name of its element in lower case. parents: container -> the one around it; a parent
    comes
    before its children, and the first is its own. Blocks are parted by a blank line, items of a list by a
    line feed. A heading of the first level is written once.
    """
    return _BlockWriter(tags, parents).run(kept)


class _BlockWriter:
    def __init__(self, tags: Sequence[str], parents: Sequence[int]) -> None:
        self._tags = tags
        self._parents = parents
        self._places: dict[int, _Place] = {}
        self._numbers: dict[int, int] = {}
        self._lines: list[str] = []
        self._indents: dict[int, int] = {}
        self._last = _Place()
        self._titles: set[str] = set()
        self._cells: set[int] = set()
        self._captions: set[int] = set()
        self._counts: Counter[str] = Counter()

    def run(self, kept: Iterable[Kept]) -> Rendered:
        for container, html in kept:
            place = self._place(container)
            if html.startswith("<table") and html.endswith("</table>") and self._table(html, place):
                continue
            self._block(place, html)
        self._counts["table_cells"] += len(self._cells)
        self._counts["captions"] += len(self._captions)
        self._counts["list_items"] += len(self._indents)
        text = "\n".join(self._lines).strip("\n")
        return Rendered(
            text,
            {f"{name}_kept": float(self._counts[name]) for name in ("table_cells", "list_items", "captions")},
        )

    def _block(self, place: _Place, html: str) -> None:
        if place.pre:
            text = raw_text(html).strip("\n")
            if text.strip():
                self._put(place, text.split("\n") if MARK.search(text) else fence(text.rstrip()).split("\n"))
            return
        text = inline_markdown(html, emphasis=not place.heading)
        if not text:
            return
        if place.heading:
            text = text.replace("\n", " ")
            if place.heading == 1 or text in self._titles:
                if text in self._titles:
                    return
                self._titles.add(text)
            text = f"{'#' * place.heading} {text}"
        self._put(place, text.split("\n"))

    def _put(self, place: _Place, lines: list[str]) -> None:
        """Add the lines of a block behind what its place puts before them."""
        if place.cell >= 0:
            self._cells.add(place.cell)
        if place.caption:
            self._captions.add(place.group)
        indent, mark = self._indent(place)
        if place.definition == "dd" and not mark:
            mark, indent = (
                (": ", indent)
                if self._last.definition != "dd" or self._last.group != place.group
                else ("  ", indent)
            )
        quote = "> " * place.quote
        if self._lines and not self._joins(place):
            both = min(place.quote, self._last.quote) if place.quote else 0
            self._lines.append(("> " * both).rstrip())
        for number, line in enumerate(lines):
            before = f"{' ' * indent}{mark}" if number == 0 else " " * (indent + len(mark))
            self._lines.append(f"{quote}{before}{line}".rstrip() if line else quote.rstrip())
        self._last = place

    def _joins(self, place: _Place) -> bool:
        """Return whether no blank line comes before a block: items of one list, a term and its definition."""
        last = self._last
        if place.quote != last.quote:
            return False
        if place.items and last.items:
            return (
                place.items[0] == last.items[0]
                or self._parents[place.items[0]] == self._parents[last.items[0]]
            )
        return bool(place.definition == "dd" and last.definition) and not place.items and not last.items

    def _indent(self, place: _Place) -> tuple[int, str]:
        """Return the columns before a block, and the mark of the list item that it begins, if any."""
        indent = 0
        for position, item in enumerate(place.items):
            if item in self._indents:
                indent = self._indents[item]
                continue
            mark = self._mark(item)
            self._indents[item] = indent + len(mark)
            if position == len(place.items) - 1:
                return indent, mark
            del self._indents[item]  # an item without text of its own
        return indent, ""

    def _mark(self, item: int) -> str:
        around = self._parents[item]
        if self._tags[around] != "ol":
            return "- "
        if not self._numbers:
            counts: Counter[int] = Counter()
            for number, tag in enumerate(self._tags):
                if tag == "li":
                    counts[self._parents[number]] += 1
                    self._numbers[number] = counts[self._parents[number]]
        return f"{self._numbers[item]}. "

    def _place(self, container: int) -> _Place:
        """Return what stands around a container, from the one around it, which is looked at once."""
        chain = []
        while container not in self._places:
            chain.append(container)
            if self._parents[container] == container:
                break
            container = self._parents[container]
        place = self._places.get(container, _Place())
        for inner in reversed(chain):
            place = self._places[inner] = _within(place, self._tags[inner], inner)
        return place

    def _table(self, html: str, place: _Place) -> bool:
        """Write a table as rows; return whether it is one of data, which alone has them."""
        from curation.extract.trees import fragment

        table = next(fragment(html).iter("table"), None)
        if table is None or not is_data(table):
            return False
        found = grid(table)
        self._counts["table_cells"] += found.cells
        self._put(_Place(group=place.group, quote=place.quote), table_lines(found))
        return True


def _within(place: _Place, tag: str, container: int) -> _Place:
    """Return the place inside an element of a name."""
    if tag in _STOPS:
        cell = container if tag in ("td", "th") else place.cell
        return (
            _Place(cell=cell, quote=place.quote)
            if tag != "table"
            else _Place(quote=place.quote, cell=place.cell)
        )
    changes: dict[str, object] = {}
    if tag in _HEADINGS:
        changes = {"heading": _HEADINGS[tag]}
    elif tag == "li":
        changes = {"items": (*place.items, container), "heading": 0}
    elif tag == "blockquote":
        changes = {"quote": place.quote + 1, "items": ()}
    elif tag in ("dt", "dd"):
        changes = {"definition": tag, "group": container}
    elif tag in _PRE:
        changes = {"pre": True}
    elif tag in ("figcaption", "caption"):
        changes = {"caption": True, "group": container}
    if not changes:
        return place
    fields = {name: getattr(place, name) for name in place.__slots__}
    return _Place(**{**fields, **changes})
