"""Semantic duplicates: k-means over embeddings, then cosines within each cluster.

Abbas et al. 2023, "SemDeDup: Data-efficient learning at web-scale through semantic deduplication". A document
is removed if its cluster keeps a better one whose embedding has at least a given cosine with its own.

Vectors lie on a grid: components are multiples of 2**-24. Products and sums of unit vectors are then exact in
float64 in whatever order they are added, so that a cosine does not depend on how a table was cut into
batches, nor on the processor. The grid moves a cosine by less than 1e-6.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Vectors = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

_GRID = float(1 << 24)
_ROWS_AT_ONCE = 1024


def unit_vectors(embeddings: pa.Array) -> tuple[Rows, Vectors]:
    """Return (rows, unit vectors on the grid) of a column of lists of numbers.

    Rows without a direction (null, all zeros, not finite) are left out: nothing is known of their meaning.

    Raises:
        ValueError: two embeddings differ in length.

    >>> unit_vectors(pa.array([[3.0, 4.0], None, [0.0, 0.0]]))[1].round(6).tolist()
    [[0.6, 0.8]]
    """
    rows = np.flatnonzero(pc.is_valid(embeddings).to_numpy(zero_copy_only=False))
    present = embeddings.drop_null()
    lengths = pc.list_value_length(present).to_numpy(zero_copy_only=False)
    if len(set(lengths.tolist())) > 1:
        raise ValueError(
            f"embeddings: found vectors of {min(lengths)} and of {max(lengths)} numbers in one column, "
            "expected one length: were they made by two models?"
        )
    numbers = present.flatten().cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
    vectors = numbers.reshape(len(present), -1) if len(present) else np.empty((0, 0))
    largest = np.abs(vectors).max(axis=1, initial=0.0)  # scale first: the square of 1e300 overflows
    usable = np.isfinite(largest) & (largest > 0)
    return rows[usable], on_grid(vectors[usable] / largest[usable, None])


def on_grid(vectors: Vectors) -> Vectors:
    """Return vectors scaled to length 1 and rounded to the nearest point of the grid."""
    lengths = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    rounded: Vectors = np.rint(vectors / lengths * _GRID) / _GRID
    return rounded


def centroids(sample: Vectors, clusters: int, seed: int) -> Vectors:
    """Return the centroids of k-means on a sample as unit vectors on the grid: (at most `clusters`, d).

    The same sample in the same order gives the same centroids: one thread adds in one order.

    Raises:
        ModuleNotFoundError: scikit-learn is not installed (the extra `semantic`).
    """
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    if not len(sample):
        return sample
    count = min(clusters, len(sample))
    with threadpool_limits(1):
        model = MiniBatchKMeans(count, random_state=seed, batch_size=4096, n_init=1).fit(sample)
    centers = np.asarray(model.cluster_centers_, np.float64)
    return on_grid(centers[np.abs(centers).max(axis=1) > 0])


def nearest(vectors: Vectors, centres: Vectors) -> Rows:
    """Return the number of the centre with the greatest cosine, the first of equals."""
    numbers: Rows = np.argmax(vectors @ centres.T, axis=1)
    return numbers


def leaders(vectors: Vectors, min_cosine: float) -> tuple[Rows, Vectors]:
    """Return, for each vector, (row of the kept vector it is merged into or -1, cosine with that one).

    Vectors come best first. One is removed if and only if a vector before it is kept and has at least that
    cosine with it. It is merged into the kept one of the greatest cosine, the first of equals. So no vector
    is removed in favour of a removed one.

    >>> kept, cosines = leaders(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), 0.9)
    >>> kept.tolist(), cosines.tolist()
    ([-1, -1, 0], [0.0, 0.0, 1.0])
    """
    kept_of, cosines = np.full(len(vectors), -1), np.zeros(len(vectors))
    kept = np.empty(0, np.int64)
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        part = vectors[start : start + _ROWS_AT_ONCE]
        best, row = _nearest_kept(part, vectors, kept)
        among = part @ part.T
        kept_here: list[int] = []
        for i in range(len(part)):
            if kept_here:
                own = among[i, kept_here]
                nearest_here = int(own.argmax())
                if own[nearest_here] > best[i]:
                    best[i], row[i] = own[nearest_here], start + kept_here[nearest_here]
            if best[i] >= min_cosine:
                kept_of[start + i], cosines[start + i] = row[i], min(best[i], 1.0)
            else:
                kept_here.append(i)
        kept = np.concatenate([kept, np.array(kept_here, np.int64) + start])
    return kept_of, cosines


def _nearest_kept(part: Vectors, vectors: Vectors, kept: Rows) -> tuple[Vectors, Rows]:
    """Return the greatest cosine of each vector of a part with the kept vectors, and the row of that one."""
    best, row = np.full(len(part), -np.inf), np.full(len(part), -1)
    for start in range(0, len(kept), _ROWS_AT_ONCE):
        rows = kept[start : start + _ROWS_AT_ONCE]
        cosines = part @ vectors[rows].T
        argmax = cosines.argmax(axis=1)
        greatest = cosines[np.arange(len(part)), argmax]
        better = greatest > best
        best[better], row[better] = greatest[better], rows[argmax[better]]
    return best, row
