"""What trafilatura would flatten or drop: data tables, definitions, quotations, captions, what buttons hide.

Tables get a mark, and are written anew where the library keeps them. Terms, definitions and quoted
paragraphs get one too, which becomes their prefix. A caption comes back with the paragraph beside it. Texts
for readers without scripts, and headings that are buttons, get tags that the library keeps.
"""

from __future__ import annotations

import re
from typing import Any

from curation.extract.render.inline import inline_markdown
from curation.extract.render.marks import Items, Lifted
from curation.extract.render.tables import grid, is_data, table_lines

_SIGNS = re.compile(
    r"<(?:[tT][aA][bB][lL][eE]|[dD][lL]|[bB][lL][oO][cC][kK][qQ]\w+|figcaption|noscript)[\s>]"
    r"|<(?:h[1-6]|dt|summary)(?:\s[^>]*)?>\s*<button"
)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6", "summary", "dt")
_NO_SCRIPT = re.compile(r"javascript|cookies?\b|browser|<img|enable|disqus", re.IGNORECASE)
_NO_SCRIPT_CHARACTERS = 40
_MOST_QUOTED = 0.5
_TERM = Lifted(markdown="", text="", block=False, counts={}, prefix="")
_DEFINITION = Lifted(markdown="", text="", block=False, counts={}, prefix=": ")
_QUOTED = Lifted(markdown="", text="", block=False, counts={}, prefix="> ")


def has_structure(html: str) -> bool:
    """Return whether a page has anything to prepare."""
    return _SIGNS.search(html) is not None


def prepare(root: Any, items: Items) -> None:
    """Change a tree in place so that an engine's text has what it would flatten or drop."""
    for table in list(root.iter("table")):
        if is_data(table) and not _is_of_links(table):
            _mark_table(table, items)
    for caption in list(root.iter("figcaption")):
        _keep_caption(caption, items)
    for part in list(root.iter("noscript")):
        _keep_text(part)
    for heading in root.iter(*_HEADINGS):
        for button in list(heading.iter("button")):
            button.tag = "span"
    for name, item in (("dt", _TERM), ("dd", _DEFINITION)):
        for part in root.iter(name):
            _put_before(part, item, items)
    _mark_quotes(root, items)


def _mark_table(table: Any, items: Items) -> None:
    """Put a mark into a table's first text, for the rows that the library makes of it to be written anew."""
    grid_cells = grid(table)
    if grid_cells.width > 1:
        lines, counts = "\n".join(table_lines(grid_cells)), {"table_cells": float(grid_cells.cells)}
        _put_before(table, Lifted(markdown=lines, text="", block=True, counts=counts, is_table=True), items)


def _is_of_links(table: Any) -> bool:
    """Return whether at least half of the text of a table is links: mostly a menu."""
    length = _length(table)
    return 2 * sum(_length(link) for link in table.iter("a")) >= length


def _length(element: Any) -> int:
    return len("".join(element.itertext()).strip())


def _keep_caption(caption: Any, items: Items) -> None:
    """Let the paragraph beside a figure bring its caption: the library drops figures."""
    figure, text = caption.getparent(), inline_markdown(_inner(caption)).replace("\n", " ")
    if figure is None or figure.tag != "figure" or not text:
        return
    item = Lifted(markdown=text, text=text, block=True, counts={"captions": 1.0})
    for node in (figure, figure.getparent()):
        for beside in (node.getprevious(), node.getnext()) if node is not None else ():
            if beside is None or beside.tag != "p" or not _length(beside):
                continue
            if beside is not node.getprevious():
                _put_before(beside, item, items)
            elif mark := items.add(item):
                _append(beside, f"{mark}{mark}")
            return
    items.lost.update(item.counts)


def _append(element: Any, text: str) -> None:
    """Put text at an element's end."""
    if len(element):
        element[-1].tail = (element[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text


def _inner(element: Any) -> str:
    from curation.extract.trees import serialized

    return serialized(element)


def _keep_text(part: Any) -> None:
    """Make a text for readers without scripts a part of the page, if it is one and asks for nothing."""
    text = "".join(part.itertext()).strip()
    if (
        len(text) >= _NO_SCRIPT_CHARACTERS
        and not _NO_SCRIPT.search(text)
        and next(part.iter("img", "iframe"), None) is None
    ):
        part.tag = "div"


def _put_before(element: Any, item: Lifted, items: Items) -> bool:
    """Put an item's mark before the first text in an element; return whether there is one."""
    for node in element.iter():
        if node.text and node.text.strip():
            if mark := items.add(item):
                node.text = f"{mark}{mark}{node.text.lstrip()}"
            return True
        if node is not element and node.tail and node.tail.strip():
            if mark := items.add(item):
                node.tail = f"{mark}{mark}{node.tail.lstrip()}"
            return True
    return False


def _mark_quotes(root: Any, items: Items) -> None:
    quotes = [
        quote for quote in root.iter("blockquote") if next(quote.iterancestors("blockquote"), None) is None
    ]
    if not quotes or sum(map(_length, quotes)) > _MOST_QUOTED * _length(root):
        return  # what is indented so is the page itself
    for quote in quotes:
        paragraphs = [part for part in quote.iter("p") if next(part.iterancestors("li", "td"), None) is None]
        for part in paragraphs or [quote]:
            _put_before(part, _QUOTED, items)
