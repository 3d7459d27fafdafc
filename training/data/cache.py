"""The local copies of remote shards: fetched ahead of the plan, under a limit, given up after their use.

The limit is a node's. Its ranks share a folder and divide the limit evenly, and each counts and gives up only
its own part: the shards that its lanes read (those at the cut between two ranks are counted by both), and the
first rank of the node whatever else lies there, left by runs of other shards.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Set
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from training.data.corpus import Shard, ShardError
from training.data.fetch import fetch, sweep

_THREADS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One rank's part of the copies of a node.

    Attributes:
        mine: copies of the shards that this rank ever reads.
        others: those that other ranks of the node read.
        is_first: whether it counts what none of them reads.
        ranks: how many share the node's limit.
        begun: what the plan is in the midst of: begun, with rows left that this epoch will read.
    """

    mine: frozenset[Path] = frozenset()
    others: frozenset[Path] = frozenset()
    is_first: bool = True
    ranks: int = 1
    begun: Callable[[], Set[Path]] = frozenset

    def counts(self, path: Path) -> bool:
        """Tell whether a copy that lies there already is this rank's to count, and to give up."""
        return path in self.mine or (self.is_first and path not in self.others)


def _left(folder: Path) -> Iterator[Path]:
    """Yield the copies in a folder, FINGERPRINT/STREAM/shard.N.mds; swept of what killed processes began.

    Never a published shard, should someone name a folder that holds those.
    """
    for stream in folder.glob("*/*/"):
        if not ((stream.parent / "manifest.json").exists() or (stream / "index.json").exists()):
            sweep(stream)
            yield from stream.glob("shard.*.mds")


class Cache:
    """One rank's copies: at most its share of the limit, unless a single shard is larger.

    `expect` begins to fetch what a later batch reads, where there is room; `need` waits for a shard, and
    makes room. Both count batches, so that it is known which copies the next ones read.
    """

    def __init__(
        self, folder: Path, limit_bytes: float, share: Share, dropped: Callable[[Path], object]
    ) -> None:
        self._limit, self._share, self._dropped = limit_bytes / share.ranks, share, dropped
        self._pool: ThreadPoolExecutor | None = None
        self._closed = threading.Event()
        self._pending: dict[Path, Future[None]] = {}
        self._uses: dict[Path, deque[int]] = {}  # the batches to come that read it, or the last that did
        self._wanted: dict[Path, Shard] = {}  # to be fetched ahead once there is room, the next first
        self._held: dict[Path, int] = {}  # bytes of what is here or on its way
        for path in filter(share.counts, _left(folder)):
            with suppress(FileNotFoundError):  # given up by the other rank that counts it
                self._held[path] = path.stat().st_size

    def expect(self, batch: int, now: int, shards: Iterable[Shard]) -> None:
        """Note that batch number `batch` reads these shards, while number `now` is the next to be read."""
        for shard in shards:
            self._use(shard.path, now)
            self._uses.setdefault(shard.path, deque()).append(batch)
            self._wanted.setdefault(shard.path, shard)
        for shard in list(self._wanted.values()):
            if not self._is_here(shard):
                if not self._room(shard.size_bytes, now, ahead=True):
                    return
                self._begin(shard)
            del self._wanted[shard.path]

    def need(self, now: int, shard: Shard) -> None:
        """Return when a shard is here; what changes it on disk after that is found by who reads it.

        Raises:
            ShardError: it cannot be fetched.
        """
        here = self._is_here(shard)
        self._wanted.pop(shard.path, None)
        self._room(0 if here else shard.size_bytes, now, ahead=False, but=shard.path)
        if not here:
            self._begin(shard)
        if shard.path in self._pending:
            try:
                self._pending.pop(shard.path).result()
            except ShardError:
                self._held.pop(shard.path)
                raise

    def drop(self, path: Path) -> None:
        """Give a copy up; the next need fetches it again."""
        if (future := self._pending.pop(path, None)) and not future.cancel():
            wait([future])
        self._held.pop(path, None)
        self._dropped(path)
        path.unlink(missing_ok=True)

    def close(self) -> None:
        """Begin nothing more; what is under way gives up, within its time limits."""
        self._closed.set()
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _is_here(self, shard: Shard) -> bool:
        if shard.path not in self._held and shard.path.exists():
            self._held[shard.path] = shard.size_bytes  # fetched by another rank
        return shard.path in self._held

    def _begin(self, shard: Shard) -> None:
        self._pool = self._pool or ThreadPoolExecutor(_THREADS, thread_name_prefix="fetch")
        self._held[shard.path] = shard.size_bytes
        self._pending[shard.path] = self._pool.submit(fetch, shard, self._closed.is_set)

    def _room(self, size: int, now: int, *, ahead: bool, but: Path | None = None) -> bool:
        """Give up copies until there is room, to fetch `ahead` none in use; tell whether there is.

        First goes what the plan is done with, then what it has not begun, then what it is in the midst of,
        each by its latest use; last what the next batches read, the farthest first.
        """
        spare = self._limit - sum(self._held.values()) - size
        if spare >= 0:
            return True
        begun, order = self._share.begun(), list[tuple[int, int, Path]]()
        for path in self._held.keys() - {but}:
            if (use := self._use(path, now)) >= now:
                order.append((3, -use, path))
            elif path in begun:
                order.append((2, use, path))
            else:
                order.append((1 if use < 0 and path in self._share.mine else 0, use, path))
        for kind, _, path in sorted(order):
            if spare >= 0 or (ahead and kind > 1):
                break
            spare += self._held[path]
            self.drop(path)
        return spare >= 0

    def _use(self, path: Path, now: int) -> int:
        """Return the first batch from `now` on that is known to read a copy, or the last before, or -1."""
        uses = self._uses.get(path)
        while uses and len(uses) > 1 and uses[0] < now:
            uses.popleft()
        return uses[0] if uses else -1
