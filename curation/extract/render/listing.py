"""The text of a listing: its lines as a reader sees them, without line numbers and buttons."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

#: Elements whose white space is kept by default.
PREFORMATTED = ("pre", "textarea", "xmp", "listing", "plaintext")
_NEVER = (
    "button",
    "clipboard-copy",
    "script",
    "select",
    "style",
    "svg",
    "template",
    "input",
    "label",
    "object",
)
GUTTER = re.compile(
    r"(?:^|[\s_-])(?:gutter|linenos?|line-?no|lineno(?:div|s)?|line-?num(?:ber)?s?(?:-rows|-wrapper)?"
    r"|linenumber|lnum|lnt?|gl|crayon-nums?|blob-num|hljs-ln-n(?:umbers)?|rouge-gutter|ltx_tag_listingline|row-?num(?:ber)?s?"
    r"|num(?:ber)?-?lines?|line-?index|diff-line-num|counter)(?=$|[\s_-])",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"[\d\s.:|)\u00a0\u200b]*")
_BUTTON = re.compile(
    r"(?:^|[\s_-])(?:copy|copy-?(?:btn|button|code)|clipboard|btn|button|toolbar|tool-?bar|crayon-toolbar"
    r"|crayon-plain-wrap|crayon-info|ltx_listing_data|enlighter-toolbar|enlighter-raw|sr-only|visually-hidden"
    r"|code-?toolbar-items|expand|collapse-btn|lang-?label|code-?lang)(?=$|[\s_-])",
    re.IGNORECASE,
)
_BUTTON_CHARACTERS = 40
#: A line that is an inline element: shown as a block, or broken by a line feed after it.
_LINE = re.compile(
    r"(?:^|[\s_-])(?:line|token-line|code-?line|view-line|ace_line|cm-line|ec-line|CodeMirror-line|crayon-line"
    r"|ltx_listingline|cl|react-file-line|row)(?=$|[\s_-])",
    re.IGNORECASE,
)
_BLOCKS = (
    "div", "p", "li", "ol", "ul", "tr", "table", "tbody", "pre", "blockquote", "section", "figure", "dd",
    "dt", "dl",
)  # fmt: skip
_BREAK = re.compile(r"[ \t\r\f]*\n\s*")
#: A line that is empty in the listing, and has a blank that does not break so that a browser shows it.
_BLANK = re.compile(r"^[ \u00a0]*\u00a0[ \u00a0]*$", re.MULTILINE)
_EDGES = re.compile(r"\A(?:[ \t]*\n)+|\s+\Z")


def is_gutter(element: Any) -> bool:
    """Return whether an element holds line numbers: named so, or numbers that count up, and nothing else."""
    text = "".join(element.itertext())
    if not _NUMBERS.fullmatch(text):
        return False
    if any(GUTTER.search(node.get("class") or "") for node in (element, *element.iterdescendants())):
        return True
    parent = element.getparent()
    if parent is not None and parent.tag in ("td", "th") and GUTTER.search(parent.get("class") or ""):
        return True
    numbers = re.findall(r"\d+", text)
    counted = len(numbers) > 1 and all(int(b) - int(a) == 1 for a, b in pairwise(numbers))
    return element.tag in ("td", "th", "pre") and counted


def is_ignored(element: Any) -> bool:
    """Return whether an element of a listing is no part of it: buttons, labels, menus."""
    if element.tag in _NEVER or not isinstance(element.tag, str):
        return True
    names = element.get("class") or ""
    if element.tag == "textarea":
        return "crayon" in names
    return bool(_BUTTON.search(names)) and (
        "crayon" in names or len("".join(element.itertext()).strip()) <= _BUTTON_CHARACTERS
    )


class _Lines:
    """Text as it is put together; knows whether it stands at the beginning of a line."""

    def __init__(self, *, preformatted: bool) -> None:
        self.preformatted = preformatted
        self.parts: list[str] = []
        self.length = 0

    @property
    def at_start(self) -> bool:
        return not self.parts or self.parts[-1][-1] == "\n"

    def put(self, text: str | None, *, preformatted: bool) -> None:
        """Add a text node; where white space is not kept, a line feed in it is a space or nothing."""
        if not text:
            return
        if not preformatted and "\n" in text:
            starts = self.at_start and _BREAK.match(text)
            text = _BREAK.sub(" ", text)
            text = text[1:] if starts else text
        if text:
            self.parts.append(text)
            self.length += len(text)

    def feed(self) -> None:
        self.parts.append("\n")
        self.length += 1


def listing_text(element: Any, *, preformatted: bool) -> str:
    """Return the listing in an element, its lines ended by line feeds, without blank lines around it.

    preformatted: whether line feeds of the page's source are lines. Blanks that do not break are spaces.
    """
    from lxml import etree

    lines = _Lines(preformatted=preformatted)
    starts: list[int] = []
    walk = etree.iterwalk(element, events=("start", "end"))
    skipped: set[Any] = set()
    for event, node in walk:
        inner = node is not element
        if event == "start":
            if inner and (is_ignored(node) or _is_number(node)):
                skipped.add(node)
                walk.skip_subtree()
                continue
            _open(lines, node, inner=inner)
            starts.append(lines.length)
            continue
        number = node in skipped and _is_number(node)
        if node in skipped:
            skipped.discard(node)
        else:
            _close(lines, node, starts.pop(), inner=inner)
        if inner:
            lines.put(
                _tail(node, number=number), preformatted=preformatted or _in_pre(node.getparent(), element)
            )
    text = (
        _BLANK.sub("", "".join(lines.parts))
        .replace("\r", "")
        .replace("\u00a0", " ")
        .replace("\u200b", "")
        .replace("\ufeff", "")
    )
    return _EDGES.sub("", text)


def _open(lines: _Lines, node: Any, *, inner: bool) -> None:
    if node.tag == "br" or (inner and node.tag in _BLOCKS and not lines.at_start):
        lines.feed()
    lines.put(node.text, preformatted=lines.preformatted or node.tag in PREFORMATTED or _is_line(node))


def _close(lines: _Lines, node: Any, start: int, *, inner: bool) -> None:
    """End the line that an element is, if it did not end itself."""
    if not inner or node.tag == "br":
        return
    empty = lines.length == start
    if node.tag in _BLOCKS:
        if (empty and _is_line_block(node)) or (not empty and not lines.at_start):
            lines.feed()
        return
    if not _is_line(node):
        return
    after = node.getnext()
    ended = (not empty and lines.at_start) or "\n" in (node.tail or "")
    if after is not None and after.tag != "br" and not ended and _is_line(after):
        lines.feed()


def _is_line_block(node: Any) -> bool:
    return node.tag in ("li", "tr", "pre") or _is_line(node) or (node.tag == "div" and _has_like(node))


def _has_like(node: Any) -> bool:
    """Return whether an empty element is one of several lines: its neighbours are the same."""
    return any(other is not None and other.tag == node.tag for other in (node.getnext(), node.getprevious()))


def _is_line(node: Any) -> bool:
    return bool(_LINE.search(node.get("class") or "")) or node.get("data-line") is not None


def _is_number(node: Any) -> bool:
    """Return whether an element inside a listing is a line's number, by its name."""
    return bool(GUTTER.search(node.get("class") or "")) and bool(_NUMBERS.fullmatch("".join(node.itertext())))


def _tail(node: Any, *, number: bool) -> str | None:
    """Return the text after an element.

    White space between lines that are blocks is nothing; so is the blank that parts a number from its line.
    """
    tail: str | None = node.tail
    if tail and node.tag in _BLOCKS and tail.isspace():
        return None
    padded = number and (node.text or "")[:1] in (" ", "\u00a0")
    return tail[1:] if tail and padded and tail[0] == "\u00a0" else tail


def _in_pre(node: Any, last: Any) -> bool:
    while node is not None:
        if node.tag in PREFORMATTED:
            return True
        if node is last:
            return False
        node = node.getparent()
    return False
