"""Text to word hashes, in numpy over slices of the Arrow buffer: no Python object per word.

A word's hash is a polynomial in its letters modulo 2**64, read off a running sum: the sum up to the
word's end less the sum up to its start, times the inverse power of the start (the base is odd, so it
has an inverse). So a word has the same hash at every position and in every encoding.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.dedup.buffers import utf8
from curation.dedup.letters import ALONE, POINT, Bytes, Offsets, Points, ascii_table, folded_points

Hashes = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

#: Bytes of text worked on at once: the arrays made from them should stay in the processor's cache.
SLICE_BYTES = 1 << 17
#: Letters whose powers are kept. A longer document is hashed piece by piece.
BLOCK_LETTERS = 1 << 17
#: A longer run of letters (base64, a page without spaces) is several words, cut from its start.
WORD_LETTERS = 1 << 14

_BASE = 0x9E3779B97F4A7C15  # odd: 2**64 over the golden ratio


def word_hashes(texts: pa.Array) -> tuple[Hashes, Offsets]:
    """Return the hash of every word of every text, and the offsets of each text's words.

    Text `i` has the words `hashes[offsets[i]:offsets[i + 1]]`; a null text has none. Words are runs of
    letters, marks and numbers after NFC and case folding; in scripts without spaces each letter is a word.

    >>> hashes, offsets = word_hashes(pa.array(["Straße – STRASSE", "漢字", "..."]))
    >>> bool(hashes[0] == hashes[1]), offsets.tolist()
    (True, [0, 2, 4, 4])
    """
    data, offsets = utf8(texts)
    hashes, first_words = [np.empty(0, np.uint64)], np.zeros(len(offsets), np.int64)
    counted = 0
    for first, last in slices(offsets, SLICE_BYTES):
        bounds = offsets[first : last + 1]
        letters, alone, bounds = _letters(data[bounds[0] : bounds[-1]], bounds - bounds[0])
        part, starts = hash_words(letters, alone, bounds)
        hashes.append(part)
        first_words[first + 1 : last + 1] = counted + np.searchsorted(starts, bounds[1:])
        counted = int(first_words[last])
    return np.concatenate(hashes), first_words


def slices(offsets: Offsets, size: int) -> Iterator[tuple[int, int]]:
    """Yield runs of items as (first, last + 1), each of at most `size` together or of one larger item.

    >>> list(slices(np.array([0, 2, 4, 9, 10]), 4))
    [(0, 2), (2, 3), (3, 4)]
    """
    first = 0
    while first < len(offsets) - 1:
        fitting = int(np.searchsorted(offsets, offsets[first] + size, side="right")) - 1
        last = max(fitting, first + 1)
        yield first, last
        first = last


def _letters(data: Bytes, bounds: Offsets) -> tuple[Bytes | Points, Flags | None, Offsets]:
    """Return folded letters (0 = separator), flags of those that are words alone, and document bounds."""
    if not len(data) or data.max() < 128:
        return np.take(ascii_table(), data, mode="clip"), None, bounds
    points, bounds = folded_points(data, bounds)
    alone = points >= ALONE
    return points & POINT, alone if alone.any() else None, bounds


def hash_words(letters: Bytes | Points, alone: Flags | None, bounds: Offsets) -> tuple[Hashes, Offsets]:
    """Return the hash and the start of each word; `alone` flags letters (0 = separator) that are words."""
    parts = list(_blocks(letters, alone, bounds))
    if len(parts) == 1:
        return parts[0]
    hashes, starts = ([part[i] for part in parts] for i in (0, 1))
    return np.concatenate([np.empty(0, np.uint64), *hashes]), np.concatenate([np.empty(0, np.int64), *starts])


def _blocks(
    letters: Bytes | Points, alone: Flags | None, bounds: Offsets
) -> Iterator[tuple[Hashes, Offsets]]:
    """Yield word hashes with their starts, block by block; a block ends where a word does."""
    position = 0
    while position < len(letters):
        stop = min(position + BLOCK_LETTERS, len(letters))
        block = letters[position:stop]
        begins = bounds[(bounds >= position) & (bounds < stop)] - position
        starts = _starts(block, None if alone is None else alone[position:stop], begins)
        if stop < len(letters) and block[-1] and len(starts):
            # The last word may continue, so the next block hashes it. It is not the only word here: a
            # block is longer than any word, as longer words are cut.
            stop = position + int(starts[-1])
            block, starts = letters[position:stop], starts[:-1]
        yield _hash(block, starts), starts + position
        position = stop


def _starts(letters: Bytes | Points, alone: Flags | None, begins: Offsets) -> Offsets:
    """Return where words start; none crosses the beginning of a document."""
    inside = letters != 0
    start = inside.copy()
    np.greater(inside[1:], inside[:-1], out=start[1:])
    if alone is not None:
        start |= alone
        start[1:] |= alone[:-1] & inside[1:]
    start[begins] = inside[begins]
    starts = np.flatnonzero(start)
    gaps = np.diff(starts, append=len(letters))
    return _cut(inside, starts, gaps) if (gaps > WORD_LETTERS).any() else starts


def _cut(inside: Flags, starts: Offsets, gaps: Offsets) -> Offsets:
    """Return the starts, words longer than `WORD_LETTERS` cut into pieces from their beginning."""
    counted = np.concatenate([np.zeros(1, np.int64), np.cumsum(inside)])
    lengths = counted[starts + gaps] - counted[starts]  # between two starts all letters are one word's
    pieces = -(-lengths // WORD_LETTERS)
    number = np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    begins: Offsets = np.repeat(starts, pieces) + number * WORD_LETTERS
    return begins


def _hash(letters: Bytes | Points, starts: Offsets) -> Hashes:
    """Return the hash of each word. Separators are zero and add nothing: a word may end at the next."""
    powers, inverses = _powers()
    sums = np.empty(len(letters) + 1, np.uint64)
    sums[0] = 0
    np.multiply(letters, powers[: len(letters)], out=sums[1:])
    np.cumsum(sums[1:], out=sums[1:])
    hashes = np.diff(np.take(sums, starts), append=sums[-1:])
    hashes *= np.take(inverses, starts)
    hashes ^= hashes >> np.uint64(32)  # low bits of a product depend on low bits only
    return hashes


def mix64(values: Hashes) -> Hashes:
    """Return MurmurHash3's 64-bit finalizer of each value: every bit depends on all bits."""
    values = values ^ (values >> np.uint64(33))
    values *= np.uint64(0xFF51AFD7ED558CCD)
    values ^= values >> np.uint64(33)
    values *= np.uint64(0xC4CEB9FE1A85EC53)
    values ^= values >> np.uint64(33)
    return values


@functools.cache
def _powers() -> tuple[Hashes, Hashes]:
    """Return the powers of the base and of its inverse modulo 2**64, made once (2 MiB)."""
    return _geometric(_BASE), _geometric(pow(_BASE, -1, 1 << 64))


def _geometric(base: int) -> Hashes:
    powers = np.full(BLOCK_LETTERS, base, np.uint64)
    powers[0] = 1
    return np.multiply.accumulate(powers)
