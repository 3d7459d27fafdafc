"""Serialised HTML to tokens: the name of each tag, its attributes, and the text behind it.

Lexbor writes well nested tags, and of angle brackets in text only entities. So one pass of a regular
expression reads a page, once what no reader sees (scripts, styles, comments) has been cut out. Only angle
brackets in the values of attributes, which it writes as they are, ask for a slower expression.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

#: What a tag means to a walk. OPEN and CLOSE are a container's; a BOUNDARY parts blocks and holds nothing.
INLINE, LINK, UNLINK, BOLD, IMAGE, BREAK, OPEN, CLOSE, BOUNDARY = range(9)

_INLINE_TEXT = (
    "abbr acronym bdi bdo big cite code data del dfn em font i ins kbd label mark nobr q rp rt ruby s"
)
_INLINE_MORE = (
    "samp small span strike sub sup time tt u var wbr picture video audio canvas map area input button o:p"
)
_BOUNDARIES = (
    *("base", "col", "embed", "hr", "link", "meta", "param", "source", "track", "basefont", "frame"),
    *("!DOCTYPE", "!doctype"),
)
_CUT = "script|style|svg|iframe|template|textarea|select|object|math|title|noembed|noframes|xmp"
#: Ends of what has been cut out, where one stood in another of its name.
_LEFT = tuple(f"/{name}" for name in _CUT.split("|"))
_KINDS: dict[str, int] = (
    {name: INLINE for tag in (*_INLINE_TEXT.split(), *_INLINE_MORE.split()) for name in (tag, f"/{tag}")}
    | {"a": LINK, "/a": UNLINK, "b": BOLD, "strong": BOLD, "/b": INLINE, "/strong": INLINE}
    | {"img": IMAGE, "/img": INLINE, "br": BREAK, "/br": BREAK}
    | dict.fromkeys(_BOUNDARIES, BOUNDARY)
    | dict.fromkeys(_LEFT, INLINE)
)
#: Containers whose names the features tell apart, by a number; 0 is any other.
TAGS = (
    *("other", "p", "li", "td", "h1", "h2", "h3", "h4", "div", "pre", "blockquote", "dt", "dd", "section"),
    *("article", "main", "body", "form", "ul", "table", "tr"),
)
_ALIKE = {
    "th": "td", "h5": "h4", "h6": "h4", "ol": "ul", "dl": "ul", "tbody": "table", "center": "div",
    "figure": "section", "figcaption": "dt",
}  # fmt: skip
#: What a container says of all that it holds, as bits.
FLAGS = {
    name: 1 << bit
    for bit, names in enumerate(
        (
            ("nav",), ("header",), ("footer",), ("aside",), ("form",), ("article",), ("main",),
            ("ul", "ol", "dl"), ("table",), ("pre",), ("blockquote",), ("figure",), ("noscript",),
        )
    )
    for name in names
}  # fmt: skip
PRE, HIDDEN, REMARKS = FLAGS["pre"], 1 << 13, 1 << 14

_CUT_START = re.compile(rf"<(?:(!--)|({_CUT})(?=[\s>]))")
_QUOTING_TAG = re.compile(r'<([^\s<>]+(?: [^\s=>]*="[^"]*")*)>')
_TITLE = re.compile(r"<title[^>]*>([^<]*)")


class Numbers(dict[str, int]):
    """Tags -> their places in the tables below; what is not in them opens or closes a container.

    torn: whether a tag ended within the quotes of an attribute since this was last set to False.
    """

    torn = False

    def __missing__(self, tag: str) -> int:
        name, space, attributes = tag.partition(" ")
        if space and attributes.count('"') & 1:
            self.torn = True
        number = self.get(name)
        if number is None:
            number = self["/"] if name[:1] == "/" else self[""]
        self[tag] = number
        return number


def _tables() -> tuple[Numbers, dict[str, NDArray[np.int64]]]:
    numbers = Numbers()
    rows: list[tuple[int, int, int]] = []

    def add(name: str, kind: int, tag: int = 0, flags: int = 0) -> None:
        numbers[name] = len(rows)
        rows.append((kind, tag, flags))

    for name, kind in _KINDS.items():
        add(name, kind)
    for name in ("", *TAGS[1:], *_ALIKE, *(FLAGS.keys() - set(TAGS) - set(_ALIKE))):
        tag = _ALIKE.get(name, name)
        add(name, OPEN, TAGS.index(tag) if tag in TAGS else 0, FLAGS.get(name, 0))
        add(f"/{name}", CLOSE, 0, FLAGS.get(name, 0))
    columns = np.array(rows).T
    return numbers, dict(zip(("kind", "tag", "flags"), columns, strict=True))


_NUMBERS, _TABLES = _tables()
KIND_OF, TAG_OF, FLAGS_OF = _TABLES["kind"], _TABLES["tag"], _TABLES["flags"]


#: Names of containers by their numbers, "" for any that is not in the tables.
NAME_OF = [name.removeprefix("/") for name in _NUMBERS]


def new_numbers() -> Numbers:
    """Return tags -> places in `KIND_OF`, `TAG_OF` and `FLAGS_OF`, to be used for a batch."""
    return Numbers(_NUMBERS)


def name(tag: str) -> str:
    """Return the name of a tag, an end tag's with its slash.

    >>> name('td colspan="2"')
    'td'
    """
    return tag.partition(" ")[0]


def title(source: str) -> str:
    """Return the text of a serialised page's first title element, "" where it has none.

    >>> title("<html><head><title> Tea &amp; cake </title></head></html>")
    'Tea & cake'
    """
    match = _TITLE.search(source)
    return " ".join(unescape(match[1]).split()) if match else ""


class Tokens(NamedTuple):
    """Tags without their angle brackets, their numbers, and the texts behind them, as parallel lists."""

    tags: list[str]
    numbers: list[int]
    texts: list[str]


def tokens(source: str, numbers: Numbers) -> Tokens:
    """Return the tags that a reader of the page would meet; text before the first is none of the page's.

    numbers: what `new_numbers` returned; it remembers the tags that it sees.

    >>> tokens('<p class="x">a<b>c</b><!-- d --><script>e()</script></p>', new_numbers())[::2]
    (['p class="x"', 'b', '/b', '/p'], ['a', 'c', '', ''])
    """
    visible = _cut(source)
    parts = visible.replace(">", "<").split("<")
    if visible.count("<") == visible.count(">"):
        numbers.torn = False
        offsets = list(map(numbers.__getitem__, parts[1::2]))
        if not numbers.torn:
            return Tokens(parts[1::2], offsets, parts[2::2])
    parts = _QUOTING_TAG.split(visible)
    return Tokens(parts[1::2], list(map(numbers.__getitem__, parts[1::2])), parts[2::2])


def _cut(source: str) -> str:
    """Return the source without comments and what is no text, each up to its first end tag."""
    parts: list[str] = []
    position = 0
    for match in _CUT_START.finditer(source):
        start = match.start()
        if start < position:
            continue
        end = "-->" if match[1] else f"</{match[2]}>"
        stop = source.find(end, start)
        if stop < 0:
            continue
        parts.append(source[position:start])
        position = stop + len(end)
    parts.append(source[position:])
    return "".join(parts)


def unescape(text: str) -> str:
    r"""Return the text with the entities that lexbor writes as characters.

    >>> unescape("a&nbsp;&lt;b&gt; &amp;amp;")
    'a\xa0<b> &amp;'
    """
    if "&" not in text:
        return text
    text = text.replace("&nbsp;", "\xa0").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"')
    return text.replace("&amp;", "&")
