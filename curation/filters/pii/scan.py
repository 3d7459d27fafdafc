"""Where a text can hold numbers and long words at all, found at the speed of memory before any pattern runs.

Every character becomes one byte (what Latin-1 lacks becomes "?"), so places are places in the text. What is
told is a superset of where the patterns can match; a test holds them to that.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

#: Beyond as many characters the whole text is one place: the arrays would take too much memory.
_LONGEST = 1 << 22
_APART = 4  # digits further apart than this belong to two numbers


class TextScan:
    """Places of one text: where digits stand together, where words are long, where colons do."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.whole = len(text) > _LONGEST

    @functools.cached_property
    def _bytes(self) -> npt.NDArray[np.uint8]:
        return np.frombuffer(self.text.encode("latin-1", "replace"), np.uint8)

    @functools.cached_property
    def _numbers(self) -> list[tuple[int, int, int]]:
        """(start, end, digits) of every stretch in which no two digits stand further apart than `_APART`."""
        if self.whole:
            return [(0, len(self.text), len(self.text))]
        places = np.flatnonzero((self._bytes - ord("0")) < 10)  # unsigned: what is below wraps far above
        if not len(places):
            return []
        last = np.flatnonzero(np.diff(places, append=len(self.text) + _APART + 1) > _APART)
        first = np.concatenate([[0], last[:-1] + 1])
        digits = last - first + 1
        enough = digits >= _APART
        found = places[first[enough]], places[last[enough]] + 1, digits[enough]
        return list(zip(*(each.tolist() for each in found), strict=True))

    def numbers(self, digits: int) -> Iterator[tuple[int, int]]:
        """Yield (start, end) of the stretches of at least so many ASCII digits, four or more."""
        for start, end, count in self._numbers:
            if count >= digits:
                yield start, end

    def long_words(self, length: int) -> str:
        """Return all words of at least so many characters, joined by spaces; they end at controls too."""
        if self.whole:
            return self.text
        spaces = np.flatnonzero(self._bytes <= ord(" "))
        ends = np.append(spaces, len(self.text))
        starts = np.concatenate([[0], spaces + 1])
        long = np.flatnonzero(ends - starts >= length)
        return " ".join(self.text[starts[i] : ends[i]] for i in long.tolist())

    def colons(self, count: int, within: int) -> bool:
        """Tell whether two colons touch, or so many stand within so many characters."""
        if self.whole:
            return True
        places = np.flatnonzero(self._bytes == ord(":"))
        touch = bool((np.diff(places) == 1).any())
        return touch or bool((places[count - 1 :] - places[: 1 - count] < within).any())
