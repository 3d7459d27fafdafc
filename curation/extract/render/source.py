"""The lift on lexbor's serialised tree, for engines that read that: only what may hold something is parsed.

The source is well nested, has an end tag for every element but the void ones, and quotes its attributes.
Lists of elements of lexbor's own tree take quadratic time to read, and a replacement in it takes 0.1 ms; here
a page costs a few plain searches, and a region of it a small tree.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape, unescape

from curation.extract.render.code import INLINE
from curation.extract.render.lift import lift_into, lift_written, page_signs
from curation.extract.render.marks import Items, has_marks
from curation.extract.render.signs import PICTURE_HINTS, Signs, hidden_spans, offsets_of
from curation.extract.trees import fragment, serialized

_VOID = (
    "br",
    "col",
    "embed",
    "hr",
    "img",
    "input",
    "link",
    "meta",
    "param",
    "source",
    "track",
    "wbr",
    "base",
)
_TABLE_OF_CODE = re.compile(r"<pre[\s>]|class=\"[^\"]*(?:blob-code|hljs-ln|crayon|code|gutter|lntd)")
_ATTRIBUTE = re.compile(r"=\"[^\"<]*<")
_TAG = re.compile(r"<[A-Za-z][^\s>\"]*(?:\s+[^\s=>\"]+(?:=\"[^\"]*\")?)*\s*/?>")


_COPY = re.compile(r"\s*<(span|div|script)(?=[\s>])[^>]*(?:MathJax|MJX|mjx-chtml|\"math/)")
#: How many times the length of a page is looked at for the ends of tables in tables.
_TABLE_SCANS = 20


_NAME = re.compile(r"[a-z][a-z0-9-]*")
_PARAGRAPH = re.compile(r"<(p|div|td|dd|blockquote)(?: [^>]*)?>")
_TEXTAREA_HINTS = (
    "code",
    "readonly",
    "snippet",
    "source",
    "crayon",
    "brush",
    "raw",
    "plain",
    "syntax",
    "lang",
)
_STYLED = re.compile(r'style="[^"]*(?:white-space: ?pre|monospace|onsolas|ourier|Menlo|Monaco)')


def lift_source(source: str) -> tuple[str, Items]:
    """Return a page's serialised tree with stand-ins for code and formulas, and what was lifted.

    A block's stand-in is a `pre` that holds nothing but text. The source itself comes back where nothing was
    lifted. Never raises.
    """
    items = Items()
    page_hints = page_signs(source)
    if not page_hints or has_marks(source):
        return source, items
    if _ATTRIBUTE.search(source):
        source = _TAG.sub(_without_angles, source)
    lifted = _Scan(source, items, page_hints).run()
    return (lifted, items) if items or items.lost else (source, items)


class _Scan:
    """One pass over a source: regions are replaced as they come."""

    def __init__(self, source: str, items: Items, page_hints: Signs) -> None:
        self._source = source
        self._items = items
        self._found = page_hints
        self._left = _TABLE_SCANS * len(source) + 2**20

    def run(self) -> str:
        """Return the source with stand-ins."""
        source = self._source
        parts: list[str] = []
        copied = position = 0
        for offset in self._offsets():
            if offset < position:
                continue
            start, end, lifted = (
                self._element(offset) if source[offset] == "<" else self._text(offset, copied)
            )
            if lifted is not None:
                parts += [source[copied:start], lifted]
                copied = end
            position = end
        return "".join((*parts, source[copied:]))

    def _offsets(self) -> list[int]:
        """Return where elements begin that are to be looked at, and delimiters of formulas, in order."""
        source, page_hints = self._source, self._found
        offsets = {
            offset
            for tag in page_hints.tags
            for offset in offsets_of(source, f"<{tag}")
            if source[offset + len(tag) + 1] in " >/"
        }
        for names in page_hints.classes:
            offsets.update(source.rfind("<", 0, offset) for offset in offsets_of(source, f'class="{names}"'))
        if page_hints.styled:
            offsets.update(source.rfind("<", 0, match.start()) for match in _STYLED.finditer(source))
        if page_hints.classes or any(tag in page_hints.tags for tag in ("pre", "code", "tt")):
            offsets.update(offsets_of(source, "<table"))
        if page_hints.written:
            marks = (
                ("$", "\\(", "\\[", "\\begin{") if page_hints.dollars else ("$$", "\\(", "\\[", "\\begin{")
            )
            offsets.update(offset for mark in marks for offset in offsets_of(source, mark))
        offsets.discard(-1)
        hidden = iter(hidden_spans(source))
        start, end = next(hidden, (len(source), len(source)))
        result = []
        for offset in sorted(offsets):
            while offset >= end and start < len(source):
                start, end = next(hidden, (len(source), len(source)))
            if offset < start or (offset == start and self._is_written_script(offset)):
                result.append(offset)
        return result

    def _text(self, offset: int, copied: int) -> tuple[int, int, str | None]:
        """Return (start, end, replacement) of the text node around a delimiter."""
        start = max(copied, self._source.rfind(">", copied, offset) + 1)
        end = self._source.find("<", offset)
        end = len(self._source) if end < 0 else end
        if self._source.find("<", start, offset) >= 0:  # in a tag
            return start, offset + 1, None
        before = len(self._items)
        text = lift_written(unescape(self._source[start:end]), self._items, dollars=self._found.dollars)
        return start, end, escape(text, quote=False) if len(self._items) > before else None

    def _element(self, start: int) -> tuple[int, int, str | None]:
        """Return (start, end, replacement) of the element that begins at a place."""
        tag = _NAME.match(self._source, start + 1)
        if tag is None:
            return start, start + 1, None
        if tag[0] == "table":
            return self._table(start)
        end = self._end(tag[0], start)
        if self._is_plain(tag[0], start, end):
            return start, end, None
        if tag[0] in INLINE and self._source.startswith("<br", end):
            start, end = self._around(start, end)
        while copy := _COPY.match(self._source, end):  # what a script drew, then the script itself
            end = self._end(copy[1], copy.start(1) - 1)
        return start, end, self._region(start, end)

    def _is_plain(self, tag: str, start: int, end: int) -> bool:
        """Return whether an element needs no tree to see that it stays: code in a line, most pictures."""
        source = self._source
        if tag in INLINE and not source.startswith("<br", end):
            lines = "\n" in source[start:end] or source.find("<br", start, end) >= 0
            return not lines and "math" not in source[start : source.find(">", start)]
        if tag in ("img", "textarea"):
            head = source[start : source.find(">", start) + 1]
            hints = PICTURE_HINTS if tag == "img" else _TEXTAREA_HINTS
            return not any(hint in head for hint in hints)
        return False

    def _around(self, start: int, end: int) -> tuple[int, int]:
        """Return where the paragraph is that begins with a line of code, or the line where none does."""
        before = self._source.rfind("<", 0, start)
        parent = _PARAGRAPH.match(self._source, before) if before >= 0 else None
        if parent is None or parent.end() != start:
            return start, end
        return before, self._end(parent[1], before)

    def _table(self, start: int) -> tuple[int, int, str | None]:
        """Return the same of a table, which is looked at if it may be a listing with its numbers."""
        if self._left < 0:
            return start, start + 1, None
        end = self._end("table", start)
        self._left -= end - start
        if not _TABLE_OF_CODE.search(self._source, start, end):
            return start, start + 1, None
        return start, end, self._region(start, end)

    def _region(self, start: int, end: int) -> str | None:
        """Return a region with stand-ins, None where nothing in it was lifted."""
        before, lost = len(self._items), self._items.lost.total()
        body = fragment(self._source[start:end])
        elements = sum(1 for _ in body.iter())
        lift_into(self._items, body, self._found, block_tag="pre")
        changed = len(self._items) > before or self._items.lost.total() > lost
        return serialized(body) if changed or sum(1 for _ in body.iter()) < elements else None

    def _is_written_script(self, offset: int) -> bool:
        """Return whether a script is one that no browser runs."""
        head = self._source[offset : self._source.find(">", offset)]
        return head.startswith("<script") and any(
            kind in head for kind in ('"math/', "yntaxhighlighter", "text/plain")
        )

    def _end(self, tag: str, start: int) -> int:
        """Return where the element that starts there ends."""
        if tag in _VOID:
            return self._source.find(">", start) + 1 or len(self._source)
        depth = 0
        for match in _ends(tag).finditer(self._source, start):
            if match[1] is None:
                continue
            depth += -1 if match[1] == "/" else 1
            if depth == 0:
                return self._source.find(">", match.start()) + 1 or len(self._source)
        return len(self._source)


@cache
def _ends(tag: str) -> re.Pattern[str]:
    hidden = "" if tag in ("script", "style") else r"|<script[\s>].*?</script>|<style[\s>].*?</style>"
    return re.compile(rf"<(/?){tag}(?=[\s>])|<!--.*?-->{hidden}", re.DOTALL)


def _without_angles(tag: re.Match[str]) -> str:
    """Return a tag whose attributes have no angle brackets."""
    text = tag[0]
    return f"<{text[1:-1].replace('<', '&lt;')}>" if "<" in text[1:] else text
