"""What of a page may be lifted, told from its source by plain searches: most pages have nothing.

Scripts and styles are cut out first: programs are full of what is looked for. Then the names of elements, the
class and style attributes, pictures and delimiters are looked at apart, each in the little text that it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

#: Elements that may be listings, or formulas, wherever they stand.
_TAGS = (
    "pre", "code", "tt", "kbd", "samp", "xmp", "listing", "textarea", "math", "mjx-container", "d-math",
    "tex", "la-tex", "latex", "tex-math", "katex", "amp-mathml", "math-renderer",
)  # fmt: skip
_TAG = re.compile(f"<({'|'.join(_TAGS)})(?=[\\s>/])")
_KEPT_SCRIPT = re.compile(r"<script[^>]*(?:math/|yntaxhighlighter|text/plain)")
_CLASS = re.compile(r'class="([^"]*)"')
_QUOTED_CLASS = re.compile(r"class='([^']*)'|class=([^\s\"'>]+)")
_STYLE = re.compile(r'style="([^"]*)"')
_IMAGE = re.compile(r"<img[^>]*>")
#: In names of classes: what all that matter have.
_CODE_HINTS = (
    "code", "Code", "CODE", "crayon", "CodeMirror", "ace_", "view-lines", "hljs", "yntax", "geshi", "listing",
    "nlighter", "pretty", "fragment", "brush", "lang", "shiki", "prism", "verbatim", "cm-content", "rompt",
    "highlight",
)  # fmt: skip
_MATH_HINTS = (
    "katex",
    "athJax",
    "mjx",
    "MJX",
    "mwe-math",
    "math",
    "Math",
    "tex",
    "latex",
    "formula",
    "equation",
)
PICTURE_HINTS = (
    "latex", "mimetex", "mathtex", "cht=tx", "texrender", "filter/tex", "mwe-math", "Wiris", "data-mathml",
    "equation_image", "math/render", 'alt="$', 'alt="\\', 'alt="{\\', "alt='$", "alt='\\", 'class="tex',
    'class="math', 'class="formula', "eeimg", "svg.image", "equation?tex",
)  # fmt: skip
_STYLES = ("monospace", "onsolas", "ourier", "Menlo", "Monaco")
_PRE_STYLE = re.compile(r"white-space\s*:\s*pre(?!-line)")
_DELIMITERS = ("\\(", "\\[", "\\begin{")
_SCRIPTS = ("mathjax", "MathJax", "katex", "math-container", "arithmatex", "tex2jax", "KaTeX")
_HIDDEN = re.compile(r"<(?:(script|style|title|iframe)(?=[\s>])|!--)")


@dataclass(frozen=True, slots=True)
class Signs:
    """What to look at in a page.

    Attributes:
        tags: names of elements.
        classes: class attributes whose elements are to be looked at, whatever they are.
        styled: whether a style may make a listing of an element.
        written: whether there may be formulas between delimiters in the text.
        dollars: whether single dollars are delimiters too, as where a script looks for them.
    """

    tags: tuple[str, ...]
    classes: frozenset[str]
    styled: bool
    written: bool
    dollars: bool

    def __bool__(self) -> bool:
        return bool(self.tags or self.classes or self.styled or self.written)


def signs(html: str, *, code: re.Pattern[str], math: re.Pattern[str]) -> Signs:
    """Return what a page's source says may be lifted; the patterns are of class attributes that matter."""
    visible = without_hidden(html)
    if (
        "<BODY" in visible or "<TABLE" in visible
    ):  # pages whose tags are in capitals have no names of highlighters
        visible = visible.lower()
    tags = sorted(set(_TAG.findall(visible)))
    if "<img" in visible and _has_any("\n".join(_IMAGE.findall(visible)), PICTURE_HINTS):
        tags.append("img")
    if _KEPT_SCRIPT.search(html):
        tags.append("script")
    backslash = "\\" in visible
    dollars = (backslash or "$" in visible) and _has_any(html, _SCRIPTS)
    written = (
        (backslash and _has_any(visible, _DELIMITERS)) or "$$" in visible or (dollars and "$" in visible)
    )
    styles = "\n".join(set(_STYLE.findall(visible)))
    styled = _has_any(styles, _STYLES) or _PRE_STYLE.search(styles) is not None
    return Signs(tuple(tags), frozenset(_classes(visible, code, math)), styled, written, dollars)


def _has_any(text: str, parts: Iterable[str]) -> bool:
    return any(part in text for part in parts)


def _classes(visible: str, code: re.Pattern[str], math: re.Pattern[str]) -> Iterator[str]:
    """Yield the class attributes that a pattern matches; only those that have a hint are tried."""
    values = set(_CLASS.findall(visible))
    if "class='" in visible:
        values.update(first or second for first, second in _QUOTED_CLASS.findall(visible))
    whole = "\n" + "\n".join(values) + "\n"
    for pattern, hints in ((code, _CODE_HINTS), (math, _MATH_HINTS)):
        offsets = {whole.rfind("\n", 0, offset) for hint in hints for offset in offsets_of(whole, hint)}
        for offset in offsets:
            value = whole[offset + 1 : whole.find("\n", offset + 1)]
            if pattern.search(value):
                yield value


def offsets_of(text: str, part: str) -> Iterator[int]:
    """Yield where a string stands in another."""
    offset = text.find(part)
    while offset >= 0:
        yield offset
        offset = text.find(part, offset + len(part))


def without_hidden(html: str) -> str:
    """Return a page's source without scripts, styles, comments, titles and frames.

    >>> without_hidden("<p>a<script>b</script>c<style>d</style><!--e--> f")
    '<p>ac f'
    """
    parts, position = [], 0
    for start, end in hidden_spans(html):
        parts.append(html[position:start])
        position = end
    return "".join((*parts, html[position:])) if parts else html


def hidden_spans(html: str) -> list[tuple[int, int]]:
    """Return (start, end) of the scripts, styles, comments, titles and frames of a page, in order."""
    spans = []
    position = 0
    while match := _HIDDEN.search(html, position):
        closing = f"</{match[1]}>" if match[1] else "-->"
        end = html.find(closing, match.end())
        position = len(html) if end < 0 else end + len(closing)
        spans.append((match.start(), position))
    return spans
