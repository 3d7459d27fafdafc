"""Near duplicates of few documents: what is decided holds beside brute force, however the rows are ordered."""

from __future__ import annotations

import random

import networkx
import numpy as np
import pyarrow as pa
import pytest

from curation.dedup.buckets import Buckets
from curation.dedup.decide import PAIRS, decide
from curation.dedup.in_memory import InMemory
from curation.dedup.verify import shingle_sets

BOUND = 0.7


def corpus(seed: int) -> tuple[list[set[int]], pa.Table, np.ndarray]:
    """Return the shingle sets of families and of a chain, as InMemory takes them, and pairs that share a base."""
    rng, texts = random.Random(seed), []
    for family in range(6):
        base = [f"w{family}x{i}" for i in range(rng.randint(30, 60))]
        for _ in range(rng.randint(1, 9)):
            copy = list(base)
            for _ in range(rng.choice((0, 1, 2, 12))):
                copy[rng.randrange(len(copy))] = f"new{rng.random()}"
            texts.append(copy[: rng.randint(len(copy) // 2, len(copy))])
    columns = {
        "rank": list(range(len(texts))),
        "old": [rng.random() < 0.2 for _ in texts],
        "sketch": [0] * len(texts),
        "band_keys": [sorted(rng.sample(range(9), 3)) for _ in texts],
        "shingles": shingle_sets(pa.array([" ".join(text) for text in texts]), 1),
    }
    sets = [set(np.frombuffer(shingles.as_buffer(), "<u8").tolist()) for shingles in columns["shingles"]]
    first = {text[0][:3]: i for i, text in reversed([*enumerate(texts)])}
    pairs = {(first[text[0][:3]], i) for i, text in enumerate(texts)} - {(i, i) for i in range(len(texts))}
    return sets, pa.table(columns), np.array(sorted(pairs), np.int64).reshape(-1, 2)


def decided(table: pa.Table, pairs: np.ndarray, transitive: bool, containment: float | None = None):
    tables = InMemory(table, BOUND, containment)
    pairs = pa.table([pairs[:, 0], pairs[:, 1]], schema=PAIRS)
    return tuple(rows.to_pylist() for rows in decide(tables, pairs, Buckets(3, None, 1000), 3, transitive))


@pytest.mark.parametrize("seed", range(12))
def test_every_removed_document_has_a_kept_one_that_is_near(seed: int) -> None:
    sets, table, pairs = corpus(seed)
    compared, elected = decided(table, pairs, transitive=False)
    assert {(row["better"], row["worse"]) for row in compared} >= set(map(tuple, pairs.tolist()))
    removed = {row["worse"] for row in elected}
    bands, old = table["band_keys"].to_pylist(), table["old"].to_pylist()
    for row in [*compared, *elected]:
        one, other = sets[row["better"]], sets[row["worse"]]
        true = len(one & other) / len(one | other)
        assert row["jaccard"] == (true if row["jaccard"] is not None or true >= BOUND else None)
        shared = set(bands[row["better"]]) & set(bands[row["worse"]])
        assert row["bands_shared"] == len(shared)
    for row in elected:
        assert row["jaccard"] >= BOUND
        assert row["better"] not in removed
    first = {tuple(pair) for pair in pairs.tolist()}
    again = [(row["better"], row["worse"]) for row in compared if (row["better"], row["worse"]) not in first]
    assert len(again) == len(set(again))
    assert not any(old[one] and old[other] for one, other in again), "neither can be removed"


@pytest.mark.parametrize("seed", range(12))
def test_what_hangs_together_has_one_that_stays(seed: int) -> None:
    _, table, pairs = corpus(seed)
    compared, chained = decided(table, pairs, transitive=True)
    near = [(row["better"], row["worse"]) for row in compared if (row["jaccard"] or 0) >= BOUND]
    old = table["old"].to_pylist()
    expected = {
        (min(nodes), node)
        for nodes in networkx.connected_components(networkx.Graph(near))
        for node in nodes
        if node != min(nodes) and not (old[node] and old[min(nodes)])
    }
    assert {(row["better"], row["worse"]) for row in chained} == expected
    assert all(row["jaccard"] is not None for row in chained), "these are measured however unlike they are"


@pytest.mark.parametrize("transitive", [False, True])
@pytest.mark.parametrize("containment", [None, 0.9])
def test_the_order_of_rows_changes_nothing(transitive: bool, containment: float | None) -> None:
    _, table, pairs = corpus(5)
    first = decided(table, pairs, transitive, containment)
    rng = np.random.default_rng(1)
    shuffled = table.take(pa.array(rng.permutation(len(table))))
    second = decided(shuffled, pairs[rng.permutation(len(pairs))], transitive, containment)

    def in_order(rows):
        return sorted(rows, key=lambda row: (row["better"], row["worse"]))

    assert [in_order(rows) for rows in second] == [in_order(rows) for rows in first]


def test_no_pairs_are_no_removals() -> None:
    _, table, pairs = corpus(0)
    assert decided(table, pairs[:0], transitive=False) == ([], [])
    assert decided(table.slice(0, 0), pairs[:0], transitive=True) == ([], [])
