"""A fast scan for the parts of a text where patterns can match: runs of digits, long words, colons.

Every character becomes one byte (characters outside Latin-1 become "?"), so byte offsets are text offsets.
The results are supersets of where the patterns match; a test checks that.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from curation.filters.pii.digits import ascii_digits

Span = tuple[int, int]  # start and end, in characters
CONTEXT = 3  # characters beside a number's digits that decide whether it is part of something else
#: A longer text (in characters) is not scanned and is one run: the arrays would take too much memory.
_LONGEST = 1 << 22
#: A letter, digit or `_` that a number beside it belongs to; none of a script without spaces.
JOINED = "[^\\W\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]"
_MAX_GAP = 4  # digits further apart belong to different runs; also the fewest digits of a run


class TextScan:
    """Runs of digits, long words and colons of one text.

    Attributes:
        text: what patterns search: the text with the digits of all scripts in ASCII, at the same offsets.
        whole: whether it is too long to be scanned.
    """

    def __init__(self, text: str) -> None:
        self.text = ascii_digits(text)
        self.whole = len(text) > _LONGEST

    @functools.cached_property
    def _bytes(self) -> npt.NDArray[np.uint8]:
        return np.frombuffer(self.text.encode("latin-1", "replace"), np.uint8)

    @functools.cached_property
    def _digit_runs(self) -> list[tuple[int, int, int]]:
        """(start, end, digits) of every run in which neighbouring digits are at most `_MAX_GAP` apart."""
        if self.whole:
            return [(0, len(self.text), len(self.text))]
        positions = np.flatnonzero((self._bytes - ord("0")) < 10)  # unsigned: smaller bytes wrap around
        if not len(positions):
            return []
        last = np.flatnonzero(np.diff(positions, append=len(self.text) + _MAX_GAP + 1) > _MAX_GAP)
        first = np.concatenate([[0], last[:-1] + 1])
        digits = last - first + 1
        enough = digits >= _MAX_GAP
        runs = positions[first[enough]], positions[last[enough]] + 1, digits[enough]
        return list(zip(*(column.tolist() for column in runs), strict=True))

    def digit_runs(self, digits: int) -> Iterator[Span]:
        """Yield (start, end) of the runs with at least `digits` (4 or more) ASCII digits."""
        for start, end, count in self._digit_runs:
            if count >= digits:
                yield start, end

    def long_words(self, length: int) -> str:
        """Return the words of at least `length` characters, joined by spaces; controls end words."""
        if self.whole:
            return self.text
        spaces = np.flatnonzero(self._bytes <= ord(" "))
        ends = np.append(spaces, len(self.text))
        starts = np.concatenate([[0], spaces + 1])
        long = np.flatnonzero(ends - starts >= length)
        return " ".join(self.text[starts[i] : ends[i]] for i in long.tolist())

    def has_colons(self, count: int, within: int) -> bool:
        """Return whether two colons are adjacent, or `count` colons lie within `within` characters."""
        if self.whole:
            return True
        positions = np.flatnonzero(self._bytes == ord(":"))
        adjacent = bool((np.diff(positions) == 1).any())
        return adjacent or bool((positions[count - 1 :] - positions[: 1 - count] < within).any())
