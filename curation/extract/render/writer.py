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
class _Context:
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
        self._contexts: dict[int, _Context] = {}
        self._numbers: dict[int, int] = {}
        self._lines: list[str] = []
        self._indents: dict[int, int] = {}
        self._last = _Context()
        self._titles: set[str] = set()
        self._cells: set[int] = set()
        self._captions: set[int] = set()
        self._counts: Counter[str] = Counter()

    def run(self, kept: Iterable[Kept]) -> Rendered:
        for container, html in kept:
            context = self._context(container)
            if html.startswith("<table") and html.endswith("</table>") and self._table(html, context):
                continue
            self._block(context, html)
        self._counts["table_cells"] += len(self._cells)
        self._counts["captions"] += len(self._captions)
        self._counts["list_items"] += len(self._indents)
        text = "\n".join(self._lines).strip("\n")
        return Rendered(
            text,
            {f"{name}_kept": float(self._counts[name]) for name in ("table_cells", "list_items", "captions")},
        )

    def _block(self, context: _Context, html: str) -> None:
        if context.pre:
            text = raw_text(html).strip("\n")
            if text.strip():
                self._put(
                    context, text.split("\n") if MARK.search(text) else fence(text.rstrip()).split("\n")
                )
            return
        text = inline_markdown(html, emphasis=not context.heading)
        if not text:
            return
        if context.heading:
            text = text.replace("\n", " ")
            if context.heading == 1 or text in self._titles:
                if text in self._titles:
                    return
                self._titles.add(text)
            text = f"{'#' * context.heading} {text}"
        self._put(context, text.split("\n"))

    def _put(self, context: _Context, lines: list[str]) -> None:
        """Add the lines of a block behind what its place puts before them."""
        if context.cell >= 0:
            self._cells.add(context.cell)
        if context.caption:
            self._captions.add(context.group)
        indent, mark = self._indent(context)
        if context.definition == "dd" and not mark:
            mark, indent = (
                (": ", indent)
                if self._last.definition != "dd" or self._last.group != context.group
                else ("  ", indent)
            )
        quote = "> " * context.quote
        if self._lines and not self._joins(context):
            both = min(context.quote, self._last.quote) if context.quote else 0
            self._lines.append(("> " * both).rstrip())
        for number, line in enumerate(lines):
            before = f"{' ' * indent}{mark}" if number == 0 else " " * (indent + len(mark))
            self._lines.append(f"{quote}{before}{line}".rstrip() if line else quote.rstrip())
        self._last = context

    def _joins(self, context: _Context) -> bool:
        """Return whether no blank line comes before a block: items of one list, a term and its definition."""
        last = self._last
        if context.quote != last.quote:
            return False
        if context.items and last.items:
            return (
                context.items[0] == last.items[0]
                or self._parents[context.items[0]] == self._parents[last.items[0]]
            )
        return bool(context.definition == "dd" and last.definition) and not context.items and not last.items

    def _indent(self, context: _Context) -> tuple[int, str]:
        """Return the columns before a block, and the mark of the list item that it begins, if any."""
        indent = 0
        for position, item in enumerate(context.items):
            if item in self._indents:
                indent = self._indents[item]
                continue
            mark = self._mark(item)
            self._indents[item] = indent + len(mark)
            if position == len(context.items) - 1:
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

    def _context(self, container: int) -> _Context:
        """Return what stands around a container, from the one around it, which is looked at once."""
        chain = []
        while container not in self._contexts:
            chain.append(container)
            if self._parents[container] == container:
                break
            container = self._parents[container]
        context = self._contexts.get(container, _Context())
        for inner in reversed(chain):
            context = self._contexts[inner] = _within(context, self._tags[inner], inner)
        return context

    def _table(self, html: str, context: _Context) -> bool:
        """Write a table as rows; return whether it is one of data, which alone has them."""
        from curation.extract.trees import fragment

        table = next(fragment(html).iter("table"), None)
        if table is None or not is_data(table):
            return False
        grid_cells = grid(table)
        self._counts["table_cells"] += grid_cells.cells
        self._put(_Context(group=context.group, quote=context.quote), table_lines(grid_cells))
        return True


def _within(context: _Context, tag: str, container: int) -> _Context:
    """Return the place inside an element of a name."""
    if tag in _STOPS:
        cell = container if tag in ("td", "th") else context.cell
        return (
            _Context(cell=cell, quote=context.quote)
            if tag != "table"
            else _Context(quote=context.quote, cell=context.cell)
        )
    changes: dict[str, object] = {}
    if tag in _HEADINGS:
        changes = {"heading": _HEADINGS[tag]}
    elif tag == "li":
        changes = {"items": (*context.items, container), "heading": 0}
    elif tag == "blockquote":
        changes = {"quote": context.quote + 1, "items": ()}
    elif tag in ("dt", "dd"):
        changes = {"definition": tag, "group": container}
    elif tag in _PRE:
        changes = {"pre": True}
    elif tag in ("figcaption", "caption"):
        changes = {"caption": True, "group": container}
    if not changes:
        return context
    fields = {name: getattr(context, name) for name in context.__slots__}
    return _Context(**{**fields, **changes})
