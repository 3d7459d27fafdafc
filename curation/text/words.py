"""`Words`: the words of a text as integer ids, and the n-grams that occur more than once."""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from curation.text.spacy_like import split_chunk
from curation.text.vocabulary import Numbers, Vocabulary, current_vocabulary

_PACKED_BITS = 63  # of an integer that packs a key and a position
_MANY_WORDS = 1 << 17  # in a longer text only the n-grams of the last length stay in memory


@dataclass(frozen=True, eq=False)
class RepeatedNgrams:
    """All occurrences of the n-grams that occur at least twice, in text order.

    Attributes:
        starts: (r,) index of the first word of every occurrence, ascending.
        group: (r,) number of its n-gram, from 0.
    """

    starts: NDArray[np.int64]
    group: NDArray[np.int64]

    @functools.cached_property
    def counts(self) -> NDArray[np.int64]:
        """Number of occurrences of every n-gram."""
        return np.bincount(self.group)

    @functools.cached_property
    def first(self) -> NDArray[np.bool_]:
        """(r,) whether this is the first occurrence of its n-gram."""
        positions = np.empty(len(self.counts), np.int64)
        positions[self.group[::-1]] = np.arange(len(self.group) - 1, -1, -1)  # the last write wins
        first = np.zeros(len(self.group), np.bool_)
        first[positions] = True
        return first


class Words:
    """The words of a text as integer ids, so that a signal is a few numpy calls.

    Words are numbered when a signal first needs more than their count. N-grams are compared exactly, without
    hashes: an n-gram can only repeat if the two (n-1)-grams in it repeat.
    """

    def __init__(self, tokens: Callable[[], Iterable[list[str]]], count: int | None = None) -> None:
        """Take a function that yields the words in order, in lists, and their number if known."""
        self._tokens, self._count = tokens, count
        self._repeats: dict[int, RepeatedNgrams | None] = {}

    @classmethod
    def of(cls, tokens: list[str]) -> Self:
        """Return the words of a list."""
        return cls(lambda: [tokens], len(tokens))

    @functools.cached_property
    def _numbered(self) -> tuple[list[str], NDArray[np.int32]]:
        numbers: defaultdict[str, int] = defaultdict(itertools.count().__next__)
        parts = [
            np.fromiter(map(numbers.__getitem__, tokens), np.int32, len(tokens)) for tokens in self._tokens()
        ]
        return list(numbers), parts[0] if len(parts) == 1 else np.concatenate(parts)

    @property
    def count(self) -> int:
        """Number of words."""
        return len(self.ids) if self._count is None else self._count

    @functools.cached_property
    def vocabulary(self) -> list[str]:
        """Distinct words in order of first appearance."""
        return self._numbered[0]

    @functools.cached_property
    def ids(self) -> NDArray[np.int32]:
        """(count,) index of every word in the vocabulary."""
        return self._numbered[1]

    @functools.cached_property
    def word_counts(self) -> NDArray[np.int64]:
        """Number of occurrences of every word of the vocabulary."""
        return np.bincount(self.ids, minlength=len(self.vocabulary))

    @functools.cached_property
    def _not_letters(self) -> list[int]:
        """Ids of the words with a character that is not a letter."""
        letters = map(str.isalpha, self.vocabulary)
        return [number for number, alphabetic in enumerate(letters) if not alphabetic]

    def marked(self, kind: Callable[[str], bool]) -> NDArray[np.bool_]:
        """Return for every word of the vocabulary whether it is of a kind; words of letters alone are not.

        `kind` must be the same function for every text: what it says of a word may be kept.
        """
        vocabulary, flags = self.vocabulary, np.zeros(len(self.vocabulary), np.bool_)
        flags[[number for number in self._not_letters if kind(vocabulary[number])]] = True
        return flags

    def having(self, words: frozenset[str]) -> int:
        """Return how many of some words there are."""
        return len(words.intersection(self.vocabulary))

    @functools.cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Characters of every word of the vocabulary."""
        return np.fromiter(map(len, self.vocabulary), np.int64, len(self.vocabulary))

    @functools.cached_property
    def ends(self) -> NDArray[np.int64]:
        """(count + 1,) characters of all words before this one; the last entry is the total."""
        ends = np.zeros(self.count + 1, np.int64)
        np.cumsum(self.lengths[self.ids], out=ends[1:])
        return ends

    def repeats(self, n: int) -> RepeatedNgrams | None:
        """Return the n-grams that occur at least twice; None if there are none.

        Raises:
            ValueError: n is below 1.
        """
        if n < 1:
            raise ValueError(f"an n-gram has at least 1 word, not {n}")
        cache = self._repeats
        if n not in cache:
            length = max((size for size in cache if size < n), default=1)
            repeats = cache[length] if length in cache else self._repeated_words()
            cache[length] = repeats
            for longer in range(length + 1, n + 1):
                repeats = cache[longer] = _longer(repeats) if repeats else None
                if self.count > _MANY_WORDS:
                    del cache[longer - 1]
        return cache[n]

    def _repeated_words(self) -> RepeatedNgrams | None:
        repeated = self.word_counts > 1
        starts = np.flatnonzero(repeated[self.ids])
        return RepeatedNgrams(starts, (np.cumsum(repeated) - 1)[self.ids[starts]]) if len(starts) else None


class LowerCased(Words):
    """Other words in lower case: only distinct words are lowered."""

    def __init__(self, cased: Words) -> None:
        """Take the words in their original case."""
        super().__init__(list, cased.count)
        self._cased = cased

    @functools.cached_property
    def vocabulary(self) -> list[str]:
        """Distinct words in order of first appearance."""
        return list(dict.fromkeys(map(str.lower, self._cased.vocabulary)))

    @functools.cached_property
    def ids(self) -> NDArray[np.int32]:
        """(count,) index of every word in the vocabulary."""
        numbers = {word: number for number, word in enumerate(self.vocabulary)}
        lowered = map(str.lower, self._cased.vocabulary)
        return np.fromiter(map(numbers.__getitem__, lowered), np.int32)[self._cased.ids]

    def having(self, words: frozenset[str]) -> int:
        """Return how many of some words there are; no word becomes shorter in lower case."""
        longest, vocabulary = max(map(len, words), default=0), self._cased.vocabulary
        short = np.flatnonzero(self._cased.lengths <= longest).tolist()
        return len(words.intersection([vocabulary[number].lower() for number in short]))


class SplitChunks(Words):
    """The words that `spacy_like` makes of chunks (text between white space)."""

    def __init__(self, chunks: list[str]) -> None:
        """Take the chunks in order."""
        super().__init__(list)
        self._chunks = chunks

    @functools.cached_property
    def _numbers(self) -> tuple[Vocabulary, Numbers]:
        """A vocabulary, and the numbers in it of the chunks."""
        vocabulary = current_vocabulary(split_chunk)
        return vocabulary, vocabulary.chunks(self._chunks)

    @functools.cached_property
    def _distinct(self) -> tuple[Numbers, Numbers]:
        vocabulary, chunks = self._numbers
        return vocabulary.distinct(vocabulary.numbers(chunks))

    @functools.cached_property
    def count(self) -> int:
        """Number of words."""
        vocabulary, chunks = self._numbers
        return vocabulary.word_count(chunks)

    @functools.cached_property
    def vocabulary(self) -> list[str]:
        """Distinct words in order of first appearance."""
        return self._numbers[0].words(self._distinct[0])

    @property
    def ids(self) -> NDArray[np.int32]:
        """(count,) index of every word in the vocabulary."""
        return self._distinct[1]

    @functools.cached_property
    def word_counts(self) -> NDArray[np.int64]:
        """Number of occurrences of every word of the vocabulary."""
        return np.bincount(self.ids)

    def marked(self, kind: Callable[[str], bool]) -> NDArray[np.bool_]:
        """Return for every word of the vocabulary whether it is of a kind; words of letters alone are not."""
        return self._numbers[0].flags(kind, self._distinct[0])

    def having(self, words: frozenset[str]) -> int:
        """Return how many of some words there are."""
        return self._numbers[0].having(words, self._distinct[0])

    @functools.cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Characters of every word of the vocabulary."""
        return self._numbers[0].lengths(self._distinct[0])


def _longer(shorter: RepeatedNgrams) -> RepeatedNgrams | None:
    """Return the repeated n-grams, given the repeated (n-1)-grams: every one is a pair of those."""
    starts, group = shorter.starts, shorter.group
    pairs = np.flatnonzero(starts[1:] - starts[:-1] == 1)
    if not len(pairs):
        return None
    ngrams = len(shorter.counts)
    keys, order = _sorted(group[pairs] * ngrams + group[pairs + 1], ngrams * ngrams)
    same = np.zeros(len(keys) + 1, np.bool_)
    np.equal(keys[1:], keys[:-1], out=same[1:-1])
    del keys  # with millions of words every array matters
    repeated = same[:-1] | same[1:]
    members = order[repeated]
    if not len(members):
        return None
    numbers = np.zeros(len(order), np.int64)
    numbers[members] = np.cumsum(~same[:-1][repeated])  # from 1
    selected = np.flatnonzero(numbers)
    return RepeatedNgrams(starts[pairs[selected]], numbers[selected] - 1)


def _sorted(keys: NDArray[np.int64], below: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the sorted keys (0 to `below` - 1) and their original positions; the sort is stable."""
    bits = len(keys).bit_length()
    if below.bit_length() + bits > _PACKED_BITS:
        order = np.argsort(keys, kind="stable")
        return keys[order], order
    packed = (keys << bits) | np.arange(len(keys))  # sorting values is several times faster than argsort
    packed.sort()
    return packed >> bits, packed & ((1 << bits) - 1)
