"""Components, against networkx on seeded random graphs; containment, against sets."""

from __future__ import annotations

import random

import networkx
import numpy as np
import pyarrow as pa
import pytest

from curation.dedup.leaders import components
from curation.dedup.verify import shingle_sets, similarities


def oracle(edges: list[tuple[int, int]]) -> dict[int, int]:
    """Return node -> least of its component, of nodes that are not that least."""
    groups = networkx.connected_components(networkx.Graph(edges))
    return {node: min(nodes) for nodes in groups for node in nodes if node != min(nodes)}


def roots(edges: list[tuple[int, int]]) -> dict[int, int]:
    left, right = np.array(edges, np.int64).reshape(-1, 2).T
    nodes, roots = components(left, right)
    assert np.array_equal(nodes, np.unique(nodes))
    return dict(zip(nodes.tolist(), roots.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(40))
def test_components_are_those_of_networkx(seed: int) -> None:
    rng = random.Random(seed)
    size, count = rng.randint(2, 400), rng.randint(1, 500)
    names = rng.sample(range(1 << 60), size)  # sparse, as ranks are
    edges = [(rng.choice(names), rng.choice(names)) for _ in range(count)]
    assert roots(edges) == oracle(edges)


def test_chains_stars_and_nothing() -> None:
    rng = random.Random(0)
    chain = [(i, i + 1) for i in range(2000)]
    assert roots(chain) == dict.fromkeys(range(1, 2001), 0)
    names = rng.sample(range(10_000), 2001)
    shuffled = [(names[a], names[b]) for a, b in chain]
    rng.shuffle(shuffled)
    assert roots(shuffled) == oracle(shuffled)
    assert roots([(9, i) for i in range(9)]) == dict.fromkeys(range(1, 10), 0)
    assert roots([]) == {}
    assert roots([(3, 3)]) == {}


def test_containment_is_the_share_of_the_right_one_that_the_left_one_has() -> None:
    words = [f"w{i}" for i in range(60)]
    texts = [" ".join(words), " ".join(words[:20]), " ".join(words[:15] + ["other"] * 5), "one"]
    sets = shingle_sets(pa.array(texts), 5)
    left, right = (sets.take(pa.array(rows)) for rows in ([0, 0, 1, 0], [1, 2, 0, 3]))
    jaccard, containment = similarities(left, right, 0.8, 0.9)
    assert containment.to_pylist() == [1.0, 11 / 16, None, 0.0], "the smaller one cannot contain the larger"
    assert jaccard[0].as_py() == 16 / 56
    assert similarities(left, right, 0.8)[0].null_count == 4
