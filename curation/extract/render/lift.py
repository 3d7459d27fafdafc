"""Code and formulas lifted out of a page before an engine reads it, a stand-in left in the place of each."""

from __future__ import annotations

import re
from typing import Any

from curation.extract.render.code import CODE_NAMES, blocks
from curation.extract.render.fences import code_span, fence
from curation.extract.render.formulas import MATH_NAMES, Formula, formulas
from curation.extract.render.marks import Items, Lifted, has_marks
from curation.extract.render.signs import Signs, signs
from curation.extract.render.structure import has_structure, prepare

_PROMPT = re.compile(
    r"(?:^|\s)(?:prompt|(?:input|output)_prompt|jp-(?:Input|Output)(?:Area-)?[pP]rompt)(?=$|\s)"
)
_PROMPT_TEXT = re.compile(r"\s*(?:(?:In|Out)?\s*\[[\d\s*]*\]:?)?\s*")
_NOT = "\U00017000-\U0001876f"
_SURE = re.compile(
    rf"\$\$\$(?P<three>[^${_NOT}]+?)\$\$\$|\\\((?P<inline>[^{_NOT}]+?)\\\)|\\\[(?P<block>[^{_NOT}]+?)\\\]|(?<![\\$])\$\$(?!\$)(?P<double>[^${_NOT}]+?)(?<!\\)\$\$"
    rf"|(?P<environment>\\begin\{{(?P<name>(?:equation|align|gather|multline|eqnarray|alignat|flalign|displaymath)\*?)\}}"
    rf"[^{_NOT}]+?\\end\{{(?P=name)\}})",
)
_DOLLAR = re.compile(rf"(?<![\\$\w])(\$)(?![\s$])(?P<dollar>[^${_NOT}]{{1,600}}?)(?<![\s\\])\1(?![\w$])")
_FORMULA_CHARACTERS = re.compile(r"[\\^_=<>+*/|{}()-]|^\s*\S\s*$|^[A-Za-z]'*$|\d")
_NO_TEXT = (
    "code",
    "pre",
    "textarea",
    "script",
    "style",
    "kbd",
    "samp",
    "tt",
    "xmp",
    "listing",
    "title",
    "noscript",
    "option",
)
#: Elements whose place is in a line of text.
_IN_LINE = (
    "a", "abbr", "b", "bdi", "big", "cite", "code", "em", "font", "i", "ins", "label", "mark", "nobr", "p",
    "q", "s", "small",
    "span", "strong", "sub", "sup", "tt", "u", "h1", "h2", "h3", "h4", "h5", "h6", "li", "dt", "td", "th",
    "dd", "caption", "figcaption",
)  # fmt: skip
_KEPT_TAGS = ("td", "th", "dd", "dt", "li", "blockquote", "body", "p", "figcaption", "section")


def lift_tree(root: Any, html: str) -> Items:
    """Replace code and formulas in an lxml tree by stand-ins, in place; return them. Falsy if there are none.

    html: the page, in which plain searches decide whether there is anything to look for. A block's stand-in
    is a paragraph of its words, a formula's is in the line where it stands.
    """
    items = Items()
    hints, structured = page_signs(html), has_structure(html)
    if not (hints or structured) or has_marks(html):
        return items
    if hints:
        lift_into(items, root, hints, block_tag="p")
    if structured:
        prepare(root, items)
    return items


def page_signs(html: str) -> Signs:
    """Return what a page's source says may be lifted."""
    return signs(html, code=CODE_NAMES, math=MATH_NAMES)


def lift_into(items: Items, root: Any, hints: Signs, *, block_tag: str) -> None:
    """Replace code and formulas below an element, and add them to the items of its page.

    block_tag: the element that a block's stand-in is.
    """
    for formula in formulas(root, hints):
        _put_formula(formula, items)
    if hints.written:
        _written_formulas(root, items, dollars=hints.dollars)
    if any("rompt" in names for names in hints.classes):
        _drop_prompts(root)
    for element, text, name in blocks(root, hints):
        _put_code(element, code_item(text, name), items, block_tag)


def _drop_prompts(root: Any) -> None:
    """Take out the numbers of a notebook's cells."""
    for element in list(root.iter("div")):
        if _PROMPT.search(element.get("class") or "") and _PROMPT_TEXT.fullmatch("".join(element.itertext())):
            element.text = ""
            del element[:]


def lift_written(text: str, items: Items, *, dollars: bool) -> str:
    """Return a text with stand-ins for the formulas that stand in it between delimiters."""
    for pattern in (_SURE, _DOLLAR) if dollars else (_SURE,):
        text = pattern.sub(lambda match: _written(match, items, sure=dollars), text)
    return text


def code_item(text: str, name: str) -> Lifted:
    """Return the item of a listing."""
    cell = code_span(text).replace("|", "\\|") if "\n" not in text else ""
    return Lifted(markdown=fence(text, name), text=text, block=True, counts={"code_blocks": 1.0}, cell=cell)


def formula_item(latex: str, *, display: bool, form: str) -> Lifted:
    """Return the item of a formula."""
    marks = "$$" if display else "$"
    written = f"{marks}{latex}{marks}" if not display or "\n" not in latex else f"$$\n{latex}\n$$"
    in_line = f"{marks}{' '.join(latex.split())}{marks}"
    return Lifted(
        markdown=written if display and "\n" in latex else in_line,
        text=in_line,
        block=display and "\n" in latex,
        counts={"formulas": 1.0, f"formulas_{form}": 1.0},
        cell=in_line.replace("|", "\\|"),
    )


def _put_formula(formula: Formula, items: Items) -> None:
    if formula.form == "copy":
        _replace_by_text(formula.element, "")
        return
    if not formula.latex:
        items.lost.update({"formulas": 1.0, f"formulas_{formula.form}": 1.0})
        return
    mark = items.add(formula_item(formula.latex, display=formula.display, form=formula.form))
    if not mark:
        return
    words = f"{mark}{' '.join(formula.latex.split())}{mark}"
    parent = formula.element.getparent()
    if formula.display and parent is not None and parent.tag not in _IN_LINE:
        _replace(formula.element, "p", words)
    else:
        _replace_by_text(formula.element, words)


def _leave_figures(element: Any) -> None:
    """Make the figures around a listing plain containers: libraries take a figure for a picture."""
    for node in element.iterancestors("figure"):
        node.tag = "div"


def _put_code(element: Any, item: Lifted, items: Items, block_tag: str) -> None:
    mark, text = items.add(item), item.text
    if not mark:
        return
    words = f"{mark}{text if block_tag == 'pre' else ' '.join(text.split())}{mark}"
    if block_tag == "p":
        _leave_figures(element)
    if element.tag in _KEPT_TAGS:
        tail, attributes = element.tail, dict(element.attrib)
        element.clear()
        element.tail = tail
        element.attrib.update(attributes)
        inner = element.makeelement(block_tag)
        inner.text = words
        element.append(inner)
        return
    _replace(element, block_tag, words)


def _replace(element: Any, tag: str, text: str) -> None:
    new = element.makeelement(tag)
    new.text, new.tail = text, element.tail
    element.getparent().replace(element, new)


def _replace_by_text(element: Any, text: str) -> None:
    """Put text in the place of an element, and keep what comes after it."""
    parent, before = element.getparent(), element.getprevious()
    text += element.tail or ""
    if before is not None:
        before.tail = (before.tail or "") + text
    else:
        parent.text = (parent.text or "") + text
    parent.remove(element)


def _written_formulas(root: Any, items: Items, *, dollars: bool) -> None:
    """Lift the formulas that stand in the page's text between delimiters, for a script to find."""

    def lift(text: str) -> str:
        return lift_written(text, items, dollars=dollars)

    unseen = {node for part in root.iter(*_NO_TEXT) for node in part.iter()}
    holders = set(root.iter(*_NO_TEXT))
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue
        if element.text and element not in unseen and _may_have(element.text):
            element.text = lift(element.text)
        if element.tail and (element in holders or element not in unseen) and _may_have(element.tail):
            parent = element.getparent()
            if parent is not None and parent not in unseen:
                element.tail = lift(element.tail)


def _may_have(text: str) -> bool:
    return "\\" in text or "$" in text


def _written(match: re.Match[str], items: Items, *, sure: bool) -> str:
    groups = match.groupdict()
    source = next(
        (
            groups[name]
            for name in ("three", "inline", "block", "double", "environment", "dollar")
            if groups.get(name)
        ),
        "",
    )
    inner = source.strip()
    if not inner or ((not sure or "dollar" in groups) and not _FORMULA_CHARACTERS.search(inner)):
        return match[0]
    display = any(groups.get(name) for name in ("block", "double", "environment"))
    mark = items.add(formula_item(" ".join(inner.split()), display=display, form="text"))
    return f"{mark}{' '.join(inner.split())}{mark}" if mark else match[0]
