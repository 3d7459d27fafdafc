"""Texts as decontamination compares them: normalised words as hashes, and the passages of an evaluation item.

Words are what is left when a text is set otherwise: runs of letters and digits, without case, accents,
punctuation, markup or line breaks; 80,000 is 80000, and in scripts without spaces each letter is a word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
import regex
import xxhash
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

#: Words of a passage: whole lines up to at least as many; more than twice as many are cut evenly.
PASSAGE_WORDS = 24
_CACHED_WORDS = 1 << 20

_THOUSANDS = r"[0-9]+(?:,[0-9]{3})+(?![0-9])"
_ALONE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_ASCII = re.compile(rf"{_THOUSANDS}|[a-zA-Z0-9]+")
_ANY = regex.compile(rf"{_THOUSANDS}|[{_ALONE}]\p{{M}}*|[\p{{L}}\p{{M}}\p{{N}}--[{_ALONE}]]+", regex.V1)


def normal(word: str) -> str:
    """Return a word without case, accents, compatibility forms and commas between digits.

    >>> normal("Ｃafé"), normal("ﬁne"), normal("80,000")
    ('cafe', 'fine', '80000')
    """
    if not word.isascii():
        word = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    return word.casefold().replace(",", "")


class _Hashes(dict[str, int]):
    """Word -> 64-bit hash of its normal form; forgets all when it holds too many."""

    def __missing__(self, word: str) -> int:
        if len(self) >= _CACHED_WORDS:
            self.clear()
        found = xxhash.xxh3_64_intdigest(normal(word).encode("utf-8", "surrogatepass"))
        self[word] = found
        return found


_HASHES = _Hashes()


def word_hashes(text: str) -> Hashes:
    """Return the hash of every word of a text, in order.

    >>> bool((word_hashes("**Pay** $80,000 at the café!") == word_hashes("pay 80000 at the CAFE")).all())
    True
    """
    words = (_ASCII if text.isascii() else _ANY).findall(text)
    return np.fromiter(map(_HASHES.__getitem__, words), np.uint64, len(words))


def word_spans(text: str) -> list[tuple[int, int]]:
    """Return where every word of a text begins and ends, in characters."""
    return [found.span() for found in (_ASCII if text.isascii() else _ANY).finditer(text)]


def passages(text: str) -> Iterator[Hashes]:
    """Yield the passages of one field of an item: what is looked for by itself.

    Short lines are joined, long ones are cut, so that a page that holds one part of a long item is found too.
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
    """Return the hash of every run of `size` words; none where there are fewer words."""
    count = len(words) - size + 1
    if count <= 0:
        return np.empty(0, np.uint64)
    found = np.zeros(count, np.uint64)
    for k in range(size):
        found *= np.uint64(0x9E3779B97F4A7C15)
        found += words[k : k + count]
    found ^= found >> np.uint64(29)  # the top bits choose a place in the sieve: they must hang on all words
    found *= np.uint64(0xBF58476D1CE4E5B9)
    found ^= found >> np.uint64(32)
    return found


class Aligner:
    """How much of a passage stands in a run of words, in its order (longest common subsequence).

    One machine integer holds a row of the table (Hyyrö 2004), so a step costs one addition.
    """

    def __init__(self, passage: Sequence[int]) -> None:
        """Take the words of the passage."""
        self.passage = list(passage)
        self._forward, self._backward = self._places(self.passage), self._places(self.passage[::-1])

    @staticmethod
    def _places(words: Sequence[int]) -> dict[int, int]:
        places: dict[int, int] = {}
        for i, word in enumerate(words):
            places[word] = places.get(word, 0) | 1 << i
        return places

    def common(self, words: Sequence[int]) -> int:
        """Return how many words of the passage stand in `words`, in order."""
        return self._reach(self._forward, words, len(self.passage) + 1)[0]

    def span(self, words: Sequence[int], common: int) -> tuple[int, int]:
        """Return (first, last + 1) of a shortest end of `words` that holds `common` words of it, in order."""
        _, end = self._reach(self._forward, words, common)
        _, length = self._reach(self._backward, words[:end][::-1], common)
        return end - length, end

    def _reach(self, places: dict[int, int], words: Sequence[int], wanted: int) -> tuple[int, int]:
        """Return (words in common, words read) when `wanted` are in common, or at the end."""
        size = len(self.passage)
        full = left = (1 << size) - 1
        for i, word in enumerate(words):
            if here := places.get(word):
                both = left & here
                left = ((left + both) | (left - both)) & full
                if size - left.bit_count() >= wanted:
                    return wanted, i + 1
        return size - left.bit_count(), len(words)
