"""Embeddings to clusters to leaders: exact whatever the batches, and no removal hangs on a removed document."""

import math
import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dedup import semantic
from curation.dedup.semantic import centroids, leaders, nearest, on_grid, unit_vectors


def cloud(seed, groups=20, size=30, dimensions=48, spread=0.05):
    """Return unit vectors in groups, shuffled, and the number of each one's group."""
    rng = np.random.default_rng(seed)
    middles = rng.normal(size=(groups, dimensions))
    labels = np.repeat(np.arange(groups), size)
    rng.shuffle(labels)
    return on_grid(middles[labels] + spread * rng.normal(size=(len(labels), dimensions))), labels


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 700))
def test_cosines_on_the_grid_are_exact_in_any_order_and_any_cut(seed, rows, dimensions):
    rng = np.random.default_rng(seed)
    left, right = (on_grid(rng.normal(size=(rows, dimensions))) for _ in range(2))
    whole = left @ right.T
    shuffled = rng.permutation(dimensions)
    assert (left[:, shuffled] @ right[:, shuffled].T == whole).all()
    assert all((left[i : i + 1] @ right.T == whole[i]).all() for i in range(rows))
    assert whole[0, 0] == math.fsum(a * b for a, b in zip(left[0].tolist(), right[0].tolist(), strict=True))


def test_the_grid_hardly_moves_a_cosine():
    rng = np.random.default_rng(3)
    plain = rng.normal(size=(50, 768))
    plain /= np.linalg.norm(plain, axis=1, keepdims=True)
    grid = on_grid(plain)
    assert np.abs(plain @ plain.T - grid @ grid.T).max() < 1e-6


def by_hand(vectors, bound):
    """Return place of the kept one or -1 by comparing each with all kept before it."""
    kept = []
    for i, vector in enumerate(vectors):
        near = [(-float(vector @ vectors[j]), j) for j in range(i) if kept[j] == -1]
        near = [(cosine, j) for cosine, j in near if -cosine >= bound]
        kept.append(min(near)[1] if near else -1)
    return kept


@pytest.mark.parametrize("rows_at_once", [1, 7, 64, 4096])
@pytest.mark.parametrize("bound", [0.3, 0.9, 0.985])
def test_leaders_are_those_of_plain_comparison(monkeypatch, rows_at_once, bound):
    monkeypatch.setattr(semantic, "_ROWS_AT_ONCE", rows_at_once)
    vectors, _ = cloud(1, groups=9, size=25, spread=0.1)
    kept, cosines = leaders(vectors, bound)
    assert kept.tolist() == by_hand(vectors, bound)
    for i, row in enumerate(kept.tolist()):
        if row >= 0:
            assert kept[row] == -1
            assert cosines[i] == min(float(vectors[i] @ vectors[row]), 1.0) >= bound


def test_a_chain_of_small_steps_is_not_one_duplicate():
    angles = np.linspace(0, np.pi, 400)
    chain = on_grid(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    kept, _ = leaders(chain, 0.99)
    assert 10 < (kept == -1).sum() < 40


def test_k_means_finds_groups_and_the_same_ones_again():
    vectors, labels = cloud(2)
    centres = centroids(vectors, 20, seed=1)
    assert (centres == centroids(vectors, 20, seed=1)).all()
    numbers = nearest(vectors, centres)
    pairs = set(zip(labels.tolist(), numbers.tolist(), strict=True))
    assert len(pairs) <= 24, "groups and clusters hardly cross"
    assert (nearest(vectors[5:9], centres) == numbers[5:9]).all()


def test_fewer_vectors_than_clusters():
    vectors, _ = cloud(4, groups=2, size=2)
    assert len(centroids(vectors, 50, seed=1)) <= 4
    assert len(centroids(vectors[:0], 50, seed=1)) == 0


@pytest.mark.parametrize(
    "kind",
    [pa.list_(pa.float32()), pa.list_(pa.float64()), pa.list_(pa.float16()), pa.list_(pa.float32(), 2)],
)
def test_rows_without_a_direction_are_left_out(kind):
    values = [[1.0, 2.0], None, [0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0], [0.5, 1.0]]
    rows, vectors = unit_vectors(pa.array(values, kind))
    assert rows.tolist() == [0, 5]
    assert (vectors[0] == vectors[1]).all()


def test_great_and_small_numbers_have_a_direction_too():
    _, vectors = unit_vectors(pa.array([[1e300, 1e300], [1e-300, 1e-300]]))
    assert (vectors[0] == vectors[1]).all()
    assert len(unit_vectors(pa.array([], pa.list_(pa.float32())))[0]) == 0


def test_embeddings_of_two_lengths_are_refused():
    message = (
        "embeddings: found vectors of 2 and of 3 numbers in one column, expected one length: "
        "were they made by two models?"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        unit_vectors(pa.array([[1.0, 2.0], [1.0, 2.0, 3.0]]))
