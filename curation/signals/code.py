"""Signals of source code and markup, which read the text as it is stored: lines unstripped, blank ones too.

Which files are code, and in which language, is for the input to say (`only: [source]` of a pass). Characters
by kind are in `curation.signals.characters`.
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
    r"""Characters of the longest line, as stored, without its line break; 0.0 where empty.

    Lines end where `str.splitlines` ends them (also at carriage returns, form feeds and Unicode's
    separators), as in RedPajama-v1's github_clean_dedup_local.py and StarCoder's preprocessing/filtering.py;
    NeMo Curator cuts at line feeds only.

    >>> longest_line_length(Text("if a:\n    b"))
    5.0
    """
    return float(max(map(len, text.raw.splitlines()), default=0))


@signal
def mean_code_line_length(text: Text, *, breaks: LineBreaks = "left_out") -> float:
    r"""Mean characters of a line as stored, blank lines among them; 0.0 where empty.

    With `breaks: counted` line breaks count: characters of the text over its lines, RedPajama-v1's average.
    StarCoder's leaves them out. Lines are those of `longest_line_length`.

    >>> mean_code_line_length(Text("ab\n\n")), mean_code_line_length(Text("ab\n\n"), breaks="counted")
    (1.0, 2.0)
    """
    lines = text.raw.splitlines()
    if not lines:
        return 0.0
    return (len(text.raw) if breaks == "counted" else sum(map(len, lines))) / len(lines)


@signal
def head_phrase_count(text: Text, *, phrases: tuple[str, ...], length: int) -> float:
    """Occurrences of the phrases, summed, that lie whole in the first `length` characters, as stored.

    Source: StarCoder's XML filter (Li et al. 2023, section 3.1): "<?xml version=" in the first 100.

    >>> head_phrase_count(Text('<?xml version="1.0"?>'), phrases=("<?xml version=",), length=100)
    1.0
    """
    return float(sum(map(text.raw[: max(length, 0)].count, phrases)))


@signal
def visible_text_length(text: Text) -> float:
    """Characters of HTML that stand outside tags, comments, scripts and styles; of other text nearly all.

    Entities count as what they stand for, white space as it stands, but alone between two tags once. A tag
    begins with `<` before a letter, `/`, `!` or `?` and ends at the next `>`; what is never closed runs to
    the end and is not visible.

    Source: StarCoder's HTML filter (Li et al. 2023, section 3.1: at least 100 characters), which parses with
    BeautifulSoup: there an attribute may hold a `>`.

    >>> visible_text_length(Text("<p class='a'>Fish &amp; chips</p><script>x = 1</script>"))
    12.0
    """
    return float(len(_visible(text.raw)))


@signal
def visible_text_fraction(text: Text) -> float:
    """Visible characters of HTML, as `visible_text_length` has them, over all characters; 0.0 where empty.

    Source: StarCoder's HTML filter (at least a fifth).
    """
    return min(len(_visible(text.raw)) / len(text.raw), 1.0) if text.raw else 0.0


_TAG = re.compile(r"<[A-Za-z/!?]")
# Character references far beyond Unicode: Python reads no number of thousands of digits.
_FAR = re.compile(r"&#(?:[0-9]{10,}+|[xX][0-9a-fA-F]{10,}+);?")


@functools.lru_cache(maxsize=1)
def _visible(source: str) -> str:
    """Return what HTML shows, in one walk from tag to tag: nothing is searched for twice."""
    lowered, parts, place = source.lower(), [], 0
    if len(lowered) != len(source):  # a few capitals have longer small letters
        lowered = source.translate(_SMALL)
    while tag := _TAG.search(source, place):
        parts.append(_piece(source[place : tag.start()]))
        place = _end_of_tag(source, lowered, tag.start())
    parts.append(_piece(source[place:]))
    return html.unescape(_FAR.sub("\ufffd", "".join(parts)))


def _piece(between: str) -> str:
    """Return what stands between two tags; white space alone, as indented markup has it, is one character."""
    if between.strip(_SPACES):
        return between
    return between and ("\n" if "\n" in between else " ")


_SPACES = " \n\t\f\r"
_SMALL = {capital: capital + 32 for capital in range(ord("A"), ord("Z") + 1)}


def _end_of_tag(source: str, lowered: str, tag: int) -> int:
    """Return where the tag at `tag` ends, a comment, script or style whole."""
    if source.startswith("<!--", tag):
        return _after(source, "-->", tag + 4)
    close = _after(source, ">", tag + 1)
    for name in ("script", "style"):
        after = tag + 1 + len(name)
        if lowered.startswith(name, tag + 1) and not lowered[after : after + 1].isalnum():
            return _after(lowered, ">", _after(lowered, f"</{name}", close))
    return close


def _after(source: str, mark: str, start: int) -> int:
    found = source.find(mark, start)
    return found + len(mark) if found >= 0 else len(source)
