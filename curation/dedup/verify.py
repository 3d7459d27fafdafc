"""Near duplicates, proof: the true Jaccard similarity of two documents' shingle sets."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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


def jaccard(left: Hashes, right: Hashes) -> float:
    """Return |left and right| / |left or right| of two ascending arrays without repeats; 0 for two empty.

    Two documents without a word are not duplicates: nothing says that they mean the same.

    >>> jaccard(np.array([1, 2, 3], np.uint64), np.array([2, 3, 4], np.uint64))
    0.5
    """
    if not len(left) or not len(right):
        return 0.0
    both = np.concatenate([left, right])
    both.sort(kind="stable")  # two ascending runs: one merge
    shared = int(np.count_nonzero(both[1:] == both[:-1]))
    return shared / (len(both) - shared)


def verify_batch(pairs: pa.RecordBatch, min_jaccard: float) -> pa.RecordBatch:
    """Return left_id, right_id and jaccard of pairs given with left_shingles and right_shingles.

    One row per pair, in order; the caller judges. Sets whose sizes alone put the pair below
    `min_jaccard` (the smaller over the larger is the most it could be) are not compared, and have
    jaccard null.
    """
    left, right = (pairs.column(f"{side}_shingles") for side in ("left", "right"))
    sizes = [pc.binary_length(side).to_numpy(zero_copy_only=False) for side in (left, right)]
    hopeful = np.minimum(*sizes) >= min_jaccard * np.maximum(*sizes)
    measured = [
        jaccard(np.frombuffer(a.as_buffer(), "<u8"), np.frombuffer(b.as_buffer(), "<u8")) if compare else None
        for a, b, compare in zip(left, right, hopeful.tolist(), strict=True)
    ]
    return pa.RecordBatch.from_arrays(
        [pairs.column("left_id"), pairs.column("right_id"), pa.array(measured, pa.float64())],
        names=["left_id", "right_id", "jaccard"],
    )
