"""Word boundaries from character classes, in numpy: words are counted without a Python object per word.

A word is a run of letters, marks and numbers. An apostrophe between two of these belongs to the word. In
scripts written without spaces every letter, with its marks, is a word, as in Unicode's word boundaries
(UAX #29) for Han and kana. Optionally every other visible character is a word of one character.
"""

from __future__ import annotations

import functools

import numpy as np
import regex
from numpy.typing import NDArray

_Flags = NDArray[np.bool_]

#: Scripts written without spaces, for a character class.
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_IN_WORD, _SINGLE, _MARK, _APOSTROPHE, _OTHER = 1, 2, 4, 8, 16
_CLASSES = {
    rf"[\p{{L}}\p{{M}}\p{{N}}--[{UNSPACED}]]": _IN_WORD,
    rf"[{UNSPACED}]": _SINGLE,
    r"\p{M}": _MARK,
    r"['’]": _APOSTROPHE,
    # Visible: no white space for `str.split`, which also splits at \x1c to \x1f (`regex` does not).
    rf"[^\s\x1c-\x1f\p{{L}}\p{{M}}\p{{N}}{UNSPACED}]": _OTHER,
}


@functools.cache
def _table() -> NDArray[np.uint8]:
    """Return the class bits of every code point (1.1 MiB, computed once)."""
    table = np.zeros(0x110000, np.uint8)
    points = np.arange(len(table), dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")
    for pattern, bit in _CLASSES.items():
        for match in regex.finditer(f"{pattern}+", points, regex.V1):
            table[match.start() : match.end()] |= bit
    return table


def _flags(text: str, *, others: bool) -> tuple[_Flags, _Flags]:
    """Return two flags for every character: whether it begins a word, whether it ends a word."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    classes = np.zeros(len(points) + 2, np.uint8)  # padded by one space at each end
    np.take(_table(), points, out=classes[1:-1], mode="clip")
    in_word = (classes & _IN_WORD).view(np.bool_)
    single = (
        _single_letter_words(classes) if text and not text.isascii() and (classes & _SINGLE).any() else None
    )
    if single:
        in_word &= ~single[1]
    visible = (classes & _OTHER).astype(np.bool_)
    if "'" in text or "’" in text:
        joined = in_word[:-2] & in_word[2:] & (classes[1:-1] & _APOSTROPHE).astype(np.bool_)
        in_word[1:-1] |= joined
        visible[1:-1] &= ~joined
    begins, ends = in_word[1:-1] & ~in_word[:-2], in_word[1:-1] & ~in_word[2:]
    if others:
        begins |= visible[1:-1]
        ends |= visible[1:-1]
    if single:
        heads, follows = single
        begins |= heads[1:-1]
        ends |= ((heads | follows)[1:-1]) & ~follows[2:]
    return begins, ends


def _single_letter_words(classes: NDArray[np.uint8]) -> tuple[_Flags, _Flags]:
    """Return two flags for every character: whether it is a one-letter word, whether it is a mark of one."""
    single, mark = (classes & _SINGLE).astype(np.bool_), (classes & _MARK).astype(np.bool_)
    positions = np.arange(len(classes), dtype=np.int32)
    last_single = np.maximum.accumulate(np.where(single, positions, 0))
    last_other = np.maximum.accumulate(np.where(single | mark, 0, positions))
    follows = np.zeros(len(classes), np.bool_)
    follows[1:] = mark[1:] & (last_single[:-1] > last_other[:-1])
    return single & ~follows, follows


def count(text: str, *, others: bool) -> int:
    """Return the number of words; with `others` every other visible character counts as one.

    >>> count("It's 5.", others=False), count("It's 5.", others=True)
    (2, 3)
    """
    return int(np.count_nonzero(_flags(text, others=others)[0]))


def words(text: str, *, others: bool) -> list[str]:
    """Return the words of a text in order; with `others` every other visible character is one.

    >>> words("It's 5 o'clock.", others=True)
    ["It's", '5', "o'clock", '.']
    """
    begins, ends = (np.flatnonzero(flags).tolist() for flags in _flags(text, others=others))
    return [text[begin : end + 1] for begin, end in zip(begins, ends, strict=True)]
