"""Signals of characters: shares of character classes and of URLs.

They read the raw text with markup and white space, as the published rules do. Code uses `#`, `*` and `|`
itself, and a share of all characters has to count them all.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping
from typing import Literal

from curation.signals.registry import signal
from curation.text.text import Text

CharacterClass = Literal[
    "letter", "digit", "numeric", "alphanumeric", "uppercase", "whitespace", "ascii_letter", "ascii_digit"
]


_CLASSES: Mapping[CharacterClass, Callable[[str], bool]] = {
    "letter": str.isalpha,
    "digit": str.isdecimal,
    "numeric": str.isnumeric,
    "alphanumeric": str.isalnum,
    "uppercase": str.isupper,
    "whitespace": str.isspace,
    "ascii_letter": frozenset(string.ascii_letters).__contains__,
    "ascii_digit": frozenset(string.digits).__contains__,
}


@signal
def character_fraction(
    text: Text, *, characters: str = "", classes: tuple[CharacterClass, ...] = ()
) -> float:
    r"""Share of characters that are in `characters` or in one of the classes; 0.0 if the text is empty.

    `characters` lists single characters ("{}" counts both brackets). Classes follow Unicode: `letter` is a
    letter category, `digit` a decimal digit (category Nd), `numeric` also fractions, superscripts and Han
    numerals, `alphanumeric` any of these; `ascii_letter` is A-Z and a-z, `ascii_digit` 0-9.

    Sources: NeMo Curator's NonAlphaNumericFilter, NumbersFilter, WhiteSpaceFilter and ParenthesesFilter;
    RedPajama-V2's rps_doc_curly_bracket; RedPajama-v1's and StarCoder's alphanumeric and alphabetic shares of
    code. They define alphanumeric differently: NeMo's is ASCII, with line feeds and `?!,.` and without
    spaces; the code filters use Python's. For an empty text NeMo returns 1.0 for every share it bounds above.

    >>> character_fraction(Text("f(x) = 42\n"), classes=("letter", "digit"))
    0.4
    >>> character_fraction(Text("f(x) = 42\n"), characters="()")
    0.2
    """
    counts = text.characters
    if not counts:
        return 0.0
    kinds = [_CLASSES[name] for name in classes]
    total = sum(
        count
        for character, count in counts.items()
        if character in characters or any(kind(character) for kind in kinds)
    )
    return total / len(text.raw)


# Possessive runs: a long URL is one step, without backtracking.
_URL = re.compile(r"https?://(?:[A-Za-z0-9$\-_@.&+/:=?#~!*(),]++|%(?=[0-9A-Fa-f]{2}))++")


@signal
def url_character_fraction(text: Text) -> float:
    """Share of characters in URLs (http:// or https://); 0.0 if the text is empty.

    A URL ends at the first character that cannot be part of one (white space, quotes, angle brackets,
    non-ASCII letters, a bare percent sign). A full stop or bracket after it is counted as part of it.

    Source: NeMo Curator, UrlsFilter.

    >>> url_character_fraction(Text("see http://a.org/b ok"))
    0.6666666666666666
    """
    if "://" not in text.raw:
        return 0.0
    return sum(len(url) for url in _URL.findall(text.raw)) / len(text.raw)
