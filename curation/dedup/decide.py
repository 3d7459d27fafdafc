"""Near duplicates, decision: which pairs are compared next, and who is removed.

The rules are written once, over `Tables`: the operations on tables of pairs that they need. `InMemory` has
them for a corpus whose shingle sets fit into one process, Spark's joins for a corpus of any size.

Nodes are ranks: integers, the better document the lesser. A pair is always (better, worse).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol, TypeVar

import pyarrow as pa

from curation.dedup.buckets import Buckets

Rows = TypeVar("Rows")

PAIRS = pa.schema([("better", pa.int64()), ("worse", pa.int64())])
#: Compared pairs. Jaccard and containment are null where the sizes alone rule both bounds out.
EDGES = pa.schema(
    [*PAIRS, ("jaccard", pa.float64()), ("containment", pa.float64()), ("bands_shared", pa.int32())]
)
_PAIR = {"better": "better", "worse": "worse"}


class Tables(Protocol[Rows]):
    """Operations on tables of pairs: all have better and worse, those that were compared EDGES as well."""

    def compare(self, pairs: Rows, measure_all: bool = False) -> Rows:
        """Measure pairs: EDGES. `measure_all` also measures pairs that their sizes rule out."""

    def near(self, compared: Rows) -> Rows:
        """Return the compared pairs that are similar enough."""

    def links(self, compared: Rows, buckets: Buckets) -> Rows:
        """Return the pairs to compare: documents that were compared with the same better one are a bucket."""

    def keep(self, rows: Rows, others: Rows, on: Mapping[str, str]) -> Rows:
        """Return the rows whose columns (the keys of `on`) equal those (its values) of one of the others."""

    def drop(self, rows: Rows, others: Rows, on: Mapping[str, str]) -> Rows:
        """Return the rows that `keep` would not."""

    def union(self, rows: Rows, more: Rows) -> Rows:
        """Return the rows of both."""

    def is_empty(self, rows: Rows) -> bool:
        """Tell whether there is no row."""

    def elect(self, edges: Rows) -> Rows:
        """Return one edge of each removed document: that with the kept one it is merged into."""

    def roots(self, edges: Rows) -> Rows:
        """Return each document of a component with the component's best, but no pair of two old documents."""


def decide(
    tables: Tables[Rows], pairs: Rows, buckets: Buckets, rounds: int, transitive: bool
) -> tuple[Rows, Rows]:
    """Return (pairs compared, one row for each removed document with the one it is merged into).

    Args:
        tables: where the pairs are.
        pairs: what the buckets of equal band keys give.
        buckets: how documents that no leader matched are linked with each other.
        rounds: how often that is done, the first comparison included; also, how often orphans are compared.
        transitive: keep only the best document of each component of near pairs, however unlike the two are.
    """
    compared = _peeled(tables, pairs, buckets, rounds)
    edges = tables.near(compared)
    if transitive:
        roots = tables.roots(edges)
        others = tables.compare(tables.drop(roots, edges, _PAIR), measure_all=True)
        return compared, tables.union(tables.keep(edges, roots, _PAIR), others)
    removed = tables.elect(edges)
    for _ in range(rounds):
        orphaned = _orphaned(tables, compared, removed)
        links = tables.links(orphaned, replace(buckets, leaders=4 * rounds, eager=True))
        more = tables.compare(tables.drop(links, compared, _PAIR))
        if tables.is_empty(tables.near(more)):
            break
        compared = tables.union(compared, more)
        removed = tables.elect(tables.near(compared))
    return compared, removed


def _peeled(tables: Tables[Rows], pairs: Rows, buckets: Buckets, rounds: int) -> Rows:
    """Compare the pairs, then for some rounds the documents that no leader matched, among themselves.

    A bucket is peeled: its leaders are compared with all others, and the documents that match none of them
    make the bucket of the next round. These share a band with each other too.
    """
    compared = last = tables.compare(pairs)
    for _ in range(rounds - 1):
        unmatched = tables.drop(last, tables.near(compared), {"worse": "worse"})
        links = tables.links(unmatched, buckets)
        last = tables.compare(tables.drop(links, compared, _PAIR))
        if tables.is_empty(last):
            break
        compared = tables.union(compared, last)
    return compared


def _orphaned(tables: Tables[Rows], compared: Rows, removed: Rows) -> Rows:
    """Return the pairs of kept documents with removed ones, for each removed one that some of them are near.

    The election may remove a document that leads others. A kept document that is near it is an orphan: its
    duplicates may be among the documents that were compared with the same leader, and were not compared with
    it because the leader had matched them.
    """
    kept = tables.drop(compared, removed, {"worse": "worse"})
    lost = tables.drop(tables.near(compared), removed, {"worse": "worse"})
    lost = tables.keep(lost, removed, {"better": "worse"})
    return tables.keep(kept, lost, {"better": "better"})
