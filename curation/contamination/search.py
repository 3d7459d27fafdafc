"""Decontamination: which texts hold a passage of an evaluation item, where, and how much of it.

Two steps. Runs of words that a text shares with a passage say where to look; those that stand in many
passages ("how many does he have") do not. There the text is aligned with the passage, so that edited words,
other punctuation and line breaks do not hide it, and common phrases do not make it. The index of a million
items is a few arrays that every worker maps into memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.contamination.passages import Aligner, Hashes, gram_hashes, word_hashes, word_spans

_BLOCK_WORDS = 1 << 16  # of a text whose shared runs are looked up at once
_SIEVE_BITS_A_GRAM = 16
ARRAYS = ("grams", "owners", "places", "words", "starts", "items", "sieve", "names", "name_ends")


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchCriteria:
    """What counts as a match.

    Attributes:
        ngram_words: words of the runs that say where to look.
        min_words: passages of fewer words are not looked for.
        exact_words: passages of as many words or fewer must stand there whole; the share asked for falls to
            `overlap` at twice as many.
        overlap: share of a longer passage's words that must stand there, in order.
        common_items: runs of words that stand in more passages say nothing.
    """

    ngram_words: int = 5
    min_words: int = 8
    exact_words: int = 12
    overlap: float = 0.75
    common_items: int = 50

    def needed(self, words: int) -> int:
        """Return how many words of a passage of so many must be there."""
        longer = min(1.0, max(0.0, words / self.exact_words - 1))
        return int(np.ceil(words * (1 - (1 - self.overlap) * longer) - 1e-9))

    def slack(self, words: int) -> int:
        """Return by how many words a match may be longer than its passage, on either side."""
        return words - self.needed(words) + 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageMatch:
    """A passage found in a text.

    Attributes:
        passage, item: their numbers in the index.
        words, found: words of the passage, and how many of them stand in the text, in order.
        start, end: where, in characters of the text.
    """

    passage: int
    item: int
    words: int
    found: int
    start: int
    end: int

    @property
    def overlap(self) -> float:
        """Share of the passage's words, 0 to 1."""
        return self.found / self.words


class Index:
    """The passages of evaluation sets, as arrays in a local folder that are mapped, not read."""

    def __init__(self, folder: str | os.PathLike[str], bounds: MatchCriteria) -> None:
        """Open the index that `contamination_index.write` left in a folder."""
        loaded: dict[str, Any] = {  # plain arrays over the mapped bytes: a slice of a memmap costs ten times
            name: np.asarray(np.load(Path(folder, f"{name}.npy"), mmap_mode="r")) for name in ARRAYS
        }
        self._grams, self._owners, self._places = (loaded[name] for name in ARRAYS[:3])
        self._words, self._starts, self._items, self._sieve = (loaded[name] for name in ARRAYS[3:7])
        self._names, self._name_ends = (loaded[name] for name in ARRAYS[7:])
        self._shift = np.uint64(64 - (len(self._sieve) * 8).bit_length() + 1)
        self.bounds = bounds

    def name(self, item: int) -> str:
        """Return an item's id, as its file has it."""
        first = int(self._name_ends[item - 1]) if item else 0
        return bytes(self._names[first : int(self._name_ends[item])]).decode("utf-8", "replace")

    def find(self, text: str) -> list[PassageMatch]:
        """Return every passage that a text holds, in the order of the text."""
        words = word_hashes(text)
        found = list(self._aligned(words))
        if not found:
            return []
        spans = word_spans(text)
        matches = [
            PassageMatch(
                passage=passage,
                item=int(self._items[passage]),
                words=int(self._starts[passage + 1] - self._starts[passage]),
                found=common,
                start=spans[first][0],
                end=spans[last - 1][1],
            )
            for passage, common, first, last in dict.fromkeys(found)
        ]
        return sorted(matches, key=lambda match: (match.start, match.end, match.passage))

    def _aligned(self, words: Hashes) -> Iterator[tuple[int, int, int, int]]:
        """Yield (passage, words in common, first word, last + 1) of every match."""
        grams = gram_hashes(words, self.bounds.ngram_words)
        short = (words & np.uint64(0xFFFFFFFF)).astype(np.uint32)
        for begin in range(0, len(grams), _BLOCK_WORDS):
            passages, diagonals = self._shared(grams[begin : begin + _BLOCK_WORDS], begin)
            if not len(passages):
                continue
            for passage, low, high in self._runs(passages, diagonals):
                yield from self._align(passage, short, low, high)

    def _shared(self, grams: Hashes, begin: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (passage, where it would begin in the text) of every run of words that both have."""
        bits = grams >> self._shift
        known = self._sieve[(bits >> np.uint64(3)).astype(np.int64)] >> (bits & np.uint64(7)).astype(np.uint8)
        at = np.flatnonzero(known & 1)
        grams = grams[at]
        low, high = (np.searchsorted(self._grams, grams, side) for side in ("left", "right"))
        counts = high - low
        rows = np.repeat(low - np.cumsum(counts) + counts, counts) + np.arange(int(counts.sum()))
        place = self._places[rows].astype(np.int64)
        return self._owners[rows].astype(np.int64), np.repeat(at + begin, counts) - place

    def _runs(
        self, passages: NDArray[np.int64], diagonals: NDArray[np.int64]
    ) -> Iterator[tuple[int, int, int]]:
        """Yield (passage, least, greatest place where it would begin), places near each other together."""
        order = np.lexsort((diagonals, passages))
        passages, diagonals = passages[order], diagonals[order]
        apart = np.flatnonzero((np.diff(passages) != 0) | (np.diff(diagonals) > self.bounds.exact_words))
        firsts, lasts = [0, *(apart + 1).tolist()], [*apart.tolist(), len(passages) - 1]
        for first, last in zip(firsts, lasts, strict=True):
            yield int(passages[first]), int(diagonals[first]), int(diagonals[last])

    def _align(
        self, passage: int, words: NDArray[np.uint32], low: int, high: int
    ) -> Iterator[tuple[int, int, int, int]]:
        own = self._words[int(self._starts[passage]) : int(self._starts[passage + 1])].tolist()
        slack = self.bounds.slack(len(own))
        begin = max(0, low - slack)
        window = words[begin : max(0, high + len(own) + slack)].tolist()
        aligner = Aligner(own)
        common = aligner.common(window)
        if common >= self.bounds.needed(len(own)):
            first, last = aligner.span(window, common)
            yield passage, common, begin + first, begin + last


def remove_spans(text: str, spans: list[tuple[int, int]], margin: int, least: int) -> list[str]:
    """Return what is left of a text without the spans and `margin` characters around each, in pieces.

    Words that the margin would cut go too; so do pieces of fewer than `least` characters.

    >>> remove_spans("one two three four five six", [(8, 13)], 1, 4)
    ['four five six']
    """
    pieces, at = [], 0
    for start, end in sorted(spans):
        first = max(at, start - margin)
        while at < first < len(text) and not text[first - 1].isspace():
            first -= 1
        pieces.append(text[at:first])
        after = min(len(text), end + margin)
        while 0 < after < len(text) and not text[after].isspace() and not text[after - 1].isspace():
            after += 1
        at = max(at, after)
    pieces.append(text[at:])
    return [piece.strip() for piece in pieces if len(piece.strip()) >= least]
