"""The order in which the lanes of a source read its rows, a function of (seed, source, lane, epoch) alone."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


class PlanError(ValueError):
    """A plan that cannot be made, or may not be continued in this way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRows:
    """What a plan needs of a source: its name, the rows of each shard, and a digest of all of them."""

    name: str
    digest: str
    shard_rows: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Return the rows of all shards."""
        return sum(self.shard_rows)


def permutation(count: int, *names: str | int) -> Integers:
    """Return the numbers below `count` in an order that depends on `names` alone.

    It sorts raw Philox words, which numpy promises never to change, unlike `Generator.permutation`.
    """
    key = hashlib.blake2b("\x1f".join(map(str, names)).encode(), digest_size=16).digest()
    words = np.random.Philox(key=int.from_bytes(key, "little")).random_raw(count)
    order = np.argsort(words)  # faster than a stable sort, and the same unless a word occurs twice
    if not np.diff(words[order]).all():
        order = np.argsort(words, kind="stable")
    return order.astype(np.int64)


class Order:
    """The order in which each lane reads its own rows of one source, epoch after epoch."""

    def __init__(self, source: SourceRows, lanes: int, seed: int) -> None:
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

    def shards(self, lane: int) -> list[int]:
        """Return the shards that hold a lane's rows."""
        shards: list[int] = self._spans[lane][:, 0].tolist()
        return shards

    def stretch(self, lane: int, cursor: int) -> tuple[int, int, int, int, Integers]:
        """Return the piece of a shard that holds a lane's row number `cursor`, and its rows in reading order.

        That is (first cursor, cursor after the last, shard, epoch, rows). Each epoch has its own order.
        """
        epoch, offset = divmod(cursor, int(self.lane_rows[lane]))
        spans = self._spans[lane]
        order = permutation(len(spans), "epoch", self._seed, self._name, lane, epoch)
        ends = np.cumsum(spans[order, 2])
        position = int(np.searchsorted(ends, offset, side="right"))
        shard, first, count = (int(n) for n in spans[order[position]])
        within = permutation(count, "rows", self._seed, self._name, lane, epoch, shard)
        end = cursor - offset + int(ends[position])
        return end - count, end, shard, epoch, first + within


class Stretches:
    """The stretch that each lane of each source reads now, so that most rows cost only a look-up.

    The loader's thread and the page of a spike share it, hence the lock.
    """

    def __init__(self, orders: Sequence[Order], lanes: int) -> None:
        self._orders, self._lanes = orders, lanes
        self._bounds = np.zeros(
            (2, len(orders) * lanes), np.int64
        )  # first cursor, and the one after the last
        self._shard_and_epoch = np.zeros((2, len(orders) * lanes), np.int64)
        self._next = np.zeros(len(orders) * lanes, np.int64)  # the cursor after the last one located
        self._rows = [np.empty(0, np.int64)] * (len(orders) * lanes)
        self._lock = threading.Lock()

    def locate(self, sources: Integers, lanes: Integers, cursors: Integers) -> tuple[list[int], ...]:
        """Return (shards, rows, epochs) of the rows that some lanes of some sources have at `cursors`."""
        keys = sources * self._lanes + lanes
        with self._lock:
            first, after = self._bounds[:, keys]
            self._next[keys] = cursors + 1  # if a key occurs twice, numpy keeps the last
            outside = np.flatnonzero((cursors < first) | (cursors >= after)).tolist()
            shards, epochs = self._shard_and_epoch[:, keys].tolist()
            offsets = zip(keys.tolist(), (cursors - first).tolist(), strict=True)
            if not outside:
                return shards, [self._rows[key].item(offset) for key, offset in offsets], epochs
            rows = [
                self._rows[key].item(offset) if 0 <= offset < len(self._rows[key]) else -1
                for key, offset in offsets
            ]
            for index in outside:  # last, since they replace the stretches of others
                shards[index], rows[index], epochs[index] = self._enter(int(keys[index]), int(cursors[index]))
        return shards, rows, epochs

    def begun(self, lanes: Integers) -> set[tuple[int, int]]:
        """Return (source, shard) of the stretches that some lanes have begun and not finished."""
        keys = (np.arange(len(self._orders))[:, None] * self._lanes + lanes).ravel()
        with self._lock:
            keys = keys[self._next[keys] < self._bounds[1, keys]]
            shards = self._shard_and_epoch[0, keys].tolist()
        return set(zip((keys // self._lanes).tolist(), shards, strict=True))

    def _enter(self, key: int, cursor: int) -> tuple[int, int, int]:
        """Return (shard, row, epoch) of one row, after moving to its stretch."""
        if not self._bounds[0, key] <= cursor < self._bounds[1, key]:
            source, lane = divmod(key, self._lanes)
            first, after, shard, epoch, rows = self._orders[source].stretch(lane, cursor)
            self._bounds[:, key], self._shard_and_epoch[:, key], self._rows[key] = (
                (first, after),
                (shard, epoch),
                rows,
            )
        shard, epoch = self._shard_and_epoch[:, key].tolist()
        return shard, self._rows[key].item(cursor - int(self._bounds[0, key])), epoch


def rotations(first: int, last: int, seed: int) -> Integers:
    """Return a pseudo-random number below 2**62 for each step from `first` to `last` - 1.

    It is a counter through the finalizer of SplitMix64 (Steele et al. 2014), so each step stands alone.
    """
    key = int.from_bytes(hashlib.blake2b(f"rotations\x1f{seed}".encode(), digest_size=8).digest(), "little")
    words = (np.arange(first, last, dtype=np.uint64) + np.uint64(key)) * np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((words ^ (words >> np.uint64(31))) >> np.uint64(2)).astype(np.int64)


def _between(shards: Integers, sizes: Integers, starts: Integers, first: int, last: int) -> Integers:
    """Return (shard, first row, rows) of each piece of the shard sequence between rows `first` and `last`."""
    low = np.maximum(starts, first) - starts
    high = np.minimum(starts + sizes, last) - starts
    spans = np.stack([shards, low, high - low], axis=1)
    nonempty: Integers = spans[spans[:, 2] > 0]
    return nonempty
