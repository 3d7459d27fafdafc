"""Search texts for passages of evaluation items: which passage, where, and how much of it.

There are two steps. N-grams shared by a text and a passage give candidates; n-grams of many passages ("how
many does he have") are ignored. Then the text is aligned with the passage, so that edited words, punctuation
and line breaks do not hide a match and common phrases do not make one. The index is a few arrays that every
worker maps into memory, also for a million items.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.contamination.passages import Aligner, Hashes, gram_hashes, word_hashes, word_spans

_BLOCK_WORDS = 1 << 16  # n-grams of a text that are looked up at once
_SIEVE_BITS_A_GRAM = 16
ARRAYS = ("grams", "owners", "places", "words", "starts", "items", "sieve", "names", "name_ends")


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchCriteria:
    """What counts as a match.

    Attributes:
        ngram_words: words of the n-grams that give candidates.
        min_words: shorter passages are not searched for.
        exact_words: passages up to this length must match completely; from there the required share falls, to
            `overlap` at twice this length.
        overlap: required share of a long passage's words, in order.
        common_items: n-grams that occur in more items are ignored.
    """

    ngram_words: int = field(default=5, metadata={"min": 3, "max": 50})
    min_words: int = field(default=8, metadata={"min": 3})
    exact_words: int = field(default=12, metadata={"min": 3})
    overlap: float = field(default=0.75, metadata={"min": 0.3, "max": 1.0})
    common_items: int = field(default=50, metadata={"min": 1})

    def needed(self, words: int) -> int:
        """Return how many words of a passage of `words` words must match."""
        longer = min(1.0, max(0.0, words / self.exact_words - 1))
        return int(np.ceil(words * (1 - (1 - self.overlap) * longer) - 1e-9))

    def slack(self, words: int) -> int:
        """Return by how many words a match may exceed its passage on either side."""
        return words - self.needed(words) + 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageMatch:
    """A match of a passage in a text.

    Attributes:
        passage, item: their numbers in the index.
        words, found: words of the passage, and how many of them the text has, in order.
        start, end: position in the text, in characters.
    """

    passage: int
    item: int
    words: int
    found: int
    start: int
    end: int

    @property
    def overlap(self) -> float:
        """Matched share of the passage's words, 0 to 1."""
        return self.found / self.words


class Index:
    """The passages of evaluation sets: arrays in a local folder that are mapped into memory."""

    def __init__(self, folder: str | os.PathLike[str], criteria: MatchCriteria) -> None:
        """Open the index that `curation.contamination.index.write` wrote into a folder."""
        # Plain arrays over the mapped bytes: slicing a memmap costs ten times as much.
        loaded: dict[str, Any] = {
            name: np.asarray(np.load(Path(folder, f"{name}.npy"), mmap_mode="r")) for name in ARRAYS
        }
        self._grams, self._owners, self._places = (loaded[name] for name in ARRAYS[:3])
        self._words, self._starts, self._items, self._sieve = (loaded[name] for name in ARRAYS[3:7])
        self._names, self._name_ends = (loaded[name] for name in ARRAYS[7:])
        self._shift = np.uint64(64 - (len(self._sieve) * 8).bit_length() + 1)
        self.criteria = criteria

    def name(self, item: int) -> str:
        """Return the id of an item."""
        first = int(self._name_ends[item - 1]) if item else 0
        return bytes(self._names[first : int(self._name_ends[item])]).decode("utf-8", "replace")

    def find(self, text: str) -> list[PassageMatch]:
        """Return the matches of passages in a text, in text order."""
        words = word_hashes(text)
        aligned = list(self._aligned(words))
        if not aligned:
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
            for passage, common, first, last in dict.fromkeys(aligned)
        ]
        return sorted(matches, key=lambda match: (match.start, match.end, match.passage))

    def _aligned(self, words: Hashes) -> Iterator[tuple[int, int, int, int]]:
        """Yield (passage, words in common, first word, last + 1) of every match."""
        grams = gram_hashes(words, self.criteria.ngram_words)
        short = (words & np.uint64(0xFFFFFFFF)).astype(np.uint32)
        for begin in range(0, len(grams), _BLOCK_WORDS):
            passages, diagonals = self._shared(grams[begin : begin + _BLOCK_WORDS], begin)
            if not len(passages):
                continue
            for passage, low, high in self._runs(passages, diagonals):
                yield from self._align(passage, short, low, high)

    def _shared(self, grams: Hashes, begin: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (passage, its start in the text if aligned at the n-gram) for every shared n-gram."""
        bits = grams >> self._shift
        known = self._sieve[(bits >> np.uint64(3)).astype(np.int64)] >> (bits & np.uint64(7)).astype(np.uint8)
        hits = np.flatnonzero(known & 1)
        grams = grams[hits]
        low, high = (np.searchsorted(self._grams, grams, side) for side in ("left", "right"))
        counts = high - low
        rows = np.repeat(low - np.cumsum(counts) + counts, counts) + np.arange(int(counts.sum()))
        position = self._places[rows].astype(np.int64)
        return self._owners[rows].astype(np.int64), np.repeat(hits + begin, counts) - position

    def _runs(
        self, passages: NDArray[np.int64], diagonals: NDArray[np.int64]
    ) -> Iterator[tuple[int, int, int]]:
        """Yield (passage, lowest start, highest start); starts that are close together are merged."""
        order = np.lexsort((diagonals, passages))
        passages, diagonals = passages[order], diagonals[order]
        breaks = np.flatnonzero((np.diff(passages) != 0) | (np.diff(diagonals) > self.criteria.exact_words))
        firsts, lasts = [0, *(breaks + 1).tolist()], [*breaks.tolist(), len(passages) - 1]
        for first, last in zip(firsts, lasts, strict=True):
            yield int(passages[first]), int(diagonals[first]), int(diagonals[last])

    def _align(
        self, passage: int, words: NDArray[np.uint32], low: int, high: int
    ) -> Iterator[tuple[int, int, int, int]]:
        own = self._words[int(self._starts[passage]) : int(self._starts[passage + 1])].tolist()
        slack = self.criteria.slack(len(own))
        begin = max(0, low - slack)
        window = words[begin : max(0, high + len(own) + slack)].tolist()
        aligner = Aligner(own)
        common = aligner.common(window)
        if common >= self.criteria.needed(len(own)):
            first, last = aligner.span(window, common)
            yield passage, common, begin + first, begin + last


def remove_spans(text: str, spans: list[tuple[int, int]], margin: int, min_characters: int) -> list[str]:
    """Return the pieces of a text that remain without the spans and `margin` characters around them.

    Words that the margin would cut are removed too, and so are pieces shorter than `min_characters`.

    >>> remove_spans("one two three four five six", [(8, 13)], 1, 4)
    ['four five six']
    """
    pieces, position = [], 0
    for start, end in sorted(spans):
        first = max(position, start - margin)
        while position < first < len(text) and not text[first - 1].isspace():
            first -= 1
        pieces.append(text[position:first])
        after = min(len(text), end + margin)
        while 0 < after < len(text) and not text[after].isspace() and not text[after - 1].isspace():
            after += 1
        position = max(position, after)
    pieces.append(text[position:])
    return [piece.strip() for piece in pieces if len(piece.strip()) >= min_characters]
