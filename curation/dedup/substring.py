"""Exact substring duplicates: every run of at least `min_tokens` tokens that occurs earlier in the corpus.

Lee et al. 2022, "Deduplicating training data makes language models better", 4.1, find such runs with a suffix
array of the whole corpus. Here they are found by hashes and joins, with rows in proportion to the text:

1. Fingerprints, hashes of two thirds of `min_tokens` tokens, are winnowed (Schleimer, Wilkerson, Aiken 2003):
   a window is as many fingerprints as fit into `min_tokens` tokens, and the least of each window is kept. Two
   equal runs of `min_tokens` tokens have equal windows, hence a fingerprint in common.
2. Around a fingerprint that occurs twice, every run of exactly `min_tokens` tokens is compared with all
   others, by 128 bits. A longer repeat is a run of such runs.
3. The first occurrence of each run, in the order of preference, keeps it; every other one loses its tokens. A
   text that repeats itself keeps one period.

Tokens are separated by white space and compared byte for byte; in scripts without spaces each letter is one.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from curation.dedup.buffers import utf8
from curation.dedup.letters import ALONE, Bytes, Offsets, Points, table
from curation.dedup.words import SLICE_BYTES, Flags, Hashes, hash_words, mix64, slices

Span = tuple[int, int]  # characters: the first, and the one after the last

_WHITE = [point for point in range(0x3001) if chr(point).isspace()]
_SEEDS = (np.uint64(0x243F6A8885A308D3), np.uint64(0x13198A2E03707344))  # digits of pi
_STEP = np.uint64(0x9E3779B97F4A7C15)


def fingerprint_tokens(min_tokens: int) -> int:
    """Return how many tokens one fingerprint covers.

    >>> fingerprint_tokens(75)
    50
    """
    return max(2 * min_tokens // 3, 1)


def tokens(texts: pa.Array) -> tuple[Hashes, Offsets, Offsets]:
    """Return (hashes, starts, offsets) of all tokens; a start is the token's first character in its text.

    Text `i` has the tokens `offsets[i]` to `offsets[i + 1]`; a null text has none.

    >>> hashes, starts, offsets = tokens(pa.array(["to be  or", "be 漢字"]))
    >>> starts.tolist(), offsets.tolist(), bool(hashes[1] == hashes[3])
    ([0, 3, 7, 0, 3, 4], [0, 3, 6], True)
    """
    data, offsets = utf8(texts)
    hashes, starts = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    first_tokens = np.zeros(len(offsets), np.int64)
    for first, last in slices(offsets, SLICE_BYTES):
        bounds = offsets[first : last + 1]
        letters, alone, bounds = _letters(data[bounds[0] : bounds[-1]], bounds - bounds[0])
        part, part_starts = hash_words(letters, alone, bounds)
        counts = np.searchsorted(part_starts, bounds)
        hashes.append(part)
        starts.append(part_starts - np.repeat(bounds[:-1], np.diff(counts)))
        first_tokens[first + 1 : last + 1] = first_tokens[first] + counts[1:]
    return np.concatenate(hashes), np.concatenate(starts), first_tokens


def _letters(data: Bytes, bounds: Offsets) -> tuple[Bytes | Points, Flags | None, Offsets]:
    """Return characters (0 = white space), flags of those that are tokens alone, and the texts' bounds."""
    if not len(data) or data.max() < 128:
        return np.take(_characters()[:128].astype(np.uint8), data), None, bounds
    counted = np.append(0, np.cumsum((data & 0xC0) != 0x80))
    points = np.frombuffer(data.tobytes().decode("utf-8").encode("utf-32-le"), np.dtype("<u4"))
    alone = (np.take(table(), points) & ALONE) != 0
    return np.take(_characters(), points), alone if alone.any() else None, counted[bounds]


@functools.cache
def _characters() -> Points:
    """Return code point -> itself, 0 for white space (4 MiB, made once)."""
    points = np.arange(0x110000, dtype=np.uint32)
    points[_WHITE] = 0
    return points


def _runs(hashes: Hashes, size: int, seed: np.uint64) -> Hashes:
    """Return a hash of each run of `size` values, put together from blocks of powers of two."""
    block, length = mix64(hashes ^ seed), 1
    runs, done = np.zeros(len(hashes), np.uint64), 0
    while length <= size:
        if size & length:
            count = len(hashes) - done - length + 1
            runs = mix64(runs[:count] * _STEP + block[done : done + count])
            done += length
        block = mix64(block[:-length] * _STEP + block[length:])
        length *= 2
    return runs


def _extremes(values: Hashes, size: int, least: bool) -> Hashes:
    """Return the least (or greatest) of every `size` successive values."""
    choose = np.minimum if least else np.maximum
    done = 1
    while done < size:
        step = min(done, size - done)
        values = choose(values[:-step], values[step:])
        done += step
    return values


def _winnowed(hashes: Hashes, offsets: Offsets, min_tokens: int) -> tuple[Hashes, Offsets]:
    """Return the winnowed fingerprints and the token each begins at, counted over all texts."""
    size = fingerprint_tokens(min_tokens)
    window = min_tokens - size + 1
    if len(hashes) < min_tokens:
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    fingerprints = _runs(hashes, size, _SEEDS[0])
    least = _extremes(fingerprints, window, least=True)
    least[~_whole(offsets, min_tokens)] = 0  # a window must not reach into the next text
    around = np.concatenate([np.zeros(window - 1, np.uint64), least, np.zeros(window - 1, np.uint64)])
    starts = np.flatnonzero(fingerprints == _extremes(around, window, least=False))
    return fingerprints[starts], starts


def _whole(offsets: Offsets, size: int) -> Flags:
    """Tell of each token but the last `size - 1` whether the `size` tokens from it on are of one text."""
    ends = np.repeat(offsets[1:], np.diff(offsets))
    whole: Flags = np.arange(len(ends)) + size <= ends
    return whole[: len(ends) - size + 1]


def fingerprint_batch(documents: pa.RecordBatch, min_tokens: int) -> pa.RecordBatch:
    """Return the winnowed fingerprints of documents: fingerprint, occurrences and all columns but `text`.

    One row for each different fingerprint of a document, with how often it occurs there. A document of fewer
    than `min_tokens` tokens has none.
    """
    hashes, _, offsets = tokens(documents.column("text"))
    fingerprints, starts = _winnowed(hashes, offsets, min_tokens)
    rows = np.searchsorted(offsets, starts, side="right") - 1
    order = np.lexsort((fingerprints, rows))
    fingerprints, rows = fingerprints[order], rows[order]
    new = np.ones(len(fingerprints), np.bool_)
    new[1:] = (fingerprints[1:] != fingerprints[:-1]) | (rows[1:] != rows[:-1])
    firsts = np.flatnonzero(new)
    counts = np.diff(np.append(firsts, len(fingerprints))).astype(np.int32)
    own = documents.drop_columns(["text"]).take(pa.array(rows[firsts]))
    columns = {name: own.column(name) for name in own.schema.names}
    columns |= {"fingerprint": pa.array(fingerprints[firsts].view(np.int64)), "occurrences": pa.array(counts)}
    return pa.RecordBatch.from_pydict(columns)


def run_batch(documents: pa.RecordBatch, min_tokens: int) -> pa.RecordBatch:
    """Return the runs of `min_tokens` tokens that may occur twice: row, position, high and low.

    `documents` has text and fingerprints (those of the text that occur twice anywhere). `row` is the row of
    the document in the batch, `position` the token that the run begins at, `high` and `low` its 128 bits.
    """
    hashes, _, offsets = tokens(documents.column("text"))
    if len(hashes) < min_tokens:
        empty = np.empty(0, np.int64)
        return _runs_of(empty, empty, empty, empty)
    fingerprints, positions = _winnowed(hashes, offsets, min_tokens)
    rows = np.searchsorted(offsets, positions, side="right") - 1
    twice = np.zeros(len(fingerprints), np.bool_)
    for row, shared in enumerate(documents.column("fingerprints")):
        first, last = np.searchsorted(rows, (row, row + 1))
        twice[first:last] = np.isin(fingerprints[first:last].view(np.int64), shared.values.to_numpy())
    reach = min_tokens - fingerprint_tokens(min_tokens)
    change = np.zeros(len(hashes) + 1, np.int64)
    np.add.at(change, np.maximum(positions[twice] - reach, 0), 1)
    np.add.at(change, positions[twice] + 1, -1)
    near = np.cumsum(change)[: len(hashes) - min_tokens + 1] > 0
    starts = np.flatnonzero(near & _whole(offsets, min_tokens))
    row_of = np.searchsorted(offsets, starts, side="right") - 1
    high, low = (_runs(hashes, min_tokens, seed)[starts].view(np.int64) for seed in _SEEDS)
    return _runs_of(row_of, starts - offsets[row_of], high, low)


def _runs_of(*columns: Offsets) -> pa.RecordBatch:
    names = ["row", "position", "high", "low"]
    return pa.RecordBatch.from_arrays([pa.array(column, pa.int64()) for column in columns], names=names)


def spans(texts: pa.Array, positions: pa.Array, min_tokens: int) -> list[list[Span]]:
    """Return the repeated spans of each text, in characters: ascending, and no two touch.

    `positions` lists, for each text, the tokens at which a repeated run of `min_tokens` begins. A span ends
    where the next token begins; after the last token it takes the white space before the span instead. It is
    narrowed where it would part a letter from its marks.
    """
    _, starts, offsets = tokens(texts)
    repeated = []
    for row, (text, begins) in enumerate(zip(texts.to_pylist(), positions.to_pylist(), strict=True)):
        own = starts[offsets[row] : offsets[row + 1]]
        merged = [_cut(text, own, first, last) for first, last in _merged(begins or (), min_tokens)]
        repeated.append([span for span in merged if span[0] < span[1]])
    return repeated


def _merged(begins: Iterable[int], size: int) -> list[Span]:
    """Return the spans of runs of tokens, those that touch or overlap as one.

    >>> _merged([7, 0, 1], 3)
    [(0, 4), (7, 10)]
    """
    merged: list[Span] = []
    for begin in sorted(begins):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], begin + size)
        else:
            merged.append((begin, begin + size))
    return merged


def _cut(text: str, starts: Offsets, first: int, last: int) -> Span:
    """Return the span in characters of the tokens `first` to `last`; (0, 0) where narrowing leaves none."""
    while first < last and _is_mark(text[starts[first]]):
        first += 1
    while first < last < len(starts) and _is_mark(text[starts[last]]):
        last -= 1
    if first == last:
        return 0, 0
    start = int(starts[first])
    return (start, int(starts[last])) if last < len(starts) else (len(text[:start].rstrip()), len(text))


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def without(text: str, cuts: Iterable[Span]) -> str:
    """Return a text without some of its spans.

    >>> without("to be or not", [(3, 6)])
    'to or not'
    """
    kept, position = [], 0
    for start, end in cuts:
        kept.append(text[position:start])
        position = end
    return "".join([*kept, text[position:]])
