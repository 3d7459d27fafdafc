"""`Vocabulary`: chunks and their words, numbered from text to text, so that each is looked at once."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

_MOST_WORDS, _MOST_CHARACTERS = 1 << 17, 1 << 23  # then a new one begins: about 30 MB
Numbers = NDArray[np.int32]


class _Numbering(dict[str, int]):
    """String -> its number; a new one takes the next."""

    def __init__(self) -> None:
        super().__init__()
        self.strings: list[str] = []
        self.characters = 0

    def __missing__(self, string: str) -> int:
        number = self[string] = len(self.strings)
        self.strings.append(string)
        self.characters += len(string)
        return number

    def numbers(self, strings: Sequence[str]) -> Numbers:
        return np.fromiter(map(self.__getitem__, strings), np.int32, len(strings))


class Vocabulary:
    """Distinct words of many texts, and what signals ask of them.

    It only ever grows, so that the numbers that a text took from it stay what they are; `current_vocabulary`
    begins a new one in time. Nothing that it returns depends on the texts before. Not for several threads.
    """

    def __init__(self, split_chunk: Callable[[str], Iterable[str]]) -> None:
        """Take the function that splits a chunk (text between white space) into words."""
        self._words, self._chunks = _Numbering(), _Numbering()
        self._words.numbers([""])  # so that no array below is empty
        self._split_chunk = split_chunk
        self._chunk_words = array("i")  # the numbers of the words of all chunks, one after the other
        self._chunk_begins = array("q", [0])
        self._lengths = array("q")
        self._flags: dict[Callable[[str], bool], array[int]] = {}
        self._scratch = np.zeros(1 << 10, np.int32)

    @property
    def full(self) -> bool:
        """Whether it should be left for a new one."""
        tables = (self._words, self._chunks)
        return any(len(each) > _MOST_WORDS or each.characters > _MOST_CHARACTERS for each in tables)

    def chunks(self, chunks: Sequence[str]) -> Numbers:
        """Return the number of every chunk; its words are found by it."""
        numbers = self._chunks.numbers(chunks)
        for chunk in self._chunks.strings[len(self._chunk_begins) - 1 :]:
            self._chunk_words.extend(map(self._words.__getitem__, self._split_chunk(chunk)))
            self._chunk_begins.append(len(self._chunk_words))
        return numbers

    def word_count(self, chunks: Numbers) -> int:
        """Return how many words the chunks with these numbers have."""
        begins = np.frombuffer(self._chunk_begins, np.int64)
        return int((begins[1:][chunks] - begins[chunks]).sum())

    def numbers(self, chunks: Numbers) -> Numbers:
        """Return the number of every word of the chunks with these numbers, in order."""
        begins = np.frombuffer(self._chunk_begins, np.int64)
        first = begins[chunks]
        counts = begins[1:][chunks] - first
        positions = np.repeat(first - np.cumsum(counts) + counts, counts)
        positions += np.arange(len(positions))
        return np.frombuffer(self._chunk_words, np.int32)[positions] if len(positions) else chunks[:0]

    def distinct(self, numbers: Numbers) -> tuple[Numbers, Numbers]:
        """Return the distinct numbers in order of first appearance, and for every number its index there."""
        if len(self._scratch) < len(self._words):
            self._scratch = np.zeros(2 * len(self._words), np.int32)
        index, positions = self._scratch, np.arange(len(numbers), dtype=np.int32)
        index[numbers[::-1]] = positions[::-1]  # the last write wins
        distinct = numbers[index[numbers] == positions]
        index[distinct] = positions[: len(distinct)]
        return distinct, index[numbers]

    def words(self, numbers: Numbers) -> list[str]:
        """Return the words with these numbers."""
        return list(map(self._words.strings.__getitem__, numbers.tolist()))

    def having(self, words: Iterable[str], numbers: Numbers) -> int:
        """Return how many of some words have one of these numbers."""
        return len({self._words.get(word) for word in words}.intersection(numbers.tolist()))

    def lengths(self, numbers: Numbers) -> NDArray[np.int64]:
        """Return the characters of every word."""
        self._lengths.extend(map(len, self._words.strings[len(self._lengths) :]))
        return np.frombuffer(self._lengths, np.int64)[numbers]

    def flags(self, kind: Callable[[str], bool], numbers: Numbers) -> NDArray[np.bool_]:
        """Return whether every word is of a kind, which words of letters alone are not."""
        flags = self._flags.setdefault(kind, array("b"))
        flags.extend(not word.isalpha() and kind(word) for word in self._words.strings[len(flags) :])
        return np.frombuffer(flags, np.bool_)[numbers]


_current = threading.local()


def current_vocabulary(split_chunk: Callable[[str], Iterable[str]]) -> Vocabulary:
    """Return the vocabulary of this thread, a new one where the last is full."""
    vocabulary: Vocabulary | None = getattr(_current, "vocabulary", None)
    if vocabulary is None or vocabulary.full:
        vocabulary = _current.vocabulary = Vocabulary(split_chunk)
    return vocabulary
