"""Local copies of remote shards: fetched ahead of the plan, under a limit, evicted after use.

The limit is a node's. Its ranks share a folder and divide the limit evenly. Each counts and evicts only its
own share: the shards that its lanes read (two ranks both count a shard that is cut between them), and on the
first rank of the node also whatever other runs left there.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Set
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from training.data.corpus import ShardError, ShardFile
from training.data.fetch import fetch, sweep

_THREADS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheShare:
    """One rank's share of the copies on a node.

    Attributes:
        mine: copies of the shards that this rank ever reads.
        others: copies that other ranks of the node read.
        is_first: whether this rank also counts copies that none of them reads.
        ranks: how many ranks share the node's limit.
        begun: returns the copies of shards that are read in part, with rows left in this epoch.
    """

    mine: frozenset[Path] = frozenset()
    others: frozenset[Path] = frozenset()
    is_first: bool = True
    ranks: int = 1
    begun: Callable[[], Set[Path]] = frozenset

    def counts(self, path: Path) -> bool:
        """Return whether an existing copy is this rank's to count and to evict."""
        return path in self.mine or (self.is_first and path not in self.others)


def _existing(folder: Path) -> Iterator[Path]:
    """Yield the copies in a folder, FINGERPRINT/STREAM/shard.N.mds, after removing unfinished ones.

    Published shards are never touched, even if the folder holds some.
    """
    for stream in folder.glob("*/*/"):
        if not ((stream.parent / "manifest.json").exists() or (stream / "index.json").exists()):
            sweep(stream)
            yield from stream.glob("shard.*.mds")


class Cache:
    """One rank's copies, within its share of the limit unless a single shard is larger.

    `expect` begins to fetch what a later batch reads, if there is room; `need` makes room and waits for a
    shard. Both are given batch numbers, so the cache knows which copies the next batches read.
    """

    def __init__(
        self, folder: Path, limit_bytes: float, share: CacheShare, on_evict: Callable[[Path], object]
    ) -> None:
        self._limit, self._share, self._on_evict = limit_bytes / share.ranks, share, on_evict
        self._pool: ThreadPoolExecutor | None = None
        self._closed = threading.Event()
        self._pending: dict[Path, Future[None]] = {}
        self._uses: dict[Path, deque[int]] = {}  # the coming batches that read it, or the last that did
        self._wanted: dict[Path, ShardFile] = {}  # to be fetched once there is room, the next first
        self._sizes: dict[Path, int] = {}  # bytes of each copy that is here or being fetched
        for path in filter(share.counts, _existing(folder)):
            with suppress(FileNotFoundError):  # evicted by the other rank that counts it
                self._sizes[path] = path.stat().st_size

    def expect(self, batch: int, now: int, shards: Iterable[ShardFile]) -> None:
        """Note that batch `batch` reads these shards; `now` is the number of the next batch to be read."""
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

    def need(self, now: int, shard: ShardFile) -> None:
        """Wait until a shard is here. Its reader detects later changes on disk.

        Raises:
            ShardError: it cannot be fetched.
        """
        here = self._is_here(shard)
        self._wanted.pop(shard.path, None)
        self._room(0 if here else shard.size_bytes, now, ahead=False, keep=shard.path)
        if not here:
            self._begin(shard)
        if shard.path in self._pending:
            try:
                self._pending.pop(shard.path).result()
            except ShardError:
                self._sizes.pop(shard.path)
                raise

    def evict(self, path: Path) -> None:
        """Evict a copy; the next `need` fetches it again."""
        if (future := self._pending.pop(path, None)) and not future.cancel():
            wait([future])
        self._sizes.pop(path, None)
        self._on_evict(path)
        path.unlink(missing_ok=True)

    def close(self) -> None:
        """Begin no more fetches; those under way stop within their time limits."""
        self._closed.set()
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _is_here(self, shard: ShardFile) -> bool:
        if shard.path not in self._sizes and shard.path.exists():
            self._sizes[shard.path] = shard.size_bytes  # fetched by another rank
        return shard.path in self._sizes

    def _begin(self, shard: ShardFile) -> None:
        self._pool = self._pool or ThreadPoolExecutor(_THREADS, thread_name_prefix="fetch")
        self._sizes[shard.path] = shard.size_bytes
        self._pending[shard.path] = self._pool.submit(fetch, shard, self._closed.is_set)

    def _room(self, size: int, now: int, *, ahead: bool, keep: Path | None = None) -> bool:
        """Evict copies until there is room, but none in use to fetch `ahead`; return whether there is room.

        Shards that the plan has finished go first, then those it has not begun, then those it has begun, each
        by latest use; last go those that the next batches read, the farthest first.
        """
        spare = self._limit - sum(self._sizes.values()) - size
        if spare >= 0:
            return True
        begun, candidates = self._share.begun(), list[tuple[int, int, Path]]()
        for path in self._sizes.keys() - {keep}:
            if (use := self._use(path, now)) >= now:
                candidates.append((3, -use, path))
            elif path in begun:
                candidates.append((2, use, path))
            else:
                candidates.append((1 if use < 0 and path in self._share.mine else 0, use, path))
        for kind, _, path in sorted(candidates):
            if spare >= 0 or (ahead and kind > 1):
                break
            spare += self._sizes[path]
            self.evict(path)
        return spare >= 0

    def _use(self, path: Path, now: int) -> int:
        """Return the first known batch from `now` on that reads a copy, else the last before it, else -1."""
        uses = self._uses.get(path)
        while uses and len(uses) > 1 and uses[0] < now:
            uses.popleft()
        return uses[0] if uses else -1
