"""Near duplicates, pairs: which documents of a bucket are compared.

A bucket is never turned into all its pairs. It is read once, best document first: its first documents that
are not alike lead it, and every other is compared with the leaders it is alike. Whether two may be alike
their sketches say, whose bits differ with probability (1 - J) / 2. So of a bucket whose documents share no
more than a boilerplate little is ever compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import comb

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.dedup.minhash import SKETCH_BITS

#: Chance that a pair exactly at the bound is taken for unlike (of pairs a little nearer, much less): 14 bands
#: of 8 rows miss one in twelve of those, and what is alike by less is compared in vain.
MISSED = 1e-3
#: Rows of a bucket, ordered by key and rank: 0 is the best document of all; `old` ones stay in any case.
MEMBERS = pa.schema(
    [
        pa.field("key", pa.int64()),
        pa.field("rank", pa.int64()),
        pa.field("old", pa.bool_()),
        pa.field("sketch", pa.int64()),
    ]
)
#: A pair to compare (better, worse); or, without `worse`, one of the best of a large bucket.
LINKS = pa.schema(
    [
        pa.field("better", pa.int64()),
        pa.field("worse", pa.int64()),
        pa.field("key", pa.int64()),
        pa.field("documents", pa.int64()),
    ]
)
_ROWS_AT_ONCE = 1 << 16

Numbers = npt.NDArray[np.int64]


def most_apart(jaccard: float, permutations: int) -> int:
    """Return in how many bits of their sketches two documents of at least this similarity differ at most.

    All but one in a thousand of them, that is. Few permutations tell little, and then everything is alike.

    >>> most_apart(0.8, 112), most_apart(0.8, 2), most_apart(1.0, 112)
    (15, 2, 0)
    """
    bits, chance = min(SKETCH_BITS, permutations), (1 - jaccard) / 2
    left, apart = 1.0, -1
    while left > MISSED and apart < bits:
        apart += 1
        left -= comb(bits, apart) * chance**apart * (1 - chance) ** (bits - apart)
    return apart


@dataclass(slots=True)
class Buckets:
    """Reads whole buckets, ordered by key and rank, in batches that may end anywhere.

    Attributes:
        leaders: how many documents of a bucket others are compared with.
        apart: how many bits the sketches of two that are compared may differ in (None: any number).
        named: the best of a large bucket that are named.
        hot: buckets of more documents are large.
        eager: the first documents lead even where they are alike.
    """

    leaders: int
    apart: int | None
    hot: int
    named: int = 3
    eager: bool = False
    _ahead: list[pa.Table] = field(default_factory=list)  # the leaders of the bucket that goes on
    _key: int | None = None
    _count: int = 0
    _best: list[int] = field(default_factory=list)

    def links(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield LINKS of MEMBERS rows.

        A leader is a document that is alike none of the leaders before it, while there is room. Two old
        documents are never alike: neither can be removed.
        """
        held: list[pa.RecordBatch] = []
        for batch in batches:
            held.append(batch.select(MEMBERS.names))
            if sum(len(each) for each in held) >= _ROWS_AT_ONCE:
                yield self._linked(pa.Table.from_batches(held))
                held = []
        if held:
            yield self._linked(pa.Table.from_batches(held))
        yield self._named(None)

    def _linked(self, rows: pa.Table) -> pa.RecordBatch:
        large = self._large(rows.column("key").to_numpy(), rows.column("rank").to_numpy())
        rows = pa.concat_tables([*self._ahead, rows])
        key = rows.column("key").to_numpy()
        shared = np.append(key[1:] == key[:-1], True)  # with the next row; the last bucket may go on
        shared[1:] |= key[1:] == key[:-1]
        rows = rows.filter(pa.array(shared))
        key, rank = rows.column("key").to_numpy(), rows.column("rank").to_numpy()
        known = sum(len(each) for each in self._ahead) if shared[0] else 0  # compared with each other before
        better, worse, leading = self._pairs(rows, _numbered(key), known)
        self._ahead = [rows.take(pa.array(leading[key[leading] == key[-1]]))]
        nothing = pa.nulls(len(better), pa.int64())
        links = pa.RecordBatch.from_arrays(
            [pa.array(rank[better]), pa.array(rank[worse]), nothing, nothing], schema=LINKS
        )
        return pa.concat_batches([links, *large])

    def _pairs(self, rows: pa.Table, bucket: Numbers, known: int) -> tuple[Numbers, Numbers, Numbers]:
        """Return the places of the better and the worse of each pair, and of all that lead, ascending."""
        old = rows.column("old").to_numpy()
        sketch = rows.column("sketch").to_numpy().view(np.uint64)
        places, free = np.arange(len(bucket)), np.ones(len(bucket), np.bool_)
        better, worse, leading = [], [], []
        for _ in range(self.leaders):
            unled = np.flatnonzero(free)
            firsts = unled[np.unique(bucket[unled], return_index=True)[1]]
            leader = np.full(bucket[-1] + 1, len(bucket))
            leader[bucket[firsts]] = firsts
            others = known + np.flatnonzero((leader[bucket] < places)[known:])
            mine = leader[bucket[others]]
            alike = ~(old[others] & old[mine])
            if self.apart is not None:
                alike &= np.bitwise_count(sketch[others] ^ sketch[mine]) <= self.apart
            free[firsts] = False
            if not self.eager:
                free[others[alike]] = False
            leading.append(firsts)
            better.append(mine[alike])
            worse.append(others[alike])
        return np.concatenate(better), np.concatenate(worse), np.sort(np.concatenate(leading))

    def _large(self, key: Numbers, rank: Numbers) -> list[pa.RecordBatch]:
        """Count the buckets; return the large ones that ended."""
        starts = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
        ends = np.append(starts[1:], len(key))
        ended = []
        large = np.flatnonzero(ends - starts > self.hot)
        for i in sorted({0, *large.tolist(), len(starts) - 1}):
            if key[starts[i]] != self._key:
                ended.append(self._named(int(key[starts[i]])))
            self._count += int(ends[i] - starts[i])
            self._best += rank[starts[i] : ends[i]][: self.named - len(self._best)].tolist()
        return ended

    def _named(self, following: int | None) -> pa.RecordBatch:
        """Return LINKS without `worse` of the bucket that ended, if it was large; the next one begins."""
        best = self._best if self._count > self.hot else []
        columns = [best, [None] * len(best), [self._key] * len(best), [self._count] * len(best)]
        self._key, self._count, self._best = following, 0, []
        return pa.RecordBatch.from_arrays([pa.array(each, pa.int64()) for each in columns], schema=LINKS)


def _numbered(key: Numbers) -> Numbers:
    """Return the number of each row's bucket, from 0."""
    return np.append(0, np.cumsum(key[1:] != key[:-1]))
