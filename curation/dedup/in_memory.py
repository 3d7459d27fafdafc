"""Near duplicates of a small corpus: the tables of `decide` in one process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curation.dedup.buckets import MEMBERS, Buckets
from curation.dedup.decide import EDGES, PAIRS
from curation.dedup.leaders import components, elect
from curation.dedup.verify import similarity

Ranks = npt.NDArray[np.int64]


@dataclass(slots=True)
class InMemory:
    """Arrow tables of pairs of documents whose shingle sets are all here.

    Attributes:
        sets: rank, old, sketch, band_keys and shingles of every document that a pair names.
        jaccard, containment: what counts as near; a containment of None does not.
    """

    sets: pa.Table
    jaccard: float
    containment: float | None

    def __post_init__(self) -> None:
        self.sets = self.sets.sort_by("rank").combine_chunks()

    def compare(self, pairs: pa.Table, measure_all: bool = False) -> pa.Table:
        """See `Tables`."""
        bounds = (0.0, None) if measure_all else (self.jaccard, self.containment)
        better, worse = (self._rows(pairs[side].to_numpy()).tolist() for side in ("better", "worse"))
        measured = [
            (*similarity(self._shingles(one), self._shingles(other), *bounds), self._bands_shared(one, other))
            for one, other in zip(better, worse, strict=True)
        ]
        columns = list(zip(*measured, strict=True)) if measured else [()] * 3
        arrays = [pa.array(values, at.type) for values, at in zip(columns, list(EDGES)[2:], strict=True)]
        return pa.table([pairs["better"], pairs["worse"], *arrays], schema=EDGES)

    def near(self, compared: pa.Table) -> pa.Table:
        """See `Tables`."""
        near = pc.greater_equal(compared["jaccard"], self.jaccard)
        if self.containment is not None:
            near = pc.or_(near, pc.greater_equal(compared["containment"], self.containment))
        return compared.filter(near)

    def links(self, compared: pa.Table, buckets: Buckets) -> pa.Table:
        """See `Tables`."""
        key, rank = compared["better"].to_numpy(), compared["worse"].to_numpy()
        order = np.lexsort((rank, key))
        own = self.sets.select(["old", "sketch"]).take(pa.array(self._rows(rank[order])))
        columns = [pa.array(key[order]), pa.array(rank[order]), own["old"], own["sketch"]]
        members = pa.table(columns, schema=MEMBERS)
        links = pa.Table.from_batches(replace(buckets).links(members.to_batches()))
        links = links.filter(pc.is_valid(links["worse"])).select(PAIRS.names)
        return links.group_by(PAIRS.names).aggregate([])

    def keep(self, rows: pa.Table, others: pa.Table, on: Mapping[str, str]) -> pa.Table:
        """See `Tables`."""
        return rows.join(others, [*on], [*on.values()], "left semi")

    def drop(self, rows: pa.Table, others: pa.Table, on: Mapping[str, str]) -> pa.Table:
        """See `Tables`."""
        return rows.join(others, [*on], [*on.values()], "left anti")

    def union(self, rows: pa.Table, more: pa.Table) -> pa.Table:
        """See `Tables`."""
        return pa.concat_tables([rows, more])

    def is_empty(self, rows: pa.Table) -> bool:
        """See `Tables`."""
        return not len(rows)

    def elect(self, edges: pa.Table) -> pa.Table:
        """See `Tables`."""
        return elect(edges)

    def roots(self, edges: pa.Table) -> pa.Table:
        """See `Tables`."""
        worse, better = components(edges["better"].to_numpy(), edges["worse"].to_numpy())
        old = self.sets["old"].to_numpy()
        both_old = old[self._rows(better)] & old[self._rows(worse)]
        return pa.table([better[~both_old], worse[~both_old]], schema=PAIRS)

    def _rows(self, ranks: Ranks) -> Ranks:
        """Return the row of `sets` of each rank."""
        return np.searchsorted(self.sets["rank"].to_numpy(), ranks)

    def _shingles(self, row: int) -> npt.NDArray[np.uint64]:
        return np.frombuffer(self.sets["shingles"][row].as_buffer(), "<u8")

    def _bands_shared(self, *rows: int) -> int:
        one, other = (self.sets["band_keys"][row].as_py() for row in rows)
        return len(set(one) & set(other))
