"""Texts as decontamination compares them: hashes of normalized words, and passages of evaluation items.

Words are runs of letters and digits without case and accents, so punctuation, markup and line breaks do not
matter. 80,000 is the same as 80000. In scripts without spaces every letter is a word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
import regex
import xxhash
from numpy.typing import NDArray

from curation.text.bounds import UNSPACED

Hashes = NDArray[np.uint64]

#: Target words of a passage: lines are joined up to it; a passage of more than twice as many is split evenly.
PASSAGE_WORDS = 24
_CACHED_WORDS = 1 << 20
_TATWEEL = "\u0640"  # widens an Arabic word

_THOUSANDS = r"[0-9]+(?:,[0-9]{3})+(?![0-9])"
_ASCII = re.compile(rf"{_THOUSANDS}|[a-zA-Z0-9]+")
_ANY = regex.compile(rf"{_THOUSANDS}|[{UNSPACED}]\p{{M}}*|[\p{{L}}\p{{M}}\p{{N}}--[{UNSPACED}]]+", regex.V1)


def normal(word: str) -> str:
    """Return a word without case, accents, tatweel, compatibility forms and thousands separators.

    >>> normal("Ｃafé"), normal("ﬁne"), normal("80,000"), normal("محـــمد") == "محمد"
    ('cafe', 'fine', '80000', True)
    """
    if not word.isascii():
        letters = unicodedata.normalize("NFKD", word)
        word = "".join(c for c in letters if c != _TATWEEL and not unicodedata.combining(c))
    return word.casefold().replace(",", "")


class _Hashes(dict[str, int]):
    """Cache of word -> 64-bit hash of its normal form; cleared when it is full."""

    def __missing__(self, word: str) -> int:
        if len(self) >= _CACHED_WORDS:
            self.clear()
        digest = xxhash.xxh3_64_intdigest(normal(word).encode("utf-8", "surrogatepass"))
        self[word] = digest
        return digest


_HASHES = _Hashes()


def word_hashes(text: str) -> Hashes:
    """Return the hashes of the words of a text, in order.

    >>> bool((word_hashes("**Pay** $80,000 at the café!") == word_hashes("pay 80000 at the CAFE")).all())
    True
    """
    words = (_ASCII if text.isascii() else _ANY).findall(text)
    return np.fromiter(map(_HASHES.__getitem__, words), np.uint64, len(words))


def word_spans(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of every word of a text, in characters."""
    return [match.span() for match in (_ASCII if text.isascii() else _ANY).finditer(text)]


def passages(text: str) -> Iterator[Hashes]:
    """Yield the passages of one field of an item. Every passage is searched for separately.

    Short lines are joined and long ones split, so that a page with one part of a long item matches too.
    """
    runs: list[list[Hashes]] = [[]]
    for line in text.split("\n"):
        if sum(map(len, runs[-1])) >= PASSAGE_WORDS:
            runs.append([])
        runs[-1].append(word_hashes(line))
    if len(runs) > 1 and sum(map(len, runs[-1])) < PASSAGE_WORDS:
        runs[-2:] = [[*runs[-2], *runs[-1]]]
    for run in runs:
        words = np.concatenate(run)
        yield from np.array_split(words, max(1, -(-len(words) // (2 * PASSAGE_WORDS))))


def gram_hashes(words: Hashes, size: int) -> Hashes:
    """Return the hashes of all n-grams of `size` words; empty if there are fewer words."""
    count = len(words) - size + 1
    if count <= 0:
        return np.empty(0, np.uint64)
    grams = np.zeros(count, np.uint64)
    for k in range(size):
        grams *= np.uint64(0x9E3779B97F4A7C15)
        grams += words[k : k + count]
    grams ^= grams >> np.uint64(29)  # the top bits index the sieve: they must depend on all words
    grams *= np.uint64(0xBF58476D1CE4E5B9)
    grams ^= grams >> np.uint64(32)
    return grams


class Aligner:
    """Longest common subsequence of a passage and a run of words.

    An integer holds a whole row of the table (Hyyrö 2004), so a word costs one addition.
    """

    def __init__(self, passage: Sequence[int]) -> None:
        """Prepare the words of the passage."""
        self.passage = list(passage)
        self._forward, self._backward = self._positions(self.passage), self._positions(self.passage[::-1])

    @staticmethod
    def _positions(words: Sequence[int]) -> dict[int, int]:
        """Return word -> bitmap of its positions."""
        positions: dict[int, int] = {}
        for i, word in enumerate(words):
            positions[word] = positions.get(word, 0) | 1 << i
        return positions

    def common(self, words: Sequence[int]) -> int:
        """Return the number of words of the passage that occur in `words`, in order."""
        return self._reach(self._forward, words, len(self.passage) + 1)[0]

    def span(self, words: Sequence[int], common: int) -> tuple[int, int]:
        """Return (first, last + 1) of a short run of `words` that has `common` words of the passage."""
        _, end = self._reach(self._forward, words, common)
        _, length = self._reach(self._backward, words[:end][::-1], common)
        return end - length, end

    def _reach(self, positions: dict[int, int], words: Sequence[int], enough: int) -> tuple[int, int]:
        """Read `words` until `enough` are in common; return (words in common, words read)."""
        size = len(self.passage)
        full = left = (1 << size) - 1
        for i, word in enumerate(words):
            if matches := positions.get(word):
                both = left & matches
                left = ((left + both) | (left - both)) & full
                if size - left.bit_count() >= enough:
                    return enough, i + 1
        return size - left.bit_count(), len(words)
