"""`Words`, the words of one text as numbers, and the n-grams among them that occur again."""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

_PACKED_BITS = 63  # of a number that holds a key and a place
_MANY = 1 << 17  # words of a text of which only the n-grams asked for last stay in memory


@dataclass(frozen=True, eq=False)
class RepeatedNgrams:
    """The n-grams that occur at least twice: their occurrences, in order of place.

    starts: (r,) place of each occurrence's first word, rising. group: (r,) number of its n-gram, from 0.
    """

    starts: NDArray[np.int64]
    group: NDArray[np.int64]

    @functools.cached_property
    def counts(self) -> NDArray[np.int64]:
        """How often each of the n-grams occurs."""
        return np.bincount(self.group)

    @functools.cached_property
    def first(self) -> NDArray[np.bool_]:
        """(r,) whether an occurrence is its n-gram's first."""
        places = np.empty(len(self.counts), np.int64)
        places[self.group[::-1]] = np.arange(len(self.group) - 1, -1, -1)  # the last one written stays
        first = np.zeros(len(self.group), np.bool_)
        first[places] = True
        return first


class Words:
    """The words of a text as numbers, so that every signal is a few numpy calls.

    Words are numbered when a signal first asks for more than their count. N-grams are compared as such, not
    by hashes: an n-gram occurs again where two (n-1)-grams that occur again overlap.
    """

    def __init__(self, tokens: Callable[[], Iterable[list[str]]], count: int | None = None) -> None:
        """Take what returns the words in order, list after list, and how many they are, if that is known."""
        self._tokens, self._count = tokens, count
        self._repeats: dict[int, RepeatedNgrams | None] = {}

    @classmethod
    def of(cls, tokens: list[str]) -> Self:
        """Return the words that a list holds."""
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
        """How many words there are."""
        return len(self.ids) if self._count is None else self._count

    @functools.cached_property
    def vocabulary(self) -> list[str]:
        """The different words in order of appearance."""
        return self._numbered[0]

    @functools.cached_property
    def ids(self) -> NDArray[np.int32]:
        """(count,) the number of each word in the vocabulary."""
        return self._numbered[1]

    @functools.cached_property
    def word_counts(self) -> NDArray[np.int64]:
        """How often each word of the vocabulary occurs."""
        return np.bincount(self.ids, minlength=len(self.vocabulary))

    @functools.cached_property
    def not_letters(self) -> list[int]:
        """The numbers of the words that are not made of letters alone."""
        letters = map(str.isalpha, self.vocabulary)
        return [number for number, alone in enumerate(letters) if not alone]

    @functools.cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Characters of each word of the vocabulary."""
        return np.fromiter(map(len, self.vocabulary), np.int64, len(self.vocabulary))

    @functools.cached_property
    def ends(self) -> NDArray[np.int64]:
        """(count + 1,) characters of all words before each word; the last is the total."""
        ends = np.zeros(self.count + 1, np.int64)
        np.cumsum(self.lengths[self.ids], out=ends[1:])
        return ends

    def repeats(self, n: int) -> RepeatedNgrams | None:
        """Return the n-grams that occur at least twice, None when there is none.

        Raises:
            ValueError: n is below 1.
        """
        if n < 1:
            raise ValueError(f"an n-gram has at least 1 word, not {n}")
        known = self._repeats
        if n not in known:
            length = max((each for each in known if each < n), default=1)
            repeats = known[length] if length in known else self._repeated_words()
            known[length] = repeats
            for longer in range(length + 1, n + 1):
                repeats = known[longer] = _longer(repeats) if repeats else None
                if self.count > _MANY:
                    del known[longer - 1]
        return known[n]

    def _repeated_words(self) -> RepeatedNgrams | None:
        again = self.word_counts > 1
        starts = np.flatnonzero(again[self.ids])
        return RepeatedNgrams(starts, (np.cumsum(again) - 1)[self.ids[starts]]) if len(starts) else None


class LowerCased(Words):
    """The words of another in lower case: only the different ones are lowered."""

    def __init__(self, cased: Words) -> None:
        """Take the words as they are written."""
        super().__init__(list, cased.count)
        self._cased = cased

    @functools.cached_property
    def vocabulary(self) -> list[str]:
        """The different words in order of appearance."""
        return list(dict.fromkeys(map(str.lower, self._cased.vocabulary)))

    @functools.cached_property
    def ids(self) -> NDArray[np.int32]:
        """(count,) the number of each word in the vocabulary."""
        numbers = {word: number for number, word in enumerate(self.vocabulary)}
        lowered = map(str.lower, self._cased.vocabulary)
        return np.fromiter(map(numbers.__getitem__, lowered), np.int32)[self._cased.ids]


class Compounds(Words):
    """The words that chunks are made of: only the different chunks are looked at word by word."""

    def __init__(self, chunks: list[str], cut: Mapping[str, Sequence[str]]) -> None:
        """Take the chunks in order, and the words of each."""
        super().__init__(list)
        self._chunks, self._cut = chunks, cut

    @functools.cached_property
    def count(self) -> int:
        """How many words there are."""
        return sum(map(len, map(self._cut.__getitem__, self._chunks)))

    @functools.cached_property
    def _numbered(self) -> tuple[list[str], NDArray[np.int32]]:
        kinds: defaultdict[str, int] = defaultdict(itertools.count().__next__)
        numbers: defaultdict[str, int] = defaultdict(itertools.count().__next__)
        chunks = np.fromiter(map(kinds.__getitem__, self._chunks), np.int32, len(self._chunks))
        cut = list(map(self._cut.__getitem__, kinds))
        lengths = np.fromiter(map(len, cut), np.int64, len(cut))
        words = itertools.chain.from_iterable(cut)
        ids = np.fromiter(map(numbers.__getitem__, words), np.int32, int(lengths.sum()))
        begins, counts = (np.cumsum(lengths) - lengths)[chunks], lengths[chunks]
        before = np.cumsum(counts) - counts
        places = np.repeat(begins - before, counts)
        places += np.arange(len(places))
        return list(numbers), ids[places]


def _longer(shorter: RepeatedNgrams) -> RepeatedNgrams | None:
    """Return the n-grams that occur again, given the (n-1)-grams that do: two of those make up each."""
    starts, group = shorter.starts, shorter.group
    pairs = np.flatnonzero(starts[1:] - starts[:-1] == 1)
    if not len(pairs):
        return None
    kinds = len(shorter.counts)
    keys, order = _sorted(group[pairs] * kinds + group[pairs + 1], kinds * kinds)
    same = np.zeros(len(keys) + 1, np.bool_)
    np.equal(keys[1:], keys[:-1], out=same[1:-1])
    del keys  # of millions of words, each array counts
    again = same[:-1] | same[1:]
    members = order[again]
    if not len(members):
        return None
    numbers = np.zeros(len(order), np.int64)
    numbers[members] = np.cumsum(~same[:-1][again])  # from 1
    chosen = np.flatnonzero(numbers)
    return RepeatedNgrams(starts[pairs[chosen]], numbers[chosen] - 1)


def _sorted(keys: NDArray[np.int64], below: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the keys (0 to `below` - 1), sorted, and where each was; equal ones in order of place."""
    bits = len(keys).bit_length()
    if below.bit_length() + bits > _PACKED_BITS:
        order = np.argsort(keys, kind="stable")
        return keys[order], order
    packed = (keys << bits) | np.arange(len(keys))  # sorting values is several times quicker than argsort
    packed.sort()
    return packed >> bits, packed & ((1 << bits) - 1)
