"""Inline HTML as Markdown: emphasis, code, sub- and superscript, line breaks, the base of ruby."""

from __future__ import annotations

import re
from html import unescape

from curation.extract.render.fences import code_span

#: A tag of serialised HTML, or a comment: name with its slash, attributes.
_TAG = re.compile(r"<(?:!--.*?-->|(/?[A-Za-z][^\s>/\"]*)((?:[^>\"]|\"[^\"]*\")*)>)", re.DOTALL)
_SPACE = re.compile(r"[ \t\r\n\f\u00a0]+")
_UNSEEN_CHARACTERS = dict.fromkeys(map(ord, "\u00ad\u200b\ufeff"))
_HIDDEN = {
    "script", "style", "svg", "template", "select", "button", "textarea", "iframe", "object", "rt", "rp",
    "rtc", "math",
    "audio", "video", "canvas", "head", "title",
}  # fmt: skip
_CODE = {"code", "kbd", "samp", "tt"}
_MARKS = {"b": "**", "strong": "**", "i": "*", "em": "*", "del": "~~", "s": "~~", "strike": "~~", "q": '"'}
_SUP = str.maketrans("0123456789+-−=()niabcdefghjklmoprstuvwxyz", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱᵃᵇᶜᵈᵉᶠᵍʰʲᵏˡᵐᵒᵖʳˢᵗᵘᵛʷˣʸᶻ")
_SUB = str.maketrans("0123456789+-−=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_SCRIPTS = {"sup": _SUP, "sub": _SUB}
_WRITTEN_SCRIPT = re.compile(r"`[^`\n]*`|<(sup|sub)>([^<>\n]{1,40})</\1>")
_BLOCKS = {
    "p", "div", "li", "ul", "ol", "dl", "dt", "dd", "tr", "td", "th", "table", "tbody", "thead", "tfoot",
    "pre", "blockquote",
    "h1", "h2", "h3", "h4", "h5", "h6", "section", "article", "figure", "figcaption", "caption", "center",
    "details", "summary", "hr",
}  # fmt: skip


def inline_markdown(source: str, *, emphasis: bool = True) -> str:
    r"""Return serialised HTML as Markdown in as many lines as it has `br` elements, white space collapsed.

    Tags may be open at either end. Elements of blocks are spaces. emphasis: whether bold, italic and deleted
    text is marked.

    >>> inline_markdown("H<sub>2</sub>O is <b>not</b> <code>a_b</code>,<br>10<sup>-3</sup> &amp; more")
    'H₂O is **not** `a_b`,\n10⁻³ & more'
    """
    if "<" not in source:
        return _collapsed(source)
    return _Inline(emphasis=emphasis).run(source)


def plain_scripts(markdown: str) -> str:
    """Return Markdown whose `<sup>` and `<sub>` are Unicode where it has the letters, but for those in code.

    >>> plain_scripts("10<sup>23</sup> H<sub>2</sub>O, x<sup>α!</sup> `<sup>2</sup>`, as said<sup>[1]</sup>")
    '10²³ H₂O, x<sup>α!</sup> `<sup>2</sup>`, as said[1]'
    """
    if "<su" not in markdown:
        return markdown
    return _WRITTEN_SCRIPT.sub(
        lambda match: _script(match[1], match[2].strip()) if match[1] else match[0], markdown
    )


def raw_text(source: str) -> str:
    """Return the text of serialised HTML with its white space, `br` as a line feed."""
    return unescape(_TAG.sub(lambda tag: "\n" if (tag[1] or "").lower() == "br" else "", source))


def _collapsed(source: str) -> str:
    text = unescape(source) if "&" in source else source
    if not text.isascii():
        text = text.translate(_UNSEEN_CHARACTERS)
    return " ".join(_SPACE.split(text)).strip(" ")


class _Inline:
    """A stack of open elements, each with the text in it so far."""

    def __init__(self, *, emphasis: bool) -> None:
        self._emphasis = emphasis
        self._open: list[tuple[str, list[str]]] = [("", [])]
        self._hidden: list[str] = []

    def run(self, source: str) -> str:
        position = 0
        for match in _TAG.finditer(source):
            self._text(source[position : match.start()])
            position = match.end()
            if match[1]:
                self._tag(match[1].lower())
        self._text(source[position:])
        while len(self._open) > 1:
            self._close(self._open[-1][0])
        lines = "".join(self._open[0][1]).split("\n")
        return "\n".join(line for line in (" ".join(_SPACE.split(line)).strip(" ") for line in lines) if line)

    def _text(self, text: str) -> None:
        if not text or self._hidden:
            return
        text = unescape(text) if "&" in text else text
        if not text.isascii():
            text = text.translate(_UNSEEN_CHARACTERS)
        self._open[-1][1].append(_SPACE.sub(" ", text))

    def _tag(self, name: str) -> None:
        closing, name = name[0] == "/", name.lstrip("/")
        if self._hidden or name in _HIDDEN:
            self._hide(name, closing=closing)
        elif name == "br":
            self._open[-1][1].append(" " if self._within(_CODE) else "\n")
        elif name in _BLOCKS:
            self._open[-1][1].append(" ")
        elif name in _CODE or name in _SCRIPTS or name in _MARKS:
            if closing:
                self._close(name)
            else:
                self._open.append((name, []))

    def _hide(self, name: str, *, closing: bool) -> None:
        if not closing:
            self._hidden.append(name)
        elif name in self._hidden:
            while self._hidden.pop() != name:
                pass

    def _within(self, names: set[str]) -> bool:
        return any(name in names for name, _ in self._open)

    def _close(self, name: str) -> None:
        """Write the innermost element of a name into what holds it; others open inside it end with it."""
        if all(name != opened for opened, _ in self._open):
            return
        while True:
            opened, parts = self._open.pop()
            self._open[-1][1].append(self._written(opened, "".join(parts)))
            if opened == name:
                return

    def _written(self, name: str, text: str) -> str:
        bare = text.strip(" \n")
        if not bare:
            return text
        before = text[: len(text) - len(text.lstrip(" \n"))]
        after = text[len(text.rstrip(" \n")) :]
        if name in _CODE:
            marked = bare if self._within(_CODE) else code_span(bare.replace("\n", " "))
        elif name in _SCRIPTS:
            marked = _script(name, bare)
        else:
            marked = self._marked(_MARKS[name], bare)
        return f"{before}{marked}{after}"

    def _marked(self, mark: str, text: str) -> str:
        if mark != '"' and (
            not self._emphasis or "\n" in text or text.startswith(mark[0]) or text.endswith(mark[0])
        ):
            return text
        return f"{mark}{text}{mark}"


def _script(name: str, text: str) -> str:
    """Return a sub- or superscript in Unicode, in brackets of HTML where it has no such letters.

    A note's number in brackets stays as it is.
    """
    if text.startswith(("[", "(")) or len(text) > 40:
        return text
    table = _SCRIPTS[name]
    if all(ord(one) in table for one in text):
        return text.translate(table)
    return f"<{name}>{text}</{name}>"
