"""Graphs of near duplicates in one process: the election of leaders, and connected components."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ranks = npt.NDArray[np.int64]

_EDGES_AT_ONCE = 1 << 16


def elect(edges: pa.Table) -> pa.Table:
    """Return one edge of each removed document: that with the kept one it duplicates; by `worse`.

    `edges` has better, worse and jaccard: pairs of ranks (the better document the lesser) whose similarity
    was verified. From the best down, a document is removed if and only if it has an edge to a better document
    that is kept (the lexicographically first independent set). So no document is removed in favour of a
    removed one: a chain of small changes keeps its first, third and fifth link, not only its first. The kept
    neighbour of the highest jaccard is chosen, and the best of equals.

    Raises:
        ValueError: an edge goes from worse to better.
    """
    better, worse = (edges[side].to_numpy() for side in ("better", "worse"))
    backward = np.flatnonzero(better >= worse)
    if len(backward):
        row = int(backward[0])
        raise ValueError(
            f"edges, row {row}: found {better[row]} as better than {worse[row]}, expected the lesser rank"
        )
    by_worse = np.argsort(worse, kind="stable")
    ranks, ends = np.unique(np.concatenate([better, worse]), return_inverse=True)
    first, second = np.split(ends.reshape(-1), 2)
    removed = _removed(first[by_worse], second[by_worse], len(ranks))
    usable = np.flatnonzero(removed[first] == 0)  # so the worse one is removed
    similarity = edges["jaccard"].to_numpy()[usable]
    best_first = usable[np.lexsort((better[usable], -similarity, worse[usable]))]
    _, firsts = np.unique(worse[best_first], return_index=True)
    return edges.take(pa.array(best_first[firsts]))


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


def components(left: Ranks, right: Ranks) -> tuple[Ranks, Ranks]:
    """Return (nodes, roots): every node but the least of its component, ascending, and that least node.

    `left` and `right` are the ends of each edge; direction, repeats and loops do not matter. All roots that
    have a lesser neighbour are hooked onto it at once. Paths are then halved until they are flat, so that an
    edge inside one component need not be looked at again. Takes about 100 bytes of memory an edge.

    >>> nodes, roots = components(np.array([5, 1, 9]), np.array([2, 5, 7]))
    >>> dict(zip(nodes.tolist(), roots.tolist()))
    {2: 1, 5: 1, 9: 7}
    """
    nodes, ends = np.unique(np.concatenate([left, right]), return_inverse=True)
    first, second = np.split(ends.reshape(-1), 2)
    labels = np.arange(len(nodes))
    while len(first):
        np.minimum.at(labels, np.maximum(first, second), np.minimum(first, second))
        flat = labels[labels]
        while not np.array_equal(flat, labels):
            labels, flat = flat, flat[flat]
        first, second = labels[first], labels[second]
        apart = first != second
        first, second = first[apart], second[apart]
    is_root = labels == np.arange(len(nodes))
    return nodes[~is_root], nodes[labels[~is_root]]
