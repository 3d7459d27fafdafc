"""AsciiMath (asciimath.org) as LaTeX: fractions, roots, scripts, names of letters and functions."""

from __future__ import annotations

import re

from curation.extract.render.latex.symbols import FUNCTIONS, SYMBOLS

_NAMES = {value[1:]: value for value in SYMBOLS.values() if re.fullmatch(r"\\[A-Za-z]+", value)}
_WORDS = _NAMES | {
    "oo": "\\infty", "xx": "\\times", "in": "\\in", "to": "\\to", "sube": "\\subseteq", "sub": "\\subset",
    "AA": "\\forall", "EE": "\\exists", "RR": "\\mathbb{R}", "NN": "\\mathbb{N}", "ZZ": "\\mathbb{Z}",
    "QQ": "\\mathbb{Q}", "CC": "\\mathbb{C}", "del": "\\partial", "grad": "\\nabla", "uu": "\\cup",
    "nn": "\\cap",
}  # fmt: skip
_SIGNS = {
    "<=": "\\leq", ">=": "\\geq", "!=": "\\neq", "->": "\\to", "=>": "\\Rightarrow",
    "<=>": "\\Leftrightarrow",
    "+-": "\\pm", "~~": "\\approx", "-=": "\\equiv", "**": "\\ast", "...": "\\ldots", "*": "\\cdot",
}  # fmt: skip
_ROOTS = {"sqrt": "sqrt", "hat": "hat", "bar": "overline", "vec": "vec", "dot": "dot", "ul": "underline"}
_TOKEN = re.compile(
    r'"[^"]*"|text\([^()]*\)|<=>|\.\.\.|<=|>=|!=|->|=>|\+-|~~|-=|\*\*|[A-Za-z]+|\d+(?:\.\d+)?|\S|\s+'
)
_OPEN, _CLOSE = "([{", ")]}"


def latex(source: str) -> str:
    r"""Return a formula in AsciiMath as LaTeX; what is no AsciiMath stays as it is.

    >>> latex("sum_(i=1)^n i^3=((n(n+1))/2)^2"), latex("sqrt(x)/2 <= alpha")
    ('\\sum_{i=1}^{n}i^{3}=(\\frac{n(n+1)}{2})^{2}', '\\frac{\\sqrt{x}}{2}\\leq\\alpha')
    """
    tokens = [token for token in _TOKEN.findall(source) if not token.isspace()]
    try:
        return _sequence(_AsciiTokens(tokens), "")
    except RecursionError:
        return source


class _AsciiTokens:
    """What is left to read."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._position = 0

    def peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self._position += 1
        return token


def _sequence(tokens: _AsciiTokens, closing: str) -> str:
    """Return what stands up to a closing bracket, which is left."""
    parts: list[str] = []
    while tokens.peek() and tokens.peek() != closing:
        part = _scripted(tokens)
        if tokens.peek() == "/":
            tokens.take()
            part = f"\\frac{{{_bare(part)}}}{{{_bare(_scripted(tokens))}}}"
        if parts and part[:1].isalpha() and re.search(r"\\[A-Za-z]+\Z", parts[-1]):
            part = f" {part}"
        parts.append(part)
    return "".join(parts)


def _scripted(tokens: _AsciiTokens) -> str:
    """Return one thing with its sub- and superscript."""
    part = _one(tokens)
    while tokens.peek() in ("_", "^"):
        mark = tokens.take()
        part += f"{mark}{{{_bare(_one(tokens))}}}"
    return part


def _one(tokens: _AsciiTokens) -> str:
    token = tokens.take()
    if token in _OPEN and token:
        inner = _sequence(tokens, _CLOSE[_OPEN.index(token)])
        closing = tokens.take()
        escape = "\\" if token == "{" else ""
        return f"{escape}{token}{inner}{escape if closing == '}' else ''}{closing}"
    if token in _ROOTS:
        return f"\\{_ROOTS[token]}{{{_bare(_one(tokens))}}}"
    if token[:1] == '"' or token.startswith("text("):
        return f"\\text{{{token.removeprefix('text').strip(chr(34)).strip('()')}}}"
    if token in FUNCTIONS:
        return f"\\{token}"
    return _WORDS.get(token) or _SIGNS.get(token) or token


def _bare(part: str) -> str:
    """Return a part without the brackets that only held it together."""
    if part[:1] not in ("(", "[") or not part.endswith(")" if part[0] == "(" else "]"):
        return part
    depth = 0
    for position, one in enumerate(part):
        depth += (one in _OPEN) - (one in _CLOSE)
        if depth == 0:
            return part[1:-1] if position == len(part) - 1 else part
    return part
