"""Blocks of code in a page: where they are, and their text as an author wrote it.

What a reader sees as one block is written in many ways: `pre` with or without elements inside, lines as
`div`,
`span`, `li` or rows of a table, line breaks as `br`, numbers in a column of their own. A block here is the
outermost element that holds nothing but one listing, its line numbers and its buttons.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from curation.extract.render.languages import language
from curation.extract.render.listing import GUTTER, PREFORMATTED, is_gutter, is_ignored, listing_text
from curation.extract.render.signs import Signs

#: Elements that may be a listing, or hold one.
TAGS = (
    "blockquote", "code", "dd", "div", "figure", "font", "kbd", "listing", "ol", "p", "pre", "samp",
    "script", "section", "span", "table", "td", "textarea", "tt", "xmp",
)  # fmt: skip
CODE_TAGS = ("pre", "code", "tt", "kbd", "samp", "xmp", "listing", "textarea", "script")
INLINE = ("code", "kbd", "samp", "tt")
#: Names of classes that highlighters and forum software give to what holds lines and no `pre`.
_LINES = re.compile(
    r"\b(?:crayon-pre|CodeMirror-code|CodeMirror-lines|cm-content|ace_text-layer|view-lines|csharpcode"
    r"|ltx_listing|react-code-lines|enlighter(?:-code)?)(?![\w-])"
)
CODE_CLASS = re.compile(
    r"(?:^|[\s_-])(?:code-?block|code-?box|code-?hilite|code-?snippet|code-?listing|source-?code|prettyprint"
    r"|syntaxhighlighter|hljs|shiki|prism(?:-code)?|w3-code|w3-example-code|geshi|mw-highlight|mw-geshi"
    r"|bbcode_code|program-?listing|lst-?listing|verbatim|wp_syntax|code|(?:language|lang|brush)[-:_][^\s\"]+"
    r"|brush)(?=$|[\s_:;-])",
    re.IGNORECASE,
)
_PRE_STYLE = re.compile(r"white-space\s*:\s*pre\b(?!-line|-wrap)", re.IGNORECASE)
_WRAP_STYLE = re.compile(r"white-space\s*:\s*(?:pre-wrap|break-spaces)", re.IGNORECASE)
_MONOSPACE = re.compile(r"monospace|courier|consolas|menlo|monaco|lucida console", re.IGNORECASE)
_TEXTAREA = re.compile(
    r"code|source|snippet|brush|syntax|lang|script|plain|raw|listing|example", re.IGNORECASE
)
_CODE_MARKS = re.compile(r"[{}();=<>\[\]#$\\/]|^\s{2,}\S", re.MULTILINE)
_SCRIPT = re.compile(r"syntaxhighlighter|text/plain", re.IGNORECASE)
#: What no listing has inside.
_PROSE = ("p", "h1", "h2", "h3", "h4", "h5", "h6", "img", "ul", "dl", "blockquote", "iframe", "form")
_ARTICLE = ("h1", "h2", "h3", "h4", "ul", "iframe", "form", "article", "nav")
#: Names of tables and cells whose rows are lines.
_ROW_CLASS = re.compile(
    r"(?:^|[\s_-])(?:blob-code(?:-inner)?|hljs-ln(?:-code)?|js-file-line(?:-container)?|line_?-?content|line-?code"
    r"|code-?line|codeline|source-?line|diff-line-code|lntd|code)(?=$|[\s_-])"
)
#: Names of classes of elements to look at.
CODE_NAMES = re.compile(
    f"{_LINES.pattern}|{CODE_CLASS.pattern}|{_ROW_CLASS.pattern}|(?:^|\\s)fragment(?:$|\\s)|rompt|highlight|crayon",
    re.IGNORECASE,
)
#: Elements that a listing and its numbers may be wrapped in.
_WRAPPERS = ("td", "tr", "tbody", "table")
_NAMED_WRAPPERS = ("div", "figure", "span", "code", "section")
_WRAPPER_CLASS = re.compile(
    r"highlight|code|crayon|syntax|listing|enlighter|snippet|source|geshi|output|cell|toolbar|scroll|gist|frame|copy",
    re.IGNORECASE,
)


def blocks(root: Any, hints: Signs) -> Iterator[tuple[Any, str, str]]:
    """Yield (element, text, language) of each block of code below the root, in the page's order.

    The elements may be changed once they are yielded.
    """
    inside: set[Any] = set()
    for element in _candidates(root, hints):
        if element in inside or element.getparent() is None:
            continue
        text = "" if _is_number_column(element) else _block_text(element)
        if not text:
            continue
        outer = _outermost(element)
        inside.update(outer.iter())
        yield outer, text, language(element)


def _candidates(root: Any, hints: Signs) -> list[Any]:
    """Return the elements that may be listings: by name, class, style, or for the code they hold."""
    named = tuple(tag for tag in hints.tags if tag in CODE_TAGS)
    inline = any(tag in named for tag in INLINE)
    if not named and not hints.classes and not hints.styled:
        return []
    if not hints.classes and not hints.styled and not inline:
        return list(root.iter(*named))
    held = (*INLINE,)
    return [
        element
        for element in root.iter(*TAGS)
        if element.tag in named
        or (element.get("class") or "") in hints.classes
        or (hints.styled and element.get("style"))
        or (hints.classes and element.tag == "table")
        or (inline and len(element) > 1 and element[0].tag in held)
    ]


def _is_number_column(element: Any) -> bool:
    """Return whether an element is the numbers beside a listing, by its name or as a cell beside others."""
    if not is_gutter(element):
        return False
    cell = next(element.iterancestors("td", "th"), None) if element.tag not in ("td", "th") else element
    return GUTTER.search(element.get("class") or "") is not None or (
        cell is not None and len(cell.getparent()) > 1
    )


def _block_text(element: Any) -> str:
    """Return the listing that an element is, "" if it is none."""
    tag = element.tag
    if tag in ("pre", "xmp", "listing"):
        return "" if _holds(element, _ARTICLE) else listing_text(element, preformatted=True)
    if tag == "table":
        return _table(element)
    if tag == "textarea":
        return _textarea(element)
    if tag == "script":
        return _script(element)
    if tag in INLINE:
        return _inline_with_lines(element)
    return _lines(element)


def _textarea(element: Any) -> str:
    if "crayon" in (element.get("class") or "") and _is_drawn_too(element):
        return ""
    attributes = " ".join(element.attrib.values()) + (" raw" if "readonly" in element.attrib else "")
    text = listing_text(element, preformatted=True)
    marked = _TEXTAREA.search(attributes) and "\n" in text and _CODE_MARKS.search(text)
    return text if marked else ""


def _is_drawn_too(element: Any) -> bool:
    """Return whether lines were drawn of a text for copying."""
    around = [node for _, node in zip(range(3), element.iterancestors(), strict=False)]
    return (
        any("crayon-pre" in (part.get("class") or "") for part in around[-1].iter("div")) if around else False
    )


def _script(element: Any) -> str:
    """Return the listing in a script that no browser runs (SyntaxHighlighter, Prism)."""
    names = element.get("class") or ""
    if not (_SCRIPT.search(element.get("type") or "") and CODE_CLASS.search(names)):
        return ""
    text = (element.text or "").strip()
    return text.removeprefix("<![CDATA[").removesuffix("]]>").strip("\n")


def _inline_with_lines(element: Any) -> str:
    """Return the text of an inline element that stands for a block, "" for code in a sentence."""
    if next(element.iterancestors("pre", "textarea"), None) is not None:
        return ""
    if next(element.iter("br"), None) is not None:
        text = listing_text(element, preformatted=_is_preformatted(element))
        return text if "\n" in text else ""
    raw = "".join(element.itertext()).strip()
    if "\n" not in raw or _holds(element, _PROSE):
        return ""
    own_line = (
        _is_preformatted(element) or CODE_CLASS.search(element.get("class") or "") or _is_alone(element)
    )
    return listing_text(element, preformatted=True) if own_line or re.search(r"\n\s{2,}\S", raw) else ""


def _lines(element: Any) -> str:
    """Return the listing whose lines are elements or line breaks in a `div` or its like."""
    names, style = element.get("class") or "", element.get("style") or ""
    if names and _LINES.search(names) and not _has_deeper(element, _LINES):
        return listing_text(element, preformatted=_is_preformatted(element))
    if len(element) > 1 and all(child.tag == "div" and child.get("class") == "line" for child in element):
        text = listing_text(element, preformatted=True)  # Doxygen
        return text if "line-block" not in names and _CODE_MARKS.search(text) else ""
    if style and (text := _styled(element, style)):
        return text
    inline = element.tag in ("span", "font") and not _is_alone(element)
    if not (names and CODE_CLASS.search(names)) or element.tag == "p" or inline:
        return _lines_of_codes(element)
    if next(element.iter("pre", "textarea", "table"), None) is not None or _holds(element, _PROSE):
        return ""
    text = listing_text(element, preformatted=_is_preformatted(element))
    return text if "\n" in text and _CODE_MARKS.search(text) else ""


def _styled(element: Any, style: str) -> str:
    """Return the listing of an element that a style makes one: white space kept, or monospace."""
    monospace = bool(_MONOSPACE.search(style))
    preformatted = bool(_PRE_STYLE.search(style)) or (monospace and bool(_WRAP_STYLE.search(style)))
    if not (monospace or preformatted) or _holds(element, _PROSE):
        return ""
    if next(element.iter("pre", "textarea", "table"), None) is not None:
        return ""
    text = listing_text(element, preformatted=preformatted)
    return text if "\n" in text and (preformatted or _CODE_MARKS.search(text)) else ""


def _lines_of_codes(element: Any) -> str:
    """Return the listing of an element that holds only inline code and line breaks, at least two lines."""
    children = list(element)
    codes = [child for child in children if child.tag in INLINE]
    if len(codes) < 2 or len(codes) == len(children) or (element.text or "").strip():
        return ""
    if any(child.tag not in (*INLINE, "br") or (child.tail or "").strip() for child in children):
        return ""
    text = listing_text(element, preformatted=False)
    return text if "\n" in text else ""


def _is_preformatted(element: Any) -> bool:
    """Return whether line feeds in the element's own text are lines."""
    for node in (element, *element.iterancestors()):
        if node.tag in PREFORMATTED or _PRE_STYLE.search(node.get("style") or ""):
            return True
        if _WRAP_STYLE.search(node.get("style") or ""):
            return True
    return False


def _is_alone(element: Any) -> bool:
    """Return whether an inline element is all that its paragraph, cell or `div` holds."""
    parent = element.getparent()
    if parent is None or (element.tail or "").strip() or (parent.text or "").strip():
        return False
    return all(child is element or is_ignored(child) for child in parent)


def _holds(element: Any, tags: tuple[str, ...]) -> bool:
    """Return whether an element has one of some names inside, with text or a picture in it."""
    return any(
        part is not element and (_length(part) > 0 or part.tag in ("img", "iframe"))
        for part in element.iter(*tags)
    )


def _table(table: Any) -> str:
    """Return the listing whose lines are a table's rows, one cell of code in each beside its number."""
    if not _ROW_CLASS.search(
        " ".join(part.get("class") or "" for part in (table, *list(table.iter("td"))[:6]))
    ):
        return ""
    lines = []
    for row in table.iter("tr"):
        cells = [cell for cell in row if cell.tag in ("td", "th") and not is_gutter(cell)]
        cells = [cell for cell in cells if not _is_empty_number(cell)] or cells[-1:]
        if len(cells) > 1 or (cells and _holds(cells[0], _PROSE)):
            return ""
        lines += [listing_text(cell, preformatted=True) for cell in cells]
    return "\n".join(lines).strip("\n") if len(lines) > 1 else ""


def _is_empty_number(cell: Any) -> bool:
    return not _length(cell) and bool(cell.get("data-line-number") or is_gutter(cell))


def _length(element: Any) -> int:
    return len("".join(element.itertext()).strip())


def _has_deeper(element: Any, names: re.Pattern[str]) -> bool:
    return any(
        names.search(part.get("class") or "") for part in element.iterdescendants() if part.get("class")
    )


def _outermost(element: Any) -> Any:
    """Return the outermost element around a listing that holds no other text than numbers and buttons."""
    outer = element
    while (parent := outer.getparent()) is not None and _wraps(parent, outer):
        outer = parent
    return outer


def _wraps(parent: Any, child: Any) -> bool:
    if parent.tag not in _WRAPPERS and not (
        parent.tag in _NAMED_WRAPPERS and _WRAPPER_CLASS.search(parent.get("class") or "")
    ):
        return False
    if (parent.text or "").strip() or (child.tail or "").strip():
        return False
    others = (other for other in parent if other is not child)
    return all(
        not (other.tail or "").strip() and (is_gutter(other) or is_ignored(other) or not _length(other))
        for other in others
    )
