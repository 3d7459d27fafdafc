"""The order in which the lanes of a source read its rows; decided by (seed, source, lane, epoch) alone."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SPAN_CACHE = 4  # permutations kept for each lane of a source

Integers = NDArray[np.int64]


class PlanError(ValueError):
    """A plan that cannot be made, or may not be continued, as asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The rows of a named corpus: how many each shard holds, and a digest of all of them."""

    name: str
    digest: str
    shard_rows: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Return the rows of all shards."""
        return sum(self.shard_rows)


def permutation(count: int, *names: str | int) -> Integers:
    """Return the numbers below `count` in an order decided by `names` alone.

    It sorts raw Philox words, which numpy promises never to change (it makes no such promise for
    `Generator.permutation`).
    """
    key = hashlib.blake2b("\x1f".join(map(str, names)).encode(), digest_size=16).digest()
    words = np.random.Philox(key=int.from_bytes(key, "little")).random_raw(count)
    return np.argsort(words, kind="stable").astype(np.int64)


class Order:
    """The order in which each lane reads its own rows of one source, epoch after epoch."""

    def __init__(self, source: Source, lanes: int, seed: int) -> None:
        if source.rows < lanes:
            raise PlanError(
                f"source '{source.name}' has {source.rows} rows for {lanes} lanes; each lane needs one: "
                "use fewer lanes or more data"
            )
        self._name, self._seed = source.name, seed
        shards = permutation(len(source.shard_rows), "shards", seed, source.name)
        sizes = np.array(source.shard_rows, np.int64)[shards]
        starts = np.cumsum(sizes) - sizes
        cuts = [source.rows * lane // lanes for lane in range(lanes + 1)]
        self._spans = [_between(shards, sizes, starts, a, b) for a, b in itertools.pairwise(cuts)]
        self.lane_rows = np.diff(np.array(cuts, np.int64))
        self._epochs: dict[int, tuple[int, Integers, Integers]] = {}
        self._spans_seen: dict[tuple[int, int, int], Integers] = {}

    def locate(self, lane: int, cursor: int) -> tuple[int, int, int]:
        """Return (shard, row, epoch) of a lane's row number `cursor`; each epoch has its own order."""
        epoch, place = divmod(cursor, int(self.lane_rows[lane]))
        if lane not in self._epochs or self._epochs[lane][0] != epoch:
            order = permutation(len(self._spans[lane]), "epoch", self._seed, self._name, lane, epoch)
            self._epochs[lane] = (epoch, order, np.cumsum(self._spans[lane][order, 2]))
        _, order, ends = self._epochs[lane]
        position = int(np.searchsorted(ends, place, side="right"))
        shard, first, count = (int(n) for n in self._spans[lane][order[position]])
        within = self._rows(lane, epoch, shard, count)
        return shard, first + int(within[place - (int(ends[position]) - count)]), epoch

    def _rows(self, lane: int, epoch: int, shard: int, count: int) -> Integers:
        key = (lane, epoch, shard)
        if key not in self._spans_seen:
            if len(self._spans_seen) >= _SPAN_CACHE * len(self._spans):
                del self._spans_seen[next(iter(self._spans_seen))]
            self._spans_seen[key] = permutation(count, "rows", self._seed, self._name, *key)
        return self._spans_seen[key]


def _between(shards: Integers, sizes: Integers, starts: Integers, first: int, last: int) -> Integers:
    """Return (shard, first row, rows) of each piece of the shard sequence between rows `first` and `last`."""
    low = np.maximum(starts, first) - starts
    high = np.minimum(starts + sizes, last) - starts
    spans = np.stack([shards, low, high - low], axis=1)
    whole: Integers = spans[spans[:, 2] > 0]
    return whole
