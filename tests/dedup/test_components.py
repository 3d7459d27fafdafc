"""Components, against networkx on seeded random graphs; containment, against sets."""

from __future__ import annotations

import random

import networkx
import numpy as np
import pyarrow as pa
import pytest

from curation.dedup.components import components
from curation.dedup.verify import shingle_sets, verify_batch


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
    row = {"left_id": [0, 0, 1, 0], "right_id": [1, 2, 0, 3]}
    row |= {f"{side}_shingles": sets.take(pa.array(row[f"{side}_id"])) for side in ("left", "right")}
    measured = verify_batch(pa.record_batch(row), 0.8, 0.9).to_pylist()
    assert [pair["containment"] for pair in measured] == [1.0, 11 / 16, None, 0.0]
    assert measured[0] == {"left_id": 0, "right_id": 1, "jaccard": 16 / 56, "containment": 1.0}
    assert measured[2]["containment"] is None, "the smaller one cannot contain the larger"
    assert verify_batch(pa.record_batch(row), 0.8).column("jaccard").null_count == 4
