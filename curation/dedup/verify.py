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


def shared_count(left: Hashes, right: Hashes) -> int:
    """Return how many values two ascending arrays without repeats have in common.

    >>> shared_count(np.array([1, 2, 3], np.uint64), np.array([2, 3, 4], np.uint64))
    2
    """
    both = np.concatenate([left, right])
    both.sort(kind="stable")  # two ascending runs: one merge
    return int(np.count_nonzero(both[1:] == both[:-1]))


def jaccard(left: Hashes, right: Hashes) -> float:
    """Return |left and right| / |left or right| of two ascending arrays without repeats; 0 if both are empty.

    So two documents without a word are not duplicates: nothing shows that they mean the same.

    >>> jaccard(np.array([1, 2, 3], np.uint64), np.array([2, 3, 4], np.uint64))
    0.5
    """
    shared = shared_count(left, right)
    return shared / (len(left) + len(right) - shared) if shared else 0.0


def similarity(
    left: Hashes, right: Hashes, min_jaccard: float, min_containment: float | None
) -> tuple[float | None, float | None]:
    """Return Jaccard and containment of two shingle sets.

    Containment is the share of the right set that is in the left one. Both are None where the sizes alone
    put a pair below both bounds: Jaccard is at most the smaller size over the larger, containment at most
    the left size over the right.
    """
    may_be_similar = min(len(left), len(right)) >= min_jaccard * max(len(left), len(right))
    if not may_be_similar and (min_containment is None or len(left) < min_containment * len(right)):
        return None, None
    shared = shared_count(left, right)
    if not shared:
        return 0.0, 0.0
    return shared / (len(left) + len(right) - shared), shared / len(right)


def verify_batch(
    pairs: pa.RecordBatch, min_jaccard: float, min_containment: float | None = None
) -> pa.RecordBatch:
    """Return left_id, right_id, jaccard and containment of pairs that come with left_ and right_shingles.

    One row per pair, in order. The caller applies the bounds. `similarity` says which values are null.
    """
    sides = [pairs.column(f"{side}_shingles") for side in ("left", "right")]
    read = ((np.frombuffer(side.as_buffer(), "<u8") for side in pair) for pair in zip(*sides, strict=True))
    measured = [similarity(left, right, min_jaccard, min_containment) for left, right in read]
    similar, contained = zip(*measured, strict=True) if measured else ((), ())
    columns = [pairs.column("left_id"), pairs.column("right_id")]
    columns += [pa.array(similar, pa.float64()), pa.array(contained, pa.float64())]
    return pa.RecordBatch.from_arrays(columns, names=["left_id", "right_id", "jaccard", "containment"])
