"""Signals of source code and markup. They read the raw text: unstripped lines, blank ones included.

Which files are code is declared by the input (`only: [source]` of a pass). Shares of character classes are in
`curation.signals.characters`.
"""

from __future__ import annotations

import functools
import html
import re
from typing import Literal

from curation.signals.registry import signal
from curation.text.text import Text

LineBreaks = Literal["counted", "left_out"]


@signal
def longest_line_length(text: Text) -> float:
    r"""Characters of the longest line of the raw text, without its line break; 0.0 if the text is empty.

    Lines are those of `str.splitlines` (which also splits at carriage returns, form feeds and Unicode
    separators), as in RedPajama-v1's github_clean_dedup_local.py and StarCoder's preprocessing/filtering.py.
    NeMo Curator splits at line feeds only.

    >>> longest_line_length(Text("if a:\n    b"))
    5.0
    """
    return float(max(map(len, text.raw.splitlines()), default=0))


@signal
def mean_code_line_length(text: Text, *, breaks: LineBreaks = "left_out") -> float:
    r"""Mean characters of a line of the raw text, blank lines included; 0.0 if the text is empty.

    With `breaks: counted` line breaks count as characters, as in RedPajama-v1's average; StarCoder's leaves
    them out. Lines are those of `longest_line_length`.

    >>> mean_code_line_length(Text("ab\n\n")), mean_code_line_length(Text("ab\n\n"), breaks="counted")
    (1.0, 2.0)
    """
    lines = text.raw.splitlines()
    if not lines:
        return 0.0
    return (len(text.raw) if breaks == "counted" else sum(map(len, lines))) / len(lines)


@signal
def head_phrase_count(text: Text, *, phrases: tuple[str, ...], length: int) -> float:
    """Total occurrences of the phrases within the first `length` characters of the raw text.

    Source: StarCoder's XML filter (Li et al. 2023, section 3.1): "<?xml version=" in the first 100.

    >>> head_phrase_count(Text('<?xml version="1.0"?>'), phrases=("<?xml version=",), length=100)
    1.0
    """
    return float(sum(map(text.raw[: max(length, 0)].count, phrases)))


@signal
def visible_text_length(text: Text) -> float:
    """Characters of HTML outside tags, comments, scripts and styles; of other text nearly all characters.

    Entities are decoded. White space counts, but white space alone between two tags counts as one character.
    A tag begins with `<` before a letter, `/`, `!` or `?` and ends at the next `>`. An unclosed tag hides the
    rest of the text.

    Source: StarCoder's HTML filter (Li et al. 2023, section 3.1: at least 100 characters). It parses with
    BeautifulSoup, where an attribute may contain `>`.

    >>> visible_text_length(Text("<p class='a'>Fish &amp; chips</p><script>x = 1</script>"))
    12.0
    """
    return float(len(_visible(text.raw)))


@signal
def visible_text_fraction(text: Text) -> float:
    """Characters of `visible_text_length` over all characters; 0.0 if the text is empty.

    Source: StarCoder's HTML filter (at least a fifth).
    """
    return min(len(_visible(text.raw)) / len(text.raw), 1.0) if text.raw else 0.0


_TAG = re.compile(r"<[A-Za-z/!?]")
# Character references far beyond Unicode: `int` raises on thousands of digits.
_HUGE_REFERENCE = re.compile(r"&#(?:[0-9]{10,}+|[xX][0-9a-fA-F]{10,}+);?")


@functools.lru_cache(maxsize=1)
def _visible(source: str) -> str:
    """Return the visible text of HTML, in one pass from tag to tag."""
    lowered, parts, position = source.lower(), [], 0
    if len(lowered) != len(source):  # the lower case of a few letters is longer
        lowered = source.translate(_TO_LOWER)
    while tag := _TAG.search(source, position):
        parts.append(_piece(source[position : tag.start()]))
        position = _end_of_tag(source, lowered, tag.start())
    parts.append(_piece(source[position:]))
    return html.unescape(_HUGE_REFERENCE.sub("\ufffd", "".join(parts)))


def _piece(between: str) -> str:
    """Return the text between two tags; white space alone (indented markup) becomes one character."""
    if between.strip(_SPACES):
        return between
    return between and ("\n" if "\n" in between else " ")


_SPACES = " \n\t\f\r"
_TO_LOWER = {capital: capital + 32 for capital in range(ord("A"), ord("Z") + 1)}


def _end_of_tag(source: str, lowered: str, tag: int) -> int:
    """Return the end of the tag at `tag`; comments, scripts and styles end with their closing tag."""
    if source.startswith("<!--", tag):
        return _after(source, "-->", tag + 4)
    close = _after(source, ">", tag + 1)
    for name in ("script", "style"):
        after = tag + 1 + len(name)
        if lowered.startswith(name, tag + 1) and not lowered[after : after + 1].isalnum():
            return _after(lowered, ">", _after(lowered, f"</{name}", close))
    return close


def _after(source: str, mark: str, start: int) -> int:
    index = source.find(mark, start)
    return index + len(mark) if index >= 0 else len(source)
