"""The leaves of MathML (chapter 3.2: tokens) as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from curation.extract.render.latex.symbols import FUNCTIONS, VARIANTS, character

_LETTER_AFTER_NAME = re.compile(r"(\\[A-Za-z]+)\Z")
_SPACES = ((0.9, "\\quad"), (0.27, "\\;"), (0.2, "\\:"), (0.1, "\\,"))


def joined(parts: Sequence[str]) -> str:
    """Return the parts as one, with a space where a command's name would run into a letter."""
    result = ""
    for part in parts:
        if part and part[0].isalpha() and _LETTER_AFTER_NAME.search(result):
            result += " "
        result += part
    return result


def text_of(element: Any) -> str:
    """Return the text in an element in one line."""
    return " ".join("".join(element.itertext()).split())


def local_name(element: Any) -> str:
    """Return an element's name without its namespace, "" for what is no element."""
    tag = element.tag
    return tag.rpartition(":")[2].lower() if isinstance(tag, str) else ""


def identifier(element: Any) -> str:
    r"""Return an `mi`: a letter, a function by its command, a longer name upright."""
    text = text_of(element)
    variant = element.get("mathvariant") or ""
    if text in FUNCTIONS and variant in ("", "normal"):
        return f"\\{text}"
    body = joined([character(one) for one in text])
    if len(text) == 1:
        style = (
            VARIANTS.get(variant, "")
            if variant != "normal"
            else ("mathrm" if text.isascii() and text.isalpha() else "")
        )
        return f"\\{style}{{{body}}}" if style else body
    style = VARIANTS.get(variant, "mathrm" if variant == "" else "")
    return f"\\{style}{{{body}}}" if style and text.isalpha() and variant != "italic" else body


def number(element: Any) -> str:
    """Return an `mn`."""
    body = "".join(character(one) for one in text_of(element))
    style = VARIANTS.get(element.get("mathvariant") or "", "")
    return f"\\{style}{{{body}}}" if style not in ("", "mathrm") else body


def operators(element: Any) -> str:
    """Return an `mo`."""
    text = text_of(element)
    if text in FUNCTIONS:
        return f"\\{text}"
    if len(text) > 1 and text.isalpha() and text.isascii():
        return "\\mod" if text == "mod" else f"\\operatorname{{{text}}}"
    if text == "lim\u2009sup" or text == "lim sup":
        return "\\limsup"
    return joined([character(one) for one in text])


def words(element: Any) -> str:
    """Return an `mtext`."""
    text = "".join(element.itertext())
    text = re.sub(r"\s+", " ", text)
    return f"\\text{{{text}}}" if text.strip() else ("~" if text else "")


def space(element: Any) -> str:
    """Return an `mspace` as the nearest space of LaTeX."""
    if element.get("linebreak") == "newline":
        return "\\\\"
    width = re.match(r"\s*([\d.]+)\s*(em|ex|px|pt)?", element.get("width") or "")
    if not width or not width[1].strip("."):
        return ""
    size = float(width[1]) / {"ex": 2.3, "px": 16, "pt": 12}.get(width[2] or "em", 1.0)
    return next((name for least, name in _SPACES if size >= least), "")


def string(element: Any) -> str:
    """Return an `ms` in its quotation marks."""
    left, right = element.get("lquote", '"'), element.get("rquote", '"')
    return f"\\text{{{left}{text_of(element)}{right}}}"
