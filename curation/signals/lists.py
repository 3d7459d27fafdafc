"""Signals of listed words and phrases, as lists of bad words have them."""

from __future__ import annotations

import functools
import re
from typing import Literal

from curation.files.packed_file import open_unpacked
from curation.signals.registry import FilePath, signal
from curation.text.text import Text

_WORD = re.compile(r"\w+")


@signal
def listed_phrase_count(
    text: Text, *, list: FilePath, where: Literal["word", "anywhere"] = "word", distinct: bool = False
) -> float:
    """How many of a list's words and phrases occur in the text, every occurrence counted, or each once.

    The list is a file with one word or phrase a line, compressed or not, as LDNOOBW's are; empty lines and
    lines that begin with `#` and a space are none. Case does not matter. With `where: word` no letter, digit
    or underscore stands beside an occurrence; `anywhere` is for languages without spaces (LDNOOBW's ja, th
    and zh).

    Sources: C4's bad-word rule (Raffel et al. 2020, section 2.2): a page goes that has any; RedPajama-V2's
    rps_doc_ldnoobw_words, which counts occurrences.
    """
    phrases = _phrases(list)
    lowered = text.plain.lower()
    if where == "anywhere":
        counts = [lowered.count(phrase) for phrase in phrases.all]
    else:
        counts = [_occurrences(phrase, lowered) for phrase in phrases.candidates(lowered)]
    return float(sum(count > 0 for count in counts) if distinct else sum(counts))


def _occurrences(phrase: str, text: str) -> int:
    return sum(1 for _ in _pattern(phrase).finditer(text))


@functools.lru_cache(maxsize=1 << 14)
def _pattern(phrase: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(phrase)}(?!\w)")


class _Phrases:
    """The phrases of a list, by their first word: few texts hold any, and one look at their words tells."""

    def __init__(self, lines: set[str]) -> None:
        self.all = sorted(lines)
        self._by_word: dict[str, list[str]] = {}
        self._wordless: list[str] = []
        for phrase in self.all:
            word = _WORD.search(phrase)
            if word:
                self._by_word.setdefault(word[0], []).append(phrase)
            else:
                self._wordless.append(phrase)

    def candidates(self, lowered: str) -> list[str]:
        """Return the phrases of which the text has the first word, and those that have none."""
        words = self._by_word.keys() & set(_WORD.findall(lowered))
        return [*(phrase for word in sorted(words) for phrase in self._by_word[word]), *self._wordless]


@functools.lru_cache(maxsize=16)
def _phrases(path: str) -> _Phrases:
    with open_unpacked(path) as stream:
        text = stream.read().decode("utf-8", "replace").lstrip("\ufeff")
    lines = (line.strip().lower() for line in text.splitlines())
    return _Phrases({line for line in lines if line and not line.startswith("# ")})
