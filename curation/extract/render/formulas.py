"""Formulas in a page: where they are, and their LaTeX.

A page has a formula up to four times: as it was written, as MathML for screen readers, as a picture, and as
the letters that a script put side by side. The one that the author wrote is taken, and the others go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from curation.extract.render.latex.mathml import latex as from_mathml
from curation.extract.render.latex.tex import LOOKS_LIKE_TEX, of_picture, of_wiris, without_delimiters
from curation.extract.render.signs import Signs


@dataclass(frozen=True, slots=True)
class Formula:
    """An element that is a formula, its LaTeX ("" where the page has none), and whether it stands alone.

    form: how the page wrote it, as it is counted: katex, mathjax, mathml, wikipedia, picture, attribute,
    text.
    """

    element: Any
    latex: str
    display: bool
    form: str


#: Elements that are formulas by name, and those that are by class.
_NAMED = (
    "amp-mathml", "d-math", "img", "katex", "la-tex", "latex", "math", "math-renderer", "mjx-container",
    "script", "tex", "tex-math",
)  # fmt: skip
_CLASSED = ("code", "div", "figure", "nobr", "p", "pre", "span", "table")
#: Elements whose text is LaTeX.
_TEX_TAGS = ("amp-mathml", "d-math", "katex", "la-tex", "latex", "math-renderer", "tex", "tex-math")
_ATTRIBUTES = (
    "data-tex", "data-latex", "data-formula", "data-katex", "data-expr", "data-equation-content", "data-math",
    "data-equation", "data-value", "data-math-content",
)  # fmt: skip
_KATEX = re.compile(r"(?:^|\s)katex(?:-display|--display|--inline)?(?=$|\s)")
_RENDERED = re.compile(
    r"(?:^|\s)(?:MathJax|MathJax_(?:Display|SVG|SVG_Display|CHTML|CHTML_Display|MathML|PlainSource|PHTML)|MJXc-display"
    r"|MJXp-math|MJXp-display|mjx-chtml|mjx-full-width)(?=$|\s)"
)
_PREVIEW = re.compile(r"(?:^|\s)(?:MathJax_Preview|MJX_Assistive_MathML|mjpage__preview)(?=$|\s)")
_WIKIPEDIA = re.compile(r"(?:^|\s)mwe-math-element(?=$|\s|-)")
_TEX_CLASS = re.compile(
    r"(?:^|\s)(?:js-(?:inline-math|display-math|render-math)|ql-formula|ztext-math|math-tex|MathTeX|arithmatex|tex|latex"
    r"|math|mathjax|katex-source|equation|formula|tex2jax_process)(?=$|\s)"
)
#: Names of classes of elements to look at.
MATH_NAMES = re.compile(
    "|".join(part.pattern for part in (_KATEX, _RENDERED, _PREVIEW, _WIKIPEDIA, _TEX_CLASS))
)
_DISPLAY = re.compile(r"display|block|center|equation(?!_image)", re.IGNORECASE)
_CODE = ("pre", "textarea", "xmp", "listing")


def formulas(root: Any, hints: Signs) -> Iterator[Formula]:
    """Yield the formulas below the root that are elements, outermost first.

    A drawn copy of one that a script holds has the form "copy" and no LaTeX. The elements may be changed
    once they are yielded.
    """
    inside: set[Any] = set()
    named = tuple(tag for tag in hints.tags if tag in _NAMED)
    tags = (*named, *_CLASSED) if hints.classes else named
    for element in list(root.iter(*tags)) if tags else ():
        if element.tag not in named and (element.get("class") or "") not in hints.classes:
            continue
        if element in inside or element.getparent() is None:
            continue
        formula = _formula(element)
        if formula is not None:
            inside.update(element.iter())
            yield formula


def _formula(element: Any) -> Formula | None:
    tag, names = element.tag, element.get("class") or ""
    if tag == "math":
        return Formula(element, _of_math(element), _is_display(element), "mathml")
    if tag == "script":
        return _of_script(element)
    if tag == "img":
        return _of_image(element, names)
    if tag == "mjx-container":
        return Formula(
            element, _inside(element), element.get("display") == "true" or _is_display(element), "mathjax"
        )
    if tag in _TEX_TAGS:
        return _of_tag(element, names)
    if names:
        return _of_class(element, names)
    return None


def _of_class(element: Any, names: str) -> Formula | None:
    if _KATEX.search(names):
        display = "display" in names or _is_display(element)
        return Formula(element, _inside(element), display, "katex")
    if _PREVIEW.search(names):
        return Formula(element, "", False, "copy") if _script_after(element) else None
    if _RENDERED.search(names):
        if _script_after(element):
            return Formula(element, "", False, "copy")
        return Formula(element, _inside(element), "isplay" in names, "mathjax")
    if _WIKIPEDIA.search(names):
        display = "block" in names or next(element.iter("math"), element).get("display") == "block"
        return Formula(element, _inside(element), display, "wikipedia")
    if _TEX_CLASS.search(names):
        return _of_tag(element, names)
    return None


def _of_tag(element: Any, names: str) -> Formula | None:
    """Return the formula of an element that is named so, and has LaTeX in an attribute or as its text."""
    named = element.tag in _TEX_TAGS or "math" in names or "formula" in names
    for attribute in _ATTRIBUTES:
        value = element.get(attribute) or ""
        if value and (LOOKS_LIKE_TEX.search(value) or (named and len(value) < 200)):
            text, display = without_delimiters(value)
            return Formula(element, text, display or bool(_DISPLAY.search(names)), "attribute")
    if element.tag in ("p", "table", "figure", "div") and len(element):
        return None
    if element.tag in ("code", "pre") and "math" not in names:
        return None
    source = "".join(element.itertext()).strip()
    if (
        any(child.tag not in ("br", "code", "em", "i", "span") for child in element.iterdescendants())
        or not source
    ):
        return None
    text, display = without_delimiters(source)
    sure = element.tag in _TEX_TAGS or "js-" in names or text != source
    if not (sure or LOOKS_LIKE_TEX.search(source)) or _has_more(source) or (not sure and len(element)):
        return None
    style = element.get("data-math-style") or ""
    display = display or "block" in element.attrib or style == "display" or bool(_DISPLAY.search(names))
    return Formula(element, text, display, "text")


def _has_more(source: str) -> bool:
    r"""Return whether a text is a sentence with formulas, and not one formula.

    >>> _has_more(r"\(a\) and \(b\)"), _has_more(r"\(a\)"), _has_more("a^2 + b")
    (True, False, False)
    """
    opened = len(re.findall(r"\\[(\[]|\\begin\{(?:equation|align|gather)", source)) + source.count("$") // 2
    outside = re.sub(r"\\[(\[].*?\\[)\]]|\$+[^$]*\$+", "", source, flags=re.DOTALL) if opened else ""
    return (
        opened > 2
        or bool(re.search(r"\w", outside))
        or len(re.findall(r"(?<!\\)\b[a-z]{3,} [a-z]{2,} [a-z]{2,}\b", source)) > 1
    )


def _of_script(element: Any) -> Formula | None:
    kind = (element.get("type") or "").lower()
    if not kind.startswith("math/"):
        return None
    source = (element.text or "").strip().removeprefix("% <![CDATA[").removesuffix("%]]>").strip()
    display = "display" in kind
    if kind.startswith("math/mml"):
        return Formula(element, _parsed(source), display or 'display="block"' in source, "mathjax")
    if kind.startswith("math/asciimath"):
        from curation.extract.render.latex.asciimath import latex

        return Formula(element, latex(source), display, "mathjax")
    return Formula(element, without_delimiters(source)[0], display, "mathjax")


def _of_image(element: Any, names: str) -> Formula | None:
    if encoded := element.get("data-mathml"):
        return Formula(element, _parsed(of_wiris(encoded)), False, "picture")
    text = of_picture(element, names)
    if not text:
        return None
    stripped, display = without_delimiters(text)
    return (
        Formula(element, stripped, display or bool(_DISPLAY.search(names)), "picture") if stripped else None
    )


def _inside(element: Any) -> str:
    """Return the LaTeX that a rendered formula holds somewhere: written, in an attribute, as MathML."""
    for node in element.iter("annotation"):
        if "tex" in (node.get("encoding") or "").lower():
            return without_delimiters("".join(node.itertext()))[0]
    if source := _source_in(element):
        return without_delimiters(source)[0]
    for node in element.iter("math"):
        if latex := _of_math(node):
            return latex
    for node in (element, *element.iterdescendants("span", "div")):
        if value := node.get("data-mathml"):
            return _parsed(value)
    for node in element.iter("img"):
        if value := node.get("alt") or "":
            return without_delimiters(value)[0]
    return ""


def _source_in(element: Any) -> str:
    """Return what a script or an attribute inside an element was drawn of."""
    for node in element.iter("script"):
        if (node.get("type") or "").startswith("math/tex"):
            return node.text or ""
    values = (node.get("data-latex") or node.get("data-tex") for node in element.iter("*"))
    return next((value for value in values if value), "")


def _of_math(math: Any) -> str:
    """Return a `math` element's LaTeX: annotated, in `alttext`, or converted."""
    for node in math.iter("annotation"):
        if "tex" in (node.get("encoding") or "").lower():
            return without_delimiters("".join(node.itertext()))[0]
    alternative = math.get("alttext") or ""
    if alternative and (LOOKS_LIKE_TEX.search(alternative) or len(alternative) == 1):
        return without_delimiters(alternative)[0]
    return from_mathml(math) or without_delimiters(alternative)[0]


def _parsed(source: str) -> str:
    """Return the LaTeX of MathML that stands in a string."""
    from curation.extract.trees import parse

    math = next(parse(source).iter("math", "{*}math"), None) if "<" in source else None
    return _of_math(math) if math is not None else ""


def _is_display(element: Any) -> bool:
    """Return whether a formula stands on a line of its own, as it or what holds it alone says."""
    if element.get("display") == "block" or element.get("mode") == "display":
        return True
    parent = element.getparent()
    names = (parent.get("class") or "") if parent is not None else ""
    return "katex-display" in names or "MathJax_Display" in names or "ltx_equation" in names


def _script_after(element: Any) -> bool:
    """Return whether the next elements are the script that a rendered formula was made of."""
    for node in (element, element.getparent()):
        if node is None:
            return False
        after = node.getnext()
        for _ in range(3):
            if after is None or (after.tag == "script" and (after.get("type") or "").startswith("math/")):
                break
            after = after.getnext() if _is_copy(after) else None
        if after is not None:
            return True
    return False


def _is_copy(element: Any) -> bool:
    names = element.get("class") or ""
    return bool(_RENDERED.search(names) or _PREVIEW.search(names))
