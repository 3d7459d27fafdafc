"""Plain text: Markdown without the markup that our own extraction writes."""

from __future__ import annotations

import functools
import re

# Markdown markup. No pattern crosses a line feed, so the number of lines never changes.
_HEADING = re.compile(r"^([ \t]*(?:[-*+] )?)#{1,6}[ \t]+", re.MULTILINE)
_TABLE_ROW = re.compile(r"^[ \t]*\|.*\|[ \t]*$", re.MULTILINE)
_TABLE_RULE = re.compile(r"[\s|:-]*")
_BAR = re.compile(r"(?<!\\)\|")
_EMPHASIS = re.compile(r"\\([!-/:-@\[-`{-~])|\*{1,3}(?:(?=\S)|(?<=\S\*))")

_LONGEST_CACHED = 1 << 20  # characters


def plain(text: str) -> str:
    r"""Return the text without Markdown layout markup; lines keep their numbers.

    Heading marks, the bars and rules of tables, emphasis asterisks and escaping backslashes are removed.
    List marks stay, because rules count them.

    >>> plain("## A *title*\n| cell | **cell** |\n|---|---|\n- item \\[1\\]")
    'A title\ncell   cell\n\n- item [1]'
    """
    if len(text) <= _LONGEST_CACHED:
        return _cached_plain(text)
    return _plain(text)


def _plain(text: str) -> str:
    if "#" in text:
        text = _HEADING.sub(r"\1", text)
    if "|" in text:
        text = _TABLE_ROW.sub(_cells, text)
    return _EMPHASIS.sub(r"\1", text) if "*" in text or "\\" in text else text


_cached_plain = functools.lru_cache(maxsize=2)(_plain)  # edits read a text just before signals do


def _cells(row: re.Match[str]) -> str:
    line = row[0].strip()
    return "" if _TABLE_RULE.fullmatch(line) else _BAR.sub(" ", line).strip()
