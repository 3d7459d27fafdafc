"""Near duplicates of few documents, decided in one process: what `curation.spark.dedup.near` does by joins.

Pairs are compared; those that no leader matched are compared among themselves; who stays is elected; and
what an election leaves alone is compared again. Same pairs, same sets, same answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curation.dedup.buckets import MEMBERS, Buckets
from curation.dedup.components import components
from curation.dedup.leaders import elect
from curation.dedup.verify import similarity

Pairs = npt.NDArray[np.int64]  # (n, 2): better, worse
EDGES = pa.schema(
    [
        pa.field("better", pa.int64()),
        pa.field("worse", pa.int64()),
        pa.field("jaccard", pa.float64()),
        pa.field("containment", pa.float64()),
        pa.field("bands_shared", pa.int32()),
    ]
)


@dataclass(slots=True)
class AtOnce:
    """Decides on the pairs of documents whose shingle sets are all here.

    Attributes:
        sets: rank, old, sketch, band_keys and shingles of every document that a pair names.
        jaccard, containment: what counts as near; a containment of None does not.
        rounds: how often what nobody matched is compared among itself, less one; and how often orphans are.
        buckets: how such documents are linked.
    """

    sets: pa.Table
    jaccard: float
    containment: float | None
    rounds: int
    buckets: Buckets
    _order: Pairs = field(init=False)

    def __post_init__(self) -> None:
        self.sets = self.sets.combine_chunks()
        self._order = np.argsort(self.sets["rank"].to_numpy())

    def decide(self, pairs: Pairs, transitive: bool) -> tuple[pa.Table, pa.Table]:
        """Return (pairs compared, each removed document with the one it is merged into), both EDGES."""
        compared = self._peeled(pairs)
        if transitive:
            return compared, self._chained(compared.filter(self._near(compared)))
        elected = self._elected(compared)
        for _ in range(self.rounds):
            more = self._compare(self._new(self._orphaned(compared, elected), compared))
            if not pc.any(self._near(more)).as_py():
                break
            compared = pa.concat_tables([compared, more])
            elected = self._elected(compared)
        return compared, elected

    def _near(self, compared: pa.Table) -> pa.ChunkedArray:
        near = pc.greater_equal(compared["jaccard"], self.jaccard)
        if self.containment is not None:
            near = pc.or_(near, pc.greater_equal(compared["containment"], self.containment))
        return pc.fill_null(near, False)

    def _peeled(self, pairs: Pairs) -> pa.Table:
        compared = last = self._compare(pairs)
        for _ in range(self.rounds - 1):
            matched = compared.filter(self._near(compared))["worse"]
            free = last.filter(pc.invert(pc.is_in(last["worse"], matched)))
            new = self._new(self._linked(free, self.buckets), compared)
            if not len(new):
                break
            last = self._compare(new)
            compared = pa.concat_tables([compared, last])
        return compared

    def _elected(self, compared: pa.Table) -> pa.Table:
        edges = compared.filter(self._near(compared))
        ends = np.concatenate([edges[side].to_numpy() for side in ("better", "worse")])
        elected = elect(edges, pa.array(np.unique(ends)))
        return elected.rename_columns({"id": "worse", "kept_id": "better"}).select(EDGES.names)

    def _chained(self, edges: pa.Table) -> pa.Table:
        """Return every document but the best of what hangs together, with that best; old ones stay."""
        worse, better = components(edges["better"].to_numpy(), edges["worse"].to_numpy())
        old = self.sets["old"].to_numpy()
        both = [old[self._places(side)] for side in (better, worse)]
        return self._compare(np.stack([better, worse], axis=1)[~(both[0] & both[1])], measure_all=True)

    def _orphaned(self, compared: pa.Table, elected: pa.Table) -> Pairs:
        """Return pairs of documents that were matched with one that is removed now."""
        worse, better = (pc.is_in(compared[side], elected["worse"]) for side in ("worse", "better"))
        kept = compared.filter(pc.and_(pc.invert(worse), better))
        met = pc.unique(kept.filter(self._near(kept))["better"])
        orphans = kept.filter(pc.is_in(kept["better"], met))
        return self._linked(orphans, replace(self.buckets, leaders=4 * self.rounds, eager=True))

    def _linked(self, compared: pa.Table, buckets: Buckets) -> Pairs:
        """Return the pairs to compare of worse documents that were compared with the same better one."""
        key, rank = compared["better"].to_numpy(), compared["worse"].to_numpy()
        order = np.lexsort((rank, key))
        own = self.sets.select(["old", "sketch"]).take(pa.array(self._places(rank[order])))
        columns = [pa.array(key[order]), pa.array(rank[order]), own["old"], own["sketch"]]
        members = pa.table(columns, schema=MEMBERS)
        links = pa.Table.from_batches(replace(buckets).links(members.to_batches()))
        links = links.filter(pc.is_valid(links["worse"]))
        return np.stack([links["better"].to_numpy(), links["worse"].to_numpy()], axis=1)

    def _new(self, pairs: Pairs, compared: pa.Table) -> Pairs:
        """Return the pairs that were not compared yet, each once."""
        known = set(zip(compared["better"].to_pylist(), compared["worse"].to_pylist(), strict=True))
        new = sorted({(better, worse) for better, worse in pairs.tolist()} - known)
        return np.array(new, np.int64).reshape(-1, 2)

    def _compare(self, pairs: Pairs, measure_all: bool = False) -> pa.Table:
        """Return EDGES: null where the sizes rule both bounds out, unless all are to be measured."""
        bounds = (0.0, None) if measure_all else (self.jaccard, self.containment)
        sides = [self._places(pairs[:, side]).tolist() for side in (0, 1)]
        measured = [
            (*similarity(self._shingles(one), self._shingles(other), *bounds), self._shared(one, other))
            for one, other in zip(*sides, strict=True)
        ]
        columns = [pairs[:, 0], pairs[:, 1], *(zip(*measured, strict=True) if measured else [()] * 3)]
        arrays = [pa.array(each, at.type) for each, at in zip(columns, EDGES, strict=True)]
        return pa.Table.from_arrays(arrays, schema=EDGES)

    def _shingles(self, place: int) -> npt.NDArray[np.uint64]:
        return np.frombuffer(self.sets["shingles"][place].as_buffer(), "<u8")

    def _shared(self, *places: int) -> int:
        one, other = (self.sets["band_keys"][place].as_py() for place in places)
        return len(set(one) & set(other))

    def _places(self, ranks: Pairs) -> Pairs:
        """Return where in `sets` each of some ranks is."""
        found: Pairs = self._order[np.searchsorted(self.sets["rank"].to_numpy(), ranks, sorter=self._order)]
        return found
