"""Tables that only lay out a page, unwrapped into the paragraphs that they hold.

Pages of the 2000s stand in tables. The engine keeps their text and its structure, but Markdown has one line
for a row, so a whole article becomes one line, and rules on lines drop it. Here, after the engine has chosen
what to keep and before Markdown is written, such rows become paragraphs. No word is added or lost.
"""

from __future__ import annotations

from typing import Any

#: A cell of more characters than this that also has line breaks is prose, not a datum.
_PROSE_CHARACTERS = 400
#: What holds cells, and cells, in HTML and in an extracted body; what no reader sees.
CELLS = ("table", "td", "th", "caption", "cell", "script", "style")
#: The same of lists and their items.
LISTS = ("li", "dt", "dd", "list", "item", "script", "style")
_BLOCKS = ("code", "head", "list", "p", "quote", "table")
_BREAKS = (*_BLOCKS, "lb")


def unwrap_layout(body: Any) -> int:
    """Unwrap the layout tables of an extracted body in place; return how many cells with text that was.

    A table is layout if no row has two filled cells, or if it has no head and at least half of its text is in
    cells of prose. Of the latter, rows of several short cells stay a table.
    """
    cells = 0
    for table in list(body.iter("table")):
        if table.getparent() is None or next(table.iterancestors("cell", "item"), None) is not None:
            continue
        rows = [row for row in table if row.tag == "row"]
        prose = _prose_rows(rows)
        if prose:
            cells += sum(has_text(cell, but=CELLS) for row in prose for cell in row)
            _split(table, rows, set(prose))
    return cells


def has_text(element: Any, *, but: tuple[str, ...]) -> bool:
    """Return whether text stands in an element, outside of what elements inside it of some names hold."""
    waiting = [element]
    while waiting:
        part = waiting.pop()
        if part.text and not part.text.isspace():
            return True
        for child in part:
            if child.tail and not child.tail.isspace():
                return True
            if child.tag not in but:
                waiting.append(child)
    return False


def _prose_rows(rows: list[Any]) -> list[Any]:
    """Return the rows to unwrap, none where the table holds data."""
    if all(len(_filled(row)) < 2 for row in rows):
        return rows
    if any(cell.get("role") == "head" for row in rows for cell in row):
        return []
    long = {row for row in rows if any(map(_is_prose, row))}
    size = sum(_length(cell) for row in long for cell in row if _is_prose(cell))
    if 2 * size < sum(_length(row) for row in rows):
        return []
    return [row for row in rows if row in long or len(_filled(row)) < 2]


def _filled(row: Any) -> list[Any]:
    return [cell for cell in row if _length(cell)]


def _length(element: Any) -> int:
    return len(" ".join("".join(element.itertext()).split()))


def _is_prose(cell: Any) -> bool:
    return _length(cell) > _PROSE_CHARACTERS and sum(1 for _ in cell.iterdescendants(*_BREAKS)) > 1


def _split(table: Any, rows: list[Any], prose: set[Any]) -> None:
    """Replace the table by the paragraphs of its prose rows, and tables of the runs between them."""
    parts: list[Any] = []
    run: Any = None
    for row in rows:
        if row in prose:
            run = None
            for cell in row:
                parts += _paragraphs(cell)
            continue
        if run is None:
            run = table.makeelement("table")
            parts.append(run)
        run.append(row)
    last, tail = table, table.tail
    for part in parts or [table.makeelement("p")]:
        part.tail = None
        last.addnext(part)  # in constant time; an insertion would count the elements before it
        last = part
    table.getparent().remove(table)
    last.tail = tail


def _paragraphs(cell: Any) -> list[Any]:
    """Return the cell's blocks as they are, and what runs between them as paragraphs, line breaks kept."""
    code = {element for block in cell.iter("code") for element in block.iter()}
    for element in cell.iter():
        if element not in code:
            element.text = _spaced(element.text)
        if element not in code or element.tag == "code":
            element.tail = _spaced(element.tail)
    _tidy(cell)
    parts: list[Any] = []
    run = cell.makeelement("p")
    run.text = cell.text
    for child in list(cell):
        if child.tag in _BLOCKS and not (child.tag == "code" and "\n" not in (child.text or "")):
            parts += [run, child]
            run = cell.makeelement("p")
            run.text, child.tail = child.tail, None
        else:
            run.append(child)
    after = cell.makeelement("p")  # text of broken HTML, between two cells
    after.text = cell.tail
    parts += [run, after]
    return [part for part in parts if _length(part)]


def _tidy(cell: Any) -> None:
    """Take out what Markdown cannot say outside a cell, keeping its text.

    The line breaks of a heading would leave its mark alone on a line; and where a paragraph or heading begins
    with an empty inline element, trafilatura's writer loses the text after it.
    """
    from lxml import etree

    for head in cell.iter("head"):
        for line_break in head.iter("lb"):
            line_break.tail = f" {line_break.tail or ''}"
        etree.strip_tags(head, "lb")
        head.text = (head.text or "").lstrip()
    for inline in list(cell.iter("hi", "del", "ref")):
        if not _length(inline):
            inline.tag = "empty"
    etree.strip_tags(cell, "empty")


def _spaced(text: str | None) -> str | None:
    """Return the text with each run of white space as one space: outside a cell, a line feed would break."""
    if not text:
        return None
    inner = " ".join(text.split())
    before = " " if text[0].isspace() else ""
    after = " " if inner and text[-1].isspace() else ""
    return f"{before}{inner}{after}"
