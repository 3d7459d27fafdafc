"""Words by the classes of their characters, found in numpy: a text is cut without a Python object per word.

A word is a run of letters, marks and numbers, also across an apostrophe between two of these. In scripts
written without spaces every letter with its marks is one, as Unicode's own word bounds (UAX #29) have it for
Han and kana. Every other visible character can be had as a word by itself.
"""

from __future__ import annotations

import functools

import numpy as np
import regex
from numpy.typing import NDArray

_Flags = NDArray[np.bool_]

_ALONE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_IN_WORDS, _SINGLE, _MARK, _APOSTROPHE, _OTHER = 1, 2, 4, 8, 16
_CLASSES = {
    rf"[\p{{L}}\p{{M}}\p{{N}}--[{_ALONE}]]": _IN_WORDS,
    rf"[{_ALONE}]": _SINGLE,
    r"\p{M}": _MARK,
    r"['’]": _APOSTROPHE,
    # Visible is what `str.split` does not cut at: the separators \x1c to \x1f are no white space to `regex`.
    rf"[^\s\x1c-\x1f\p{{L}}\p{{M}}\p{{N}}{_ALONE}]": _OTHER,
}


@functools.cache
def _table() -> NDArray[np.uint8]:
    """Return code point -> classes, as bits (1.1 MiB, made once)."""
    table = np.zeros(0x110000, np.uint8)
    points = np.arange(len(table), dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")
    for pattern, bit in _CLASSES.items():
        for found in regex.finditer(f"{pattern}+", points, regex.V1):
            table[found.start() : found.end()] |= bit
    return table


def _flags(text: str, *, others: bool) -> tuple[_Flags, _Flags]:
    """Return two flags a character: whether a word begins with it, whether one ends with it."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    classes = np.zeros(len(points) + 2, np.uint8)  # as if between two spaces
    np.take(_table(), points, out=classes[1:-1], mode="clip")
    within = (classes & _IN_WORDS).view(np.bool_)
    alone = _alone(classes) if text and not text.isascii() and (classes & _SINGLE).any() else None
    if alone:
        within &= ~alone[1]
    visible = (classes & _OTHER).astype(np.bool_)
    if "'" in text or "’" in text:
        joined = within[:-2] & within[2:] & (classes[1:-1] & _APOSTROPHE).astype(np.bool_)
        within[1:-1] |= joined
        visible[1:-1] &= ~joined
    begins, ends = within[1:-1] & ~within[:-2], within[1:-1] & ~within[2:]
    if others:
        begins |= visible[1:-1]
        ends |= visible[1:-1]
    if alone:
        heads, follows = alone
        begins |= heads[1:-1]
        ends |= ((heads | follows)[1:-1]) & ~follows[2:]
    return begins, ends


def _alone(classes: NDArray[np.uint8]) -> tuple[_Flags, _Flags]:
    """Return two flags a character: whether it (with marks after it) is a word, whether it is such a mark."""
    single, mark = (classes & _SINGLE).astype(np.bool_), (classes & _MARK).astype(np.bool_)
    places = np.arange(len(classes), dtype=np.int32)
    last_single = np.maximum.accumulate(np.where(single, places, 0))
    last_other = np.maximum.accumulate(np.where(single | mark, 0, places))
    follows = np.zeros(len(classes), np.bool_)
    follows[1:] = mark[1:] & (last_single[:-1] > last_other[:-1])
    return single & ~follows, follows


def count(text: str, *, others: bool) -> int:
    """Return how many words a text has; `others` counts every other visible character as one.

    >>> count("It's 5.", others=False), count("It's 5.", others=True)
    (2, 3)
    """
    return int(np.count_nonzero(_flags(text, others=others)[0]))


def words(text: str, *, others: bool) -> list[str]:
    """Return the words of a text in order; `others` has every other visible character as one.

    >>> words("It's 5 o'clock.", others=True)
    ["It's", '5', "o'clock", '.']
    """
    begins, ends = (np.flatnonzero(flags).tolist() for flags in _flags(text, others=others))
    return [text[begin : end + 1] for begin, end in zip(begins, ends, strict=True)]
