"""A document's form, and Markdown without the marks that our own extraction writes."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Literal

#: What the characters of a text are: Markdown, whose marks are no words, or text that is meant as it stands.
Form = Literal["markdown", "plain"]

# No pattern crosses a line feed, so the number of lines never changes.
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r"^([ \t]*(?:[-*+] )?)#{1,6}[ \t]+", re.MULTILINE)
_TABLE_ROW = re.compile(r"^[ \t]*\|.*\|[ \t]*$", re.MULTILINE)
_TABLE_RULE = re.compile(r"[\s|:-]*")
_BAR = re.compile(r"(?<!\\)\|")
# An escaped mark, code between backticks, a formula between dollars, or a run of asterisks.
_INLINE = re.compile(
    r"\\([!-/:-@\[-`{-~])|(?<!`)(`+)(?!`)([^\n]*?[^`\n])\2(?!`)"
    r"|(?<![\w$])(\$\$?)(?![\s$])([^$\n]*?[\\^_{}=][^$\n]*?)(?<!\s)\4(?![\w$])|\*+"
)

_LONGEST_CACHED = 1 << 20  # characters


def plain(text: str) -> str:
    r"""Return Markdown without its layout markup; lines keep their numbers.

    Heading marks, the bars and rules of tables, asterisks around emphasis, backticks around code and escaping
    backslashes are removed. A fence becomes a blank line, and the code between two fences stays as it is.
    List marks stay, because rules count them. An asterisk that emphasizes nothing stays.

    >>> plain("## A *title*\n| cell | **cell** |\n|---|---|\n- item \\[1\\]\n```\nf(*x)  # y\n```")
    'A title\ncell   cell\n\n- item [1]\n\nf(*x)  # y\n'

    A formula between dollars is read as it stands, without them; prices are no formulas.

    >>> plain(r"so $a_{1}*b*c \{x\}$ costs $5 or $6")
    'so a_{1}*b*c \\{x\\} costs $5 or $6'
    >>> plain("5*3*2 is `a * b * c`, 4 * 3"), plain("f(*args, **kw)")
    ('5*3*2 is a * b * c, 4 * 3', 'f(*args, **kw)')
    """
    if len(text) <= _LONGEST_CACHED:
        return _cached_plain(text)
    return _plain(text)


def readable(text: str, form: Form) -> str:
    """Return the text without markup if it is Markdown, else the text."""
    return plain(text) if form == "markdown" else text


def _plain(text: str) -> str:
    if "```" in text or "~~~" in text:
        return "\n".join(part if is_code else _prose(part) for is_code, part in _parts(text))
    return _prose(text)


_cached_plain = functools.lru_cache(maxsize=2)(_plain)  # edits read a text just before signals do


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """Yield (whether it is code, lines) of a text with fences; a fence is a blank line of the code.

    A fence of n marks ends at the next line of at least n such marks and nothing else, or at the end of the
    text (CommonMark 0.31, section 4.5).
    """
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        match = _FENCE.match(line)
        opens = match is not None and not fence and "`" not in line[match.end() :]
        closes = (
            match is not None and fence and match[1].startswith(fence) and not line[match.end() :].strip()
        )
        if match is None or not (opens or closes):
            lines.append(line)
            continue
        if opens and lines:
            yield False, "\n".join(lines)
            lines = []
        lines.append("")
        fence = match[1] if opens else ""
        if closes:
            yield True, "\n".join(lines)
            lines = []
    if lines:
        yield bool(fence), "\n".join(lines)


def _prose(text: str) -> str:
    if "#" in text:
        text = _HEADING.sub(r"\1", text)
    if "|" in text:
        text = _TABLE_ROW.sub(_cells, text)
    if _has_inline(text):
        return "\n".join([_without_inline(line) if _has_inline(line) else line for line in text.split("\n")])
    return text


def _has_inline(line: str) -> bool:
    return "*" in line or "\\" in line or "`" in line or "$" in line


def _without_inline(line: str) -> str:
    """Return a line without escapes, the backticks around code, and pairs of asterisks around words."""
    parts: list[str] = []
    open_runs: list[int] = []  # positions in `parts` of asterisks that may begin emphasis
    position = 0
    for match in _INLINE.finditer(line):
        parts.append(line[position : match.start()])
        position = match.end()
        if match[0][0] != "*":
            parts.append(match[1] or match[3] or match[5])
            continue
        parts.append(match[0])
        before, after = line[match.start() - 1 : match.start()], line[position : position + 1]
        if before.isdecimal() and after.isdecimal():
            continue  # a product
        if before and not before.isspace():
            _close(parts, open_runs)
        if parts[-1] and after and not after.isspace():
            open_runs.append(len(parts) - 1)
    parts.append(line[position:])
    return "".join(parts)


def _close(parts: list[str], open_runs: list[int]) -> None:
    """Take as many asterisks off the last part as runs before it opened emphasis, and off those runs."""
    while open_runs and parts[-1]:
        opened = open_runs[-1]
        length = min(len(parts[opened]), len(parts[-1]))
        parts[opened], parts[-1] = parts[opened][length:], parts[-1][length:]
        if not parts[opened]:
            open_runs.pop()


def _cells(row: re.Match[str]) -> str:
    line = row[0].strip()
    return "" if _TABLE_RULE.fullmatch(line) else _BAR.sub(" ", line).strip()
