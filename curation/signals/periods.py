"""Signals of periodic repetition: tokens that repeat in step, and frequent character n-grams."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from curation.signals.models.tokens import token_spans
from curation.signals.registry import FilePath, signal
from curation.text.text import Text


@signal
def longest_periodic_length(
    text: Text, *, tokenizer: FilePath | None = None, max_period: int = 13, min_times: int = 3
) -> float:
    """Characters of the longest run of tokens that repeats with a period; 0.0 if there is none.

    A run repeats where up to `max_period` tokens stand at least `min_times` times in a row. `tokenizer`: see
    `token_count`.

    Source: Dolma's tagger tokenizer_repetitions (doc_max_length_repetition; GPT-NeoX tokens, periods of 1 to
    13, three times or more).

    >>> longest_periodic_length(Text("see: bass banana bass banana bass banana, and so on"))
    35.0
    """
    runs = _runs(text, tokenizer, max_period, min_times)
    return float(max((end - start for start, end, _ in runs), default=0))


@signal
def periodic_repetition_count(
    text: Text, *, tokenizer: FilePath | None = None, max_period: int = 13
) -> float:
    """How often the tokens of a run that repeats with a period stand in a row, at most.

    1.0 where none repeat, 0.0 if there are no tokens. `max_period` and `tokenizer`: see
    `longest_periodic_length`.

    Sources: Dolma's doc_max_score_repetition; OLMo's instance filter (32 times, periods of 1 to 13).

    >>> periodic_repetition_count(Text("ha ha ha ha!")), periodic_repetition_count(Text("one two"))
    (4.0, 1.0)
    """
    runs = _runs(text, tokenizer, max_period, 2)
    least = 1 if text.raw and not text.raw.isspace() else 0
    return float(max((times for _, _, times in runs), default=least))


@signal
def periodic_character_fraction(
    text: Text, *, tokenizer: FilePath | None = None, max_period: int = 13, min_times: int = 3
) -> float:
    """Share of the text's characters in runs of tokens that repeat with a period, each character once.

    Options: see `longest_periodic_length`. Source: Dolma's doc_frac_repetition (there, runs that overlap add
    up).
    """
    covered, last = 0, 0
    for start, end, _ in sorted(_runs(text, tokenizer, max_period, min_times)):
        covered += max(0, end - max(start, last))
        last = max(last, end)
    return covered / len(text.raw) if text.raw else 0.0


@functools.lru_cache(maxsize=4)
def _runs(
    text: Text, tokenizer: str | None, max_period: int, min_times: int
) -> tuple[tuple[int, int, int], ...]:
    """Return (start, end, times) of every periodic run, in characters; it is of the shortest period."""
    ids, starts, ends = token_spans(text.raw, tokenizer)
    spans: dict[tuple[int, int], int] = {}
    for period in range(1, min(max_period, len(ids) // max(min_times, 1)) + 1):
        for first, last in _equal(ids, period):
            times = (last - first) // period
            if times >= min_times:
                spans.setdefault((int(starts[first]), int(ends[last - 1])), times)
    return tuple((start, end, times) for (start, end), times in spans.items())


def _equal(ids: NDArray[np.int64], period: int) -> Iterator[tuple[int, int]]:
    """Yield (first, end) of the runs of tokens in which each equals the one `period` before it."""
    same = np.concatenate([[False], ids[period:] == ids[:-period], [False]])
    edges = np.flatnonzero(same[1:] != same[:-1])
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        yield begin, end + period


@signal
def character_ngram_fraction(text: Text, *, n: int = 10) -> float:
    """Share of the text's character n-grams that the most frequent ones make up; 0.0 for a shorter text.

    The most frequent are as many as the square root of the number of distinct n-grams, of those that occur
    more than once.

    Source: ROOTS's character repetition ratio (Laurençon et al. 2022, appendix; n 10, at most 0.106 for
    English), also Data-Juicer's character_repetition_filter.

    >>> character_ngram_fraction(Text("abcabcabc"), n=3)
    0.42857142857142855
    """
    codes = np.frombuffer(text.raw.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    count = len(codes) - n + 1
    if n < 1 or count < 1:
        return 0.0
    hashes = np.zeros(count, np.uint64)
    for position in range(n):  # a polynomial modulo 2**64, then mixed: equal n-grams have equal hashes
        hashes = hashes * np.uint64(_FACTOR) + codes[position : position + count] + np.uint64(1)
    counts = np.sort(np.unique(hashes, return_counts=True)[1])[::-1]
    top = min(math.isqrt(len(counts)), int((counts > 1).sum()))
    return float(counts[:top].sum()) / count


_FACTOR = 0x9E3779B97F4A7C15
