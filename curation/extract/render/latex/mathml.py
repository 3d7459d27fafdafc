"""Presentation MathML (W3C MathML 3, chapter 3) as LaTeX, for formulas whose page gives no LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from curation.extract.render.latex.symbols import (
    ENCLOSURES,
    LIMIT_FUNCTIONS,
    LIMITS,
    MATRICES,
    OVER,
    UNDER,
    character,
)
from curation.extract.render.latex.tokens import (
    identifier,
    joined,
    local_name,
    number,
    operators,
    space,
    string,
    text_of,
    words,
)

_OPEN, _CLOSE = set("([{|‖⟨⌈⌊〈∣∥⟦"), set(")]}|‖⟩⌉⌋〉∣∥⟧")
_TALL = ("mfrac", "mtable", "munderover", "munder", "mover", "msqrt", "mroot", "msubsup")
_WIDE = {"hat": "widehat", "tilde": "widetilde", "bar": "overline", "vec": "overrightarrow"}
_UNSEEN = ("annotation", "annotation-xml", "none", "")
_PRIMES = {"′": "'", "″": "''", "‴": "'''", "⁗": "''''", "'": "'", "''": "''", "‵": "`"}


def latex(math: Any) -> str:
    r"""Return the LaTeX of a `math` element, "" where it is too deep.

    Characters without a name in LaTeX stay as they are. What MathML says about looks (sizes, colours) is
    left out.
    """
    try:
        return _row(list(math)).strip() if len(math) else text_of(math)
    except RecursionError:
        return ""


def _convert(element: Any) -> str:
    return _RULES.get(local_name(element), _children)(element)


def _children(element: Any) -> str:
    return _row(list(element)) if len(element) else "".join(map(character, text_of(element)))


def _row(elements: Sequence[Any]) -> str:
    """Return a sequence of elements; fences grow around what is tall, fenced tables are matrices."""
    kept = [
        element
        for element in elements
        if local_name(element) not in ("annotation", "annotation-xml", "none", "")
    ]
    parts: list[str] = []
    position = 0
    while position < len(kept):
        length, text = _fenced(kept, position)
        parts.append(text)
        position += length
    return joined(parts)


def _fenced(row: Sequence[Any], start: int) -> tuple[int, str]:
    """Return how many elements of the row the first ones become, and their LaTeX."""
    opening = _operator(row[start])
    if opening not in _OPEN:
        return 1, _convert(row[start])
    if start + 1 < len(row) and (table := _only_table(row[start + 1])) is not None:
        closing = _operator(row[start + 2]) if start + 2 < len(row) else ""
        if kind := MATRICES.get(opening + closing):
            return 3, _environment(table, kind)
        if opening == "{" and closing not in _CLOSE:
            return 2, _environment(table, "cases")
    if row[start].get("stretchy") != "false" and (end := _matching(row, start)):
        inner = row[start + 1 : end]
        if any(_is_tall(part) for part in inner):
            left, right = _convert(row[start]), _convert(row[end])
            return end - start + 1, joined([f"\\left{left}", _row(inner), f"\\right{right}"])
    return 1, _convert(row[start])


def _matching(row: Sequence[Any], start: int) -> int:
    """Return where the fence closes that opens at `start`, 0 where it does not."""
    opening = _operator(row[start])
    depth = 0
    for position in range(start + 1, len(row)):
        mark = _operator(row[position])
        if mark in _CLOSE and (mark not in _OPEN or mark == opening):
            if depth == 0:
                return position
            depth -= 1
        elif mark in _OPEN:
            depth += 1
    return 0


def _operator(element: Any) -> str:
    """Return an operator's characters; an element of rows that hold one operator is that operator."""
    while local_name(element) in ("mrow", "mstyle", "mpadded") and len(element) == 1:
        element = element[0]
    return text_of(element) if local_name(element) == "mo" else ""


def _only_table(element: Any) -> Any:
    while local_name(element) in ("mrow", "mstyle", "mpadded") and len(element) == 1:
        element = element[0]
    return element if local_name(element) == "mtable" else None


def _is_tall(element: Any) -> bool:
    return any(local_name(node) in _TALL for node in element.iter())


def _parts(element: Any) -> list[Any]:
    return [child for child in element if isinstance(child.tag, str)]


def _group(element: Any) -> str:
    return f"{{{_convert(element)}}}"


def _base(element: Any) -> str:
    """Return what a script stands at: in braces where it is more than one symbol."""
    text = _convert(element)
    single = len(text) == 1 or re.fullmatch(r"\\[A-Za-z]+|\\[a-z]+\{[^{}]*\}|[A-Za-z]'*|\d+", text)
    closed = re.fullmatch(r"\\left.*\\right.+", text) or _operator(element)
    if not single and not closed and text[:1] in "([|" and text[-1:] in ")]|":
        closed = re.fullmatch(r"[(\[|][^()\[\]|]*[)\]|]", text) or ""
    return text if single or closed else f"{{{text}}}"


def _fraction(element: Any) -> str:
    parts = _parts(element)
    if len(parts) < 2:
        return _row(parts)
    if element.get("bevelled") == "true":
        return f"{_base(parts[0])}/{_base(parts[1])}"
    if re.match(r"\s*0(?:\D|\Z)", element.get("linethickness") or ""):
        return f"\\binom{_group(parts[0])}{_group(parts[1])}"
    return f"\\frac{_group(parts[0])}{_group(parts[1])}"


def _root(element: Any) -> str:
    parts = _parts(element)
    if local_name(element) == "mroot" and len(parts) >= 2:
        return f"\\sqrt[{_convert(parts[1])}]{_group(parts[0])}"
    return f"\\sqrt{{{_children(element)}}}"


def _scripts(element: Any) -> str:
    parts = _parts(element)
    name = local_name(element)
    if not parts:
        return ""
    base = _base(parts[0])
    if name == "msub":
        return base + "".join(map(_lower, parts[1:2]))
    if name == "msup":
        return base + "".join(map(_upper, parts[1:2]))
    return base + "".join(map(_lower, parts[1:2])) + "".join(map(_upper, parts[2:3]))


def _lower(element: Any) -> str:
    text = _convert(element)
    return f"_{{{text}}}" if text else ""


def _upper(element: Any) -> str:
    prime = _PRIMES.get("".join(text_of(element).split()))
    if prime:
        return prime
    text = _convert(element)
    return f"^{{{text}}}" if text else ""


def _limits(element: Any) -> str:
    """Return what has something over or under it: limits, accents, braces, or any stack."""
    parts = _parts(element)
    if len(parts) < 2:
        return _row(parts)
    name = local_name(element)
    under = parts[1] if name != "mover" else None
    over = parts[-1] if name == "mover" or len(parts) > 2 else None
    text = _convert(parts[0])
    stands = _takes_limits(parts[0])
    if over is not None and not stands and (accent := _accent(over, parts[0])):
        text, over = f"\\{accent}{{{text}}}", None
    if under is not None and not stands and (line := UNDER.get(text_of(under))):
        text, under = f"\\{line}{{{text}}}", None
    if stands or text.startswith(("\\underbrace", "\\overbrace")):
        below = _lower(under) if under is not None else ""
        return text + below + (_upper(over) if over is not None else "")
    return _stacked(text, under, over)


def _accent(over: Any, base: Any) -> str:
    """Return the command of an accent, one that stretches over a base of several letters."""
    if local_name(over) not in ("mo", "mi", "mtext", "mrow", "mstyle"):
        return ""
    accent = OVER.get(text_of(over), "")
    return _WIDE.get(accent, accent) if len(text_of(base)) > 1 else accent


def _stacked(text: str, under: Any, over: Any) -> str:
    if under is not None and (below := _convert(under)):
        text = f"\\underset{{{below}}}{{{text}}}"
    if over is not None and (above := _convert(over)):
        text = f"\\overset{{{above}}}{{{text}}}"
    return text


def _takes_limits(base: Any) -> bool:
    text = "".join(text_of(base).split())
    if text in LIMITS or text in LIMIT_FUNCTIONS or text.startswith("lim"):
        return True
    return local_name(base) in ("munder", "mover") and bool(
        OVER.get(text_of(base[-1])) or UNDER.get(text_of(base[-1]))
    )


def _multiscripts(element: Any) -> str:
    parts = _parts(element)
    names = [local_name(part) for part in parts]
    split = names.index("mprescripts") if "mprescripts" in names else len(parts)
    after, before = parts[1:split], parts[split + 1 :]
    return ("{}" + _pairs(before) if before else "") + (_base(parts[0]) if parts else "") + _pairs(after)


def _pairs(parts: Sequence[Any]) -> str:
    return "".join(
        (_lower if position % 2 == 0 else _upper)(part)
        for position, part in enumerate(parts)
        if local_name(part) != "none"
    )


def _fence(element: Any) -> str:
    left, right = element.get("open", "("), element.get("close", ")")
    separators = (element.get("separators", ",") or "").split() or [""]
    parts = _parts(element)
    if (
        len(parts) == 1
        and (table := _only_table(parts[0])) is not None
        and (kind := MATRICES.get(left + right))
    ):
        return _environment(table, kind)
    pieces: list[str] = []
    for position, part in enumerate(parts):
        if position:
            pieces.append(character(separators[min(position, len(separators)) - 1]) if separators[0] else "")
        pieces.append(_convert(part))
    inner = joined(pieces)
    if any(map(_is_tall, parts)):
        return joined([f"\\left{_delimiter(left)}", inner, f"\\right{_delimiter(right)}"])
    return joined([*map(character, left), inner, *map(character, right)])


def _delimiter(mark: str) -> str:
    return "".join(map(character, mark)) or "."


def _table(element: Any) -> str:
    aligns = (element.get("columnalign") or "").split()
    return _environment(element, "aligned" if aligns[:2] == ["right", "left"] else "matrix")


def _environment(table: Any, kind: str) -> str:
    rows = []
    for row in _parts(table):
        cells = _parts(row) if local_name(row) in ("mtr", "mlabeledtr") else [row]
        cells = cells[1:] if local_name(row) == "mlabeledtr" else cells
        rows.append(" & ".join(map(_convert, cells)))
    body = " \\\\ ".join(rows)
    return f"\\begin{{{kind}}}{body}\\end{{{kind}}}" if rows else ""


def _enclosed(element: Any) -> str:
    inner, notation = _children(element), element.get("notation", "longdiv").split()
    for name, command in ENCLOSURES.items():
        if name in notation:
            return f"\\{command}{{{inner}}}"
    return inner


def _first(element: Any) -> str:
    parts = _parts(element)
    return _convert(parts[0]) if parts else ""


def _phantom(element: Any) -> str:
    return f"\\phantom{{{_children(element)}}}"


def _nothing(_: Any) -> str:
    return ""


_RULES: dict[str, Callable[[Any], str]] = {
    "mi": identifier, "mn": number, "mo": operators, "mtext": words, "ms": string, "mspace": space,
    "mfrac": _fraction, "msqrt": _root, "mroot": _root, "msub": _scripts, "msup": _scripts,
    "msubsup": _scripts,
    "munder": _limits, "mover": _limits, "munderover": _limits, "mmultiscripts": _multiscripts,
    "mfenced": _fence,
    "mtable": _table, "menclose": _enclosed, "semantics": _first, "maction": _first, "mphantom": _phantom,
    "annotation": _nothing, "annotation-xml": _nothing, "none": _nothing, "mprescripts": _nothing,
}  # fmt: skip
