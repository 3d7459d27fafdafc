"""Near duplicates, verification: true Jaccard similarity and containment of two shingle sets."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa

from curation.dedup.minhash import shingles
from curation.dedup.words import Hashes


def shingle_sets(texts: pa.Array, shingle_words: int) -> pa.BinaryArray:
    """Return each text's set of shingle hashes as bytes: little-endian uint64, ascending, no repeats."""
    hashes, offsets = shingles(texts, shingle_words)
    bounds = offsets.tolist()
    return pa.array(
        [
            np.unique(hashes[start:end]).astype("<u8", copy=False).tobytes()
            for start, end in itertools.pairwise(bounds)
        ],
        pa.binary(),
    )


def similarity(
    left: Hashes, right: Hashes, min_jaccard: float, min_containment: float | None
) -> tuple[float | None, float | None]:
    """Return Jaccard and containment of two shingle sets: ascending arrays without repeats.

    Containment is the share of the right set that is in the left one. Both are None where the sizes alone
    put a pair below both bounds: Jaccard is at most the smaller size over the larger, containment at most
    the left size over the right. Both are 0 for two empty sets: nothing shows that they mean the same.

    >>> similarity(np.array([1, 2, 3], np.uint64), np.array([2, 3, 4], np.uint64), 0.5, None)
    (0.5, 0.6666666666666666)
    """
    may_be_similar = min(len(left), len(right)) >= min_jaccard * max(len(left), len(right))
    if not may_be_similar and (min_containment is None or len(left) < min_containment * len(right)):
        return None, None
    both = np.concatenate([left, right])
    both.sort(kind="stable")  # two ascending runs: one merge
    shared = int(np.count_nonzero(both[1:] == both[:-1]))
    if not shared:
        return 0.0, 0.0
    return shared / (len(left) + len(right) - shared), shared / len(right)


def similarities(
    left: pa.BinaryArray, right: pa.BinaryArray, min_jaccard: float, min_containment: float | None = None
) -> tuple[pa.Array, pa.Array]:
    """Return the `similarity` (Jaccard, containment) of each pair of shingle sets, in order."""
    sets = ([np.frombuffer(value.as_buffer(), "<u8") for value in side] for side in (left, right))
    pairs = zip(*sets, strict=True)
    measured = [similarity(one, other, min_jaccard, min_containment) for one, other in pairs]
    jaccard, containment = zip(*measured, strict=True) if measured else ((), ())
    return pa.array(jaccard, pa.float64()), pa.array(containment, pa.float64())
