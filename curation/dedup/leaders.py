"""Election among verified near duplicates: the best documents stay, decided in one pass, best first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ranks = npt.NDArray[np.int64]

_EDGES_AT_ONCE = 1 << 16


def elect(edges: pa.Table, order: pa.Array) -> pa.Table:
    """Return the removed documents (`id`), each with the kept one it duplicates (`kept_id`), best first.

    `edges` has better, worse and jaccard: pairs whose similarity was verified. Its other columns are
    returned for the chosen pair. `order` has every document of the pairs, best first; ids are of any one
    type. From the best down, a document is removed if and only if it has an edge to a better document that
    is kept (the lexicographically first independent set). So no document is removed in favour of a removed
    one: a chain of small changes keeps its first, third and fifth link, not only its first. `kept_id` is
    the kept neighbour of the highest jaccard, and the best of equals.

    Raises ValueError for an id missing from `order` or twice in it, or an edge from worse to better.
    """
    order = _whole(order)
    if len(pc.unique(order)) != len(order):
        raise ValueError("order: found an id twice, expected each document once, best first")
    better, worse = _ranks(edges, "better", order), _ranks(edges, "worse", order)
    backward = np.flatnonzero(better >= worse)
    if len(backward):
        row = int(backward[0])
        first, second = (edges.column(side)[row].as_py() for side in ("better", "worse"))
        raise ValueError(
            f"edges, row {row}: found {first!r} as better than {second!r}, "
            "expected the better one to come first in order"
        )
    rest = [name for name in edges.column_names if name not in ("better", "worse")]
    by_worse = np.argsort(worse, kind="stable")
    removed = _removed(better[by_worse], worse[by_worse], len(order))
    usable = np.flatnonzero(removed[better] == 0)  # so the worse one is removed
    similarity = edges.column("jaccard").to_numpy()[usable]
    best_first = usable[np.lexsort((better[usable], -similarity, worse[usable]))]
    _, firsts = np.unique(worse[best_first], return_index=True)
    chosen = edges.take(pa.array(best_first[firsts]))
    return chosen.select(["worse", "better", *rest]).rename_columns(["id", "kept_id", *rest])


def elect_edges(edges: pa.Table) -> pa.Table:
    """Return the chosen edge of each document that `elect` removes, where ids are ranks: 0 is the best."""
    ends = np.concatenate([edges[side].to_numpy() for side in ("better", "worse")])
    return elect(edges, pa.array(np.unique(ends))).rename_columns({"id": "worse", "kept_id": "better"})


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _ranks(edges: pa.Table, side: str, order: pa.Array) -> Ranks:
    ids = edges.column(side)
    ranks = pc.index_in(ids, value_set=order)
    if ranks.null_count:
        row = int(pc.index(pc.is_null(ranks), True).as_py())
        raise ValueError(
            f"edges, row {row}: found {side} {ids[row].as_py()!r}, which is not in order; "
            "expected every document of an edge there"
        )
    return np.asarray(ranks.to_numpy(), np.int64)


def _removed(better: Ranks, worse: Ranks, documents: int) -> npt.NDArray[np.uint8]:
    """Return 1 for each removed document; edges come sorted by `worse`.

    When a document's edges are reached, all better documents are decided: their edges came before. This
    takes one step per edge, whatever the graph; rounds over arrays would need one for each link of a chain.
    """
    removed = bytearray(documents)
    for start in range(0, len(worse), _EDGES_AT_ONCE):
        stop = start + _EDGES_AT_ONCE
        for a, b in zip(better[start:stop].tolist(), worse[start:stop].tolist(), strict=True):
            if not removed[a]:
                removed[b] = 1
    return np.frombuffer(removed, np.uint8)
