"""The lift on lexbor's serialised tree, for engines that read that: only what may hold something is parsed.

The source is well nested, has an end tag for every element but the void ones, and quotes its attributes.
Lists
of elements of lexbor's own tree take quadratic time to read, and a replacement in it takes 0.1 ms; here a
page costs one search, and a region of it a small tree.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape, unescape

from curation.extract.render.lift import CANDIDATE, has_formula_scripts, lift_into, lift_written
from curation.extract.render.marks import MARK, Items
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
_NAMES = (
    r"highlight|\b_?code|-code|source-?code|codehilite|csharpcode|crayon|CodeMirror|ace_|view-lines|syntax|hljs|shiki|prism|geshi|listing"
    r"|blob-|enlighter|brush|prettyprint|\blang(?:uage)?[-:_]|cm-content|katex|MathJax|MJX|mjx|mwe-math|arithmatex|ql-formula|math"
    r"|\btex\b|latex|formula|equation|verbatim|bbcode_code"
)
#: What no reader sees, elements that may be lifted or hold what may, and formulas in the text.
_REGION = re.compile(
    r"(?P<hidden><(?:!--|(?P<raw>script|style|title|iframe|noembed|noframes)[\s>]))"
    r"|<(?P<tag>pre|code|tt|kbd|samp|textarea|xmp|listing|math|mjx-container|d-math|tex|la-tex|latex|tex-math|katex|amp-mathml"
    r"|math-renderer|img(?= [^>]*(?:alt|src|data-mathml)=))(?=[\s>])"
    rf"|<(?P<named>div|span|figure|section|ol|td|dl|table"
    rf"|p)(?=[\s>])[^>]*? (?:class=\"[^\"]*?(?:{_NAMES})|style=\"[^\"]*(?:white-space: ?pre|monospace"
    r"|[cC]onsolas|[cC]ourier))"
    r"|(?P<table><table[\s>])"
    r"|(?P<text>\\[(\[]|\$|\\begin\{)"
)
_TABLE_OF_CODE = re.compile(r"<pre[\s>]|class=\"[^\"]*(?:blob-code|hljs-ln|crayon|code|gutter|lntd)")
_ATTRIBUTE = re.compile(r"=\"[^\"<]*<")
_TAG = re.compile(r"<[A-Za-z][^\s>\"]*(?:\s+[^\s=>\"]+(?:=\"[^\"]*\")?)*\s*/?>")


_COPY = re.compile(r"\s*<(span|div|script)(?=[\s>])[^>]*(?:MathJax|MJX|mjx-chtml|\"math/)")
#: How many times the length of a page is looked at for the ends of tables in tables.
_TABLE_SCANS = 20


def lift_source(source: str) -> tuple[str, Items]:
    """Return a page's serialised tree with stand-ins for code and formulas, and what was lifted.

    A block's stand-in is a `pre` that holds nothing but text. The source itself comes back where nothing was
    lifted. Never raises.
    """
    items = Items()
    if not CANDIDATE.search(source) or MARK.search(source):
        return source, items
    if _ATTRIBUTE.search(source):
        source = _TAG.sub(_without_angles, source)
    scan = _Scan(source, items)
    lifted = scan.run()
    return (lifted, items) if items or items.lost else (source, items)


class _Scan:
    """One pass over a source: regions are replaced as they come."""

    def __init__(self, source: str, items: Items) -> None:
        self._source = source
        self._items = items
        self._dollars = has_formula_scripts(source)
        self._left = _TABLE_SCANS * len(source) + 2**20

    def run(self) -> str:
        """Return the source with stand-ins."""
        source, parts, copied, position = self._source, [], 0, 0
        while match := _REGION.search(source, position):
            if match["hidden"] and not self._is_formula_script(match):
                position = self._end_of_hidden(match)
                continue
            start, end, lifted = self._text(match, copied) if match["text"] else self._element(match)
            if lifted is not None:
                parts += [source[copied:start], lifted]
                copied = end
            position = end
        return "".join((*parts, source[copied:]))

    def _text(self, match: re.Match[str], copied: int) -> tuple[int, int, str | None]:
        """Return (start, end, replacement) of the text node around a delimiter."""
        start = max(copied, self._source.rfind(">", copied, match.start()) + 1)
        end = self._source.find("<", match.start())
        end = len(self._source) if end < 0 else end
        if self._source.find("<", start, match.start()) >= 0:  # in a tag
            return start, match.end(), None
        before = len(self._items)
        text = lift_written(unescape(self._source[start:end]), self._items, dollars=self._dollars)
        return start, end, escape(text, quote=False) if len(self._items) > before else None

    def _element(self, match: re.Match[str]) -> tuple[int, int, str | None]:
        """Return (start, end, replacement) of the element that begins at a match."""
        start = match.start()
        tag = match["tag"] or match["named"] or match["raw"] or "table"
        if match["table"] and self._left < 0:
            return start, match.end(), None
        end = self._end(tag, start)
        if match["table"]:
            self._left -= end - start
            if not _TABLE_OF_CODE.search(self._source, start, end):
                return start, match.end(), None
        while copy := _COPY.match(self._source, end):  # what a script drew, then the script itself
            end = self._end(copy[1], copy.start(1) - 1)
        return start, end, self._region(start, end)

    def _region(self, start: int, end: int) -> str | None:
        """Return a region with stand-ins, None where nothing in it was lifted."""
        before, lost = len(self._items), self._items.lost.total()
        body = fragment(self._source[start:end])
        elements = sum(1 for _ in body.iter())
        lift_into(self._items, body, block_tag="pre", dollars=self._dollars)
        changed = len(self._items) > before or self._items.lost.total() > lost
        return serialized(body) if changed or sum(1 for _ in body.iter()) < elements else None

    def _is_formula_script(self, match: re.Match[str]) -> bool:
        return (
            match["raw"] == "script"
            and self._source.find('"math/', match.start(), self._source.find(">", match.start())) >= 0
        )

    def _end_of_hidden(self, match: re.Match[str]) -> int:
        closing = f"</{match['raw']}>" if match["raw"] else "-->"
        end = self._source.find(closing, match.end())
        return len(self._source) if end < 0 else end + len(closing)

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
