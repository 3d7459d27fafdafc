"""Leaders: the invariant that matters, against brute force and networkx on random graphs."""

import itertools

import networkx
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dedup.leaders import elect


def table(rows):
    """Return edges from (better, worse, jaccard) rows."""
    better, worse, jaccard = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "better": pa.array(better, pa.int64()),
            "worse": pa.array(worse, pa.int64()),
            "jaccard": pa.array(jaccard, pa.float64()),
            "bands_shared": pa.array([rank % 3 for rank in better], pa.int32()),
        }
    )


@st.composite
def graphs(draw):
    """Draw ranks with gaps, and edges from better to worse with similarities, some equal."""
    ranks = sorted(draw(st.lists(st.integers(0, 1 << 40), min_size=2, max_size=9, unique=True)))
    pairs = list(itertools.combinations(ranks, 2))
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True))
    return ranks, [(a, b, draw(st.sampled_from([0.8, 0.9, 1.0]))) for a, b in chosen]


@settings(max_examples=300, deadline=None)
@given(graphs())
def test_every_removed_document_has_a_kept_neighbour_and_no_kept_two_are_neighbours(graph):
    ranks, rows = graph
    elected = elect(table(rows))
    assert elected.column_names == ["better", "worse", "jaccard", "bands_shared"]
    removed = dict(zip(elected["worse"].to_pylist(), elected["better"].to_pylist(), strict=True))
    similarity = {(a, b): j for a, b, j in rows}
    near = networkx.Graph([(a, b) for a, b, _ in rows])
    near.add_nodes_from(ranks)
    kept = set(ranks) - set(removed)
    assert not near.subgraph(kept).edges  # independent
    for worse, better in removed.items():
        leaders = [a for a in ranks if a in kept and (a, worse) in similarity]
        # max() takes the first of equals, and `leaders` come best first
        assert better == max(leaders, key=lambda a: similarity[a, worse])
    # Brute force: the lexicographically first independent set.
    expected: list[int] = []
    for rank in ranks:
        if not any(near.has_edge(rank, other) for other in expected):
            expected.append(rank)
    assert kept == set(expected)


@settings(max_examples=50, deadline=None)
@given(graphs(), st.randoms(use_true_random=False))
def test_the_order_of_edges_changes_nothing(graph, rng):
    _, rows = graph
    shuffled = list(rows)
    rng.shuffle(shuffled)
    assert elect(table(rows)).equals(elect(table(shuffled)))


def test_a_chain_of_small_changes_keeps_every_other_link():
    rows = [(rank, rank + 1, 0.9) for rank in range(19_999)]
    elected = elect(table(rows))
    assert elected["worse"].to_pylist() == list(range(1, 20_000, 2))
    assert elected["better"].to_pylist() == list(range(0, 20_000, 2))


def test_bands_and_similarity_of_the_chosen_edge_are_reported():
    rows = [(1, 5, 0.8), (2, 5, 0.95), (1, 6, 0.9), (2, 6, 0.9)]
    assert elect(table(rows)).to_pylist() == [
        {"better": 2, "worse": 5, "jaccard": 0.95, "bands_shared": 2},
        {"better": 1, "worse": 6, "jaccard": 0.9, "bands_shared": 1},
    ]


def test_without_edges_nothing_is_removed():
    assert elect(table([])).num_rows == 0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [(1, 2, 1.0), (2, 1, 1.0)],
            "edges, row 1: found 2 as better than 1, expected the lesser rank",
        ),
        ([(1, 1, 1.0)], "edges, row 0: found 1 as better than 1, expected the lesser rank"),
    ],
)
def test_edges_from_worse_to_better_are_refused(rows, message):
    with pytest.raises(ValueError, match="found") as caught:
        elect(table(rows))
    assert str(caught.value) == message
