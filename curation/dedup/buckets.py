"""Near duplicates, pairs: which documents of a bucket are compared.

A bucket is never turned into all its pairs. It is read once, best document first. The first documents that
are not alike lead the bucket, and every other document is compared with the leaders it is alike. Sketches
decide whether two documents may be alike: their bits differ with probability (1 - J) / 2. So little is
compared in a bucket whose documents have only a boilerplate in common.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import comb

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.dedup.minhash import SKETCH_BITS

#: Chance that a pair exactly at the bound is taken for unlike (much less for pairs a little more similar).
#: 14 bands of 8 rows miss one in twelve of those; a smaller chance would cost comparisons in vain.
MISSED = 1e-3
#: Rows of buckets, ordered by key and rank. Rank 0 is the best document of all; `old` documents always stay.
MEMBERS = pa.schema([("key", pa.int64()), ("rank", pa.int64()), ("old", pa.bool_()), ("sketch", pa.int64())])
#: A pair to compare (better, worse); or, where `worse` is null, one of the best documents of a large bucket.
LINKS = pa.schema([(name, pa.int64()) for name in ("better", "worse", "key", "documents")])
_ROWS_AT_ONCE = 1 << 16

Numbers = npt.NDArray[np.int64]


def most_apart(jaccard: float, permutations: int) -> int:
    """Return the most bits in which the sketches of two documents of at least this similarity differ.

    This holds for all but one pair in a thousand (`MISSED`). With few permutations a sketch says little, and
    then all documents are alike.

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
        leaders: how many documents lead a bucket, so that the others are compared with them.
        apart: in how many bits the sketches of a compared pair may differ (None: any number).
        hot: a bucket of more documents is large, and its best documents are reported.
        reported: how many of them.
        eager: the first documents lead even where they are alike.
    """

    leaders: int
    apart: int | None
    hot: int
    reported: int = 3
    eager: bool = False
    _leading: list[pa.Table] = field(default_factory=list)  # of a bucket that continues in the next batch
    _key: int | None = None
    _count: int = 0
    _best: list[int] = field(default_factory=list)
    _last: tuple[int, int] | None = None  # key and rank of the row before

    def links(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield LINKS of MEMBERS rows.

        A leader is a document that is alike none of the leaders before it, while there is room. Two old
        documents are never alike: neither can be removed.

        Raises:
            ValueError: the rows do not come ordered by key and rank.
        """
        held: list[pa.RecordBatch] = []
        for batch in batches:
            held.append(batch.select(MEMBERS.names))
            if sum(len(rows) for rows in held) >= _ROWS_AT_ONCE:
                yield self._linked(pa.Table.from_batches(held))
                held = []
        if held:
            yield self._linked(pa.Table.from_batches(held))
        yield self._reported(None)

    def _check_order(self, key: Numbers, rank: Numbers) -> None:
        """Raise ValueError where rows are not ordered: buckets in pieces would be as many small buckets."""
        if self._last:
            key, rank = np.append(self._last[0], key), np.append(self._last[1], rank)
        wrong = np.flatnonzero((key[1:] < key[:-1]) | ((key[1:] == key[:-1]) & (rank[1:] < rank[:-1])))
        if len(wrong):
            i = int(wrong[0])
            raise ValueError(
                f"members of buckets: found key {key[i + 1]}, rank {rank[i + 1]} after key {key[i]}, rank "
                f"{rank[i]}; expected ascending keys, and ascending ranks in each. The engine that runs this "
                "did not keep the order of sortWithinPartitions, and duplicates would be missed"
            )
        self._last = int(key[-1]), int(rank[-1])

    def _linked(self, rows: pa.Table) -> pa.RecordBatch:
        key, rank = rows.column("key").to_numpy(), rows.column("rank").to_numpy()
        self._check_order(key, rank)
        large = self._large(key, rank)
        rows = pa.concat_tables([*self._leading, rows])
        key = rows.column("key").to_numpy()
        shared = np.append(key[1:] == key[:-1], True)  # with the next row; the last bucket may continue
        shared[1:] |= key[1:] == key[:-1]
        rows = rows.filter(pa.array(shared))
        key, rank = rows.column("key").to_numpy(), rows.column("rank").to_numpy()
        # The leaders of a bucket that continues were compared with each other before.
        known = sum(len(leaders) for leaders in self._leading) if shared[0] else 0
        better, worse, leading = self._pairs(rows, _numbered(key), known)
        self._leading = [rows.take(pa.array(leading[key[leading] == key[-1]]))]
        nothing = pa.nulls(len(better), pa.int64())
        links = pa.RecordBatch.from_arrays(
            [pa.array(rank[better]), pa.array(rank[worse]), nothing, nothing], schema=LINKS
        )
        return pa.concat_batches([links, *large])

    def _pairs(self, rows: pa.Table, bucket: Numbers, known: int) -> tuple[Numbers, Numbers, Numbers]:
        """Return the rows of the better and the worse of each pair, and of all leaders in ascending order."""
        old = rows.column("old").to_numpy()
        sketch = rows.column("sketch").to_numpy().view(np.uint64)
        positions, free = np.arange(len(bucket)), np.ones(len(bucket), np.bool_)
        better, worse, leading = [], [], []
        for _ in range(self.leaders):
            candidates = np.flatnonzero(free)
            firsts = candidates[np.unique(bucket[candidates], return_index=True)[1]]
            leader = np.full(bucket[-1] + 1, len(bucket))
            leader[bucket[firsts]] = firsts
            others = known + np.flatnonzero((leader[bucket] < positions)[known:])
            theirs = leader[bucket[others]]
            alike = ~(old[others] & old[theirs])
            if self.apart is not None:
                alike &= np.bitwise_count(sketch[others] ^ sketch[theirs]) <= self.apart
            free[firsts] = False
            if not self.eager:
                free[others[alike]] = False
            leading.append(firsts)
            better.append(theirs[alike])
            worse.append(others[alike])
        return np.concatenate(better), np.concatenate(worse), np.sort(np.concatenate(leading))

    def _large(self, key: Numbers, rank: Numbers) -> list[pa.RecordBatch]:
        """Count the documents of each bucket; return the LINKS of large buckets that ended."""
        starts = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
        ends = np.append(starts[1:], len(key))
        ended = []
        large = np.flatnonzero(ends - starts > self.hot)
        for i in sorted({0, *large.tolist(), len(starts) - 1}):
            if key[starts[i]] != self._key:
                ended.append(self._reported(int(key[starts[i]])))
            self._count += int(ends[i] - starts[i])
            self._best += rank[starts[i] : ends[i]][: self.reported - len(self._best)].tolist()
        return ended

    def _reported(self, next_key: int | None) -> pa.RecordBatch:
        """End a bucket and begin the next; return LINKS without `worse` of the ended one if it was large."""
        best = self._best if self._count > self.hot else []
        columns = [best, [None] * len(best), [self._key] * len(best), [self._count] * len(best)]
        self._key, self._count, self._best = next_key, 0, []
        return pa.RecordBatch.from_arrays([pa.array(column, pa.int64()) for column in columns], schema=LINKS)


def _numbered(key: Numbers) -> Numbers:
    """Return the number of each row's bucket, counted from 0."""
    return np.append(0, np.cumsum(key[1:] != key[:-1]))
