"""Characters of blocks, counted by what they are: one lookup and one count over a whole batch."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from curation.extract.classifier.batch import Booleans, Floats

_OTHER, _LETTER, _UPPER, _DIGIT, _SPACE, _END, _COMMA, _DENSE, _BULLET = range(9)
_KINDS = 9
_MARKS = {".!?…。！？؟।": _END, ",;、，；،": _COMMA, "|»«›‹•·→←▸►©®™": _BULLET}
#: Kana, Han and Hangul: a character is a syllable or a word.
_DENSE_RANGES = ((0x3040, 0x30FF), (0x3400, 0x9FFF), (0xAC00, 0xD7A3))


@dataclass(frozen=True, slots=True)
class Characters:
    """Counts by block: UTF-16 units, words (two dense characters are one), and kinds of characters."""

    length: Floats
    words: Floats
    upper: Floats
    digits: Floats
    sentence_ends: Floats
    commas: Floats
    dense: Floats
    ends_sentence: Booleans
    starts_upper: Booleans
    starts_bullet: Booleans


def characters(texts: Sequence[str]) -> Characters:
    """Return the counts of at least one text, none of them empty."""
    data = "\n".join(texts).encode("utf-16-le", "surrogatepass")
    kinds = _kinds()[np.frombuffer(data, np.uint16)]
    length = np.fromiter(map(len, texts), np.int64, len(texts))
    if len(kinds) != length.sum() + len(texts) - 1:  # some are beyond the basic plane: two units each
        sizes = (len(text.encode("utf-16-le", "surrogatepass")) // 2 for text in texts)
        length = np.fromiter(sizes, np.int64, len(texts))
    stop = np.cumsum(length + 1) - 1
    start = stop - length
    offset = np.repeat(np.arange(0, _KINDS * len(texts), _KINDS, dtype=np.int32), _with_line_feed(length))
    offset += kinds
    counts = np.bincount(offset, minlength=_KINDS * len(texts)).reshape(len(texts), _KINDS)
    counts[:-1, _SPACE] -= 1  # the line feeds that join them
    values = counts.astype(np.float32)
    return Characters(
        length=length.astype(np.float32),
        words=values[:, _SPACE] + 1 + values[:, _DENSE] / 2,
        upper=values[:, _UPPER],
        digits=values[:, _DIGIT],
        sentence_ends=values[:, _END],
        commas=values[:, _COMMA],
        dense=values[:, _DENSE],
        ends_sentence=kinds[stop - 1] == _END,
        starts_upper=kinds[start] == _UPPER,
        starts_bullet=kinds[start] == _BULLET,
    )


def _with_line_feed(length: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.append(length[:-1] + 1, length[-1:])


@cache
def _kinds() -> NDArray[np.uint8]:
    """Return the kind of every UTF-16 unit."""
    table = np.zeros(65536, np.uint8)
    for code in range(65536):
        table[code] = _kind(chr(code))
    for first, last in _DENSE_RANGES:
        table[first : last + 1] = _DENSE
    for marks, kind in _MARKS.items():
        table[[ord(mark) for mark in marks]] = kind
    return table


def _kind(character: str) -> int:
    if character.isspace():
        return _SPACE
    category = unicodedata.category(character)
    if category in ("Lu", "Lt"):
        return _UPPER
    if category[0] == "L":
        return _LETTER
    return _DIGIT if category == "Nd" else _OTHER
