"""LaTeX as pages write it: with delimiters, in a picture's alternative text, in an address."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_plus, urlsplit

#: What prose does not have: commands, scripts, groups, relations between letters.
LOOKS_LIKE_TEX = re.compile(r"\\[A-Za-z]{2,}|\\[{}|,;!]|[\^_]\s*[{\w\\]|[=<>+]|^\s*\$.+\$\s*$", re.DOTALL)
_STRONG = re.compile(
    r"\\(?:[A-Za-z]{2,})\s*[{_^\\\s\d(]|[\^_]\{|^\s*\$[^$]+\$\s*$|^\{\\displaystyle", re.DOTALL
)
_DELIMITED = (
    (re.compile(r"\$\$(.*)\$\$", re.DOTALL), True), (re.compile(r"\\\[(.*)\\\]", re.DOTALL), True),
    (re.compile(r"\\begin\{(?:displaymath|math)\}(.*)\\end\{(?:displaymath|math)\}", re.DOTALL), True),
    (re.compile(r"\\\((.*)\\\)", re.DOTALL), False), (re.compile(r"\$(.*)\$", re.DOTALL), False),
    (re.compile(r"\[tex\](.*)\[/tex\]", re.DOTALL | re.IGNORECASE), False),
    (re.compile(r"(?:La)?TeX:\s*(.*)", re.DOTALL), False),
)  # fmt: skip
_STYLE = re.compile(
    r"\\(?:displaystyle|textstyle|scriptstyle|inline|dpi\{\d+\}|bg_[a-z]+|fn_[a-z]+|large|small|normalsize)\s*(?![A-Za-z])\s*"
)
_COMMENT = re.compile(r"(?<!\\)%[ \t]*\n[ \t]*|(?<!\\)%\s*\Z")
_PICTURE = re.compile(
    r"(?:^|[\s_-])(?:latex|tex|math|mwe-math-fallback-image\S*|ltx_Math|ql-img-(?:inline|displayed)-\w+|eeimg|Wirisformula"
    r"|texrender|formula|equation|equation_image|latexcenter|mathimg|mathtex|mimetex|inline-?equation|tex-?image|mathjax)(?=$|[\s_-])",
    re.IGNORECASE,
)
_SERVER = re.compile(
    r"codecogs\.com|mimetex|mathtex|latex\.php|quicklatex|[?&]cht=tx|/math/render|texrender|/filter/tex|/latex/|latex2png|\.latex"
    r"|/equation\?tex=|/svg\.image|mathurl|render/math|/teximg|sciweavers",
    re.IGNORECASE,
)
_QUERY = re.compile(r"[?&](?:latex|chl|tex|math|formula|eq)=([^&#]+)")


def without_delimiters(source: str) -> tuple[str, bool]:
    r"""Return LaTeX without what marks it as LaTeX, and whether that says that it stands alone.

    >>> without_delimiters(r"\[ x^2 \]"), without_delimiters(r"{\displaystyle E=mc^{2}}")
    (('x^2', True), ('E=mc^{2}', False))
    """
    text = _COMMENT.sub("", source.replace("\u200b", "").replace("\u00a0", " ")).strip()
    display = False
    for pattern, alone in _DELIMITED:
        match = pattern.fullmatch(text)
        if match and not (pattern.pattern.startswith("\\$(") and "$" in match[1].replace("\\$", "")):
            text, display = match[1].strip(), display or alone
            break
    text = _without_style(text)
    return re.sub(r"\s*\n\s*(?:\n\s*)*", "\n", text).strip(), display


def _without_style(text: str) -> str:
    while True:
        inner = text
        if text.startswith("{\\") and _closes_at_end(text) and _STYLE.match(text, 1):
            inner = text[1:-1]
        match = _STYLE.match(inner)
        inner = inner[match.end() :].strip() if match else inner
        if inner == text:
            return text
        text = inner


def _closes_at_end(text: str) -> bool:
    """Return whether the brace that opens a text closes at its end."""
    depth = 0
    escaped = False
    for position, one in enumerate(text):
        if one in "{}" and not escaped:
            depth += 1 if one == "{" else -1
            if depth == 0:
                return position == len(text) - 1
        escaped = one == "\\" and not escaped
    return False


def of_picture(image: Any, names: str) -> str:
    """Return the LaTeX of an `img`, "" where it shows something else.

    It is the alternative text or title, if a class or the address says that this is a formula or it looks
    like one to be sure; or it stands in the address itself.
    """
    source = image.get("src") or image.get("data-src") or ""
    served = bool(_SERVER.search(source)) and not source.startswith("data:")
    for name in ("data-equation-content", "alt", "title"):
        text = (image.get(name) or "").strip()
        if not text or len(text) > 5000:
            continue
        if (
            served
            or name == "data-equation-content"
            or (names and _PICTURE.search(names) and _is_formula(text))
        ):
            return text if served is False or _is_formula(text) else _of_address(source) or text
        if _STRONG.search(text):
            return text
    return _of_address(source) if served else ""


def _is_formula(text: str) -> bool:
    """Return whether an alternative text can be LaTeX: no sentence, no name of a file.

    >>> _is_formula("x"), _is_formula("a formula for the area"), _is_formula("eq1.png")
    (True, False, False)
    """
    if LOOKS_LIKE_TEX.search(text):
        return True
    return len(text) <= 12 and not re.search(r"\.(?:png|gif|svg|jpe?g)$|[A-Za-z]{4,}", text)


def _of_address(source: str) -> str:
    if match := _QUERY.search(source):
        return unquote_plus(match[1]) if "%" in match[1] or "+" in match[1] else match[1]
    query = urlsplit(source).query if "?" in source else ""
    text = unquote_plus(query.replace("+", "%2B")) if query else ""
    return text if LOOKS_LIKE_TEX.search(text) or 0 < len(text) <= 3 else ""


def of_wiris(encoded: str) -> str:
    """Return the MathML in a MathType attribute, which writes its marks as other characters."""
    return encoded.translate(str.maketrans("«»¨§", '<>"&'))
