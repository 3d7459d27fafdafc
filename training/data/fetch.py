"""Remote shards as local files: fetched ahead of the plan, whole or not at all, and given up after their use.

A copy is written under another name, held against its size and hash, and renamed; so what has a shard's name
is that shard, whoever was killed on the way. What a killed process began is removed by the next one: who
writes a file holds it by `flock`, which ends with the process. A fetch is tried a few times, then it is an
error that names the object: nothing waits for ever. A server that takes requests and says nothing costs
`ATTEMPTS` times the read timeout and the waits between, 84 s.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import xxhash

from training.data.corpus import Shard, ShardError

ATTEMPTS = 4
BACKOFF_S = 0.5  # doubled after each attempt
CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 20  # without a byte
_THREADS = 4
_CHUNK_BYTES = 1 << 22


def open_store(url: str) -> tuple[Any, str]:
    """Return (file system, path in it): for S3 with time limits, and one request for each of our attempts.

    s3fs tries a read five times, inside of that each request five times, and botocore each of those again;
    from a server that says nothing an error came after an hour.
    """
    if not url.startswith("s3"):
        return fsspec.core.url_to_fs(url)  # type: ignore[no-any-return]
    limits = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "read_timeout": READ_TIMEOUT_S,
        "retries": {"total_max_attempts": 1},
    }
    filesystem, name = fsspec.core.url_to_fs(url, config_kwargs=limits)
    filesystem.retries = 1  # of this instance: no other is opened with these limits
    return filesystem, name


def fetch(shard: Shard) -> None:
    """Copy a remote shard to its local path.

    Raises:
        ShardError: the last of `ATTEMPTS` attempts failed, or there is no such object.
    """
    part = shard.path.with_name(f"{shard.path.name}.{os.getpid()}-{threading.get_ident()}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        for attempt in range(ATTEMPTS):
            try:
                if not (wrong := _copy(shard, part)):
                    return
            except FileNotFoundError:
                raise ShardError(
                    f"{shard.remote}: expected a shard of {shard.size_bytes} bytes, found no object"
                ) from None
            except Exception as error:  # noqa: BLE001 - stores raise their own kinds; the last is told whole
                wrong = _told(error)
            time.sleep(BACKOFF_S * 2**attempt if attempt + 1 < ATTEMPTS else 0)
    finally:
        part.unlink(missing_ok=True)
    raise ShardError(f"{shard.remote}: could not be fetched in {ATTEMPTS} attempts, the last: {wrong}")


def _told(error: BaseException) -> str:
    """Return an error of a store in words."""
    if isinstance(error, IndexError):  # s3fs's own, over the arguments that a time limit's error lacks
        error = error.__context__ or error
    if isinstance(error, TimeoutError):
        return f"no byte for {READ_TIMEOUT_S} s"
    return f"{type(error).__name__}: {error}"


def _copy(shard: Shard, part: Path) -> str:
    """Copy the object to `part` and give it its name; return what is wrong with the copy, or nothing."""
    filesystem, name = open_store(shard.remote)
    state, size = xxhash.xxh64(), 0
    with filesystem.open(name, "rb", cache_type="none") as source, part.open("wb") as copy:
        fcntl.flock(copy, fcntl.LOCK_EX)
        while size < shard.size_bytes and (chunk := source.read(min(_CHUNK_BYTES, shard.size_bytes - size))):
            state.update(chunk)
            size += len(chunk)
            copy.write(chunk)
        if size != shard.size_bytes:
            return f"expected {shard.size_bytes} bytes, found {size}"
        if state.hexdigest() != shard.xxh64:
            return f"expected xxh64 {shard.xxh64}, found {state.hexdigest()}"
        copy.flush()
        try:
            part.rename(shard.path)
        except FileNotFoundError:  # swept by another rank before it was held
            return f"{part} is gone"
    return ""


def sweep(folder: Path) -> None:
    """Remove what killed processes had begun to write in a folder of copies."""
    for part in folder.glob("*.part"):
        with contextlib.suppress(FileNotFoundError, BlockingIOError), part.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while its writer lives
            part.unlink()


class Cache:
    """The local copies of one rank: at most `limit_bytes` of them, unless a single shard is larger.

    `expect` begins to fetch what a later batch reads, where there is room; `need` waits for a shard, and
    makes room. Both count batches, so that a copy which no expected batch reads is known, and goes first.
    """

    def __init__(
        self, folders: Iterable[Path], limit_bytes: float, dropped: Callable[[Path], object]
    ) -> None:
        self._limit, self._dropped = limit_bytes, dropped
        for folder in folders:
            sweep(folder)
        self._pool: ThreadPoolExecutor | None = None
        self._pending: dict[Path, Future[None]] = {}
        self._held: dict[Path, int] = {}  # bytes of what is here or on its way
        self._last_use: dict[Path, int] = {}  # number of the last expected batch that reads it

    def expect(self, batch: int, now: int, shards: Iterable[Shard]) -> None:
        """Note that batch number `batch` reads these shards, while number `now` is the next to be read."""
        for shard in shards:
            self._last_use[shard.path] = batch
            if not self._is_here(shard) and self._room(shard, now, only_used=True):
                self._begin(shard)

    def need(self, now: int, shard: Shard) -> None:
        """Return when a shard is here; what changes it on disk after that is found by who reads it.

        Raises:
            ShardError: it cannot be fetched.
        """
        if not self._is_here(shard):
            self._room(shard, now, only_used=False)
            self._begin(shard)
        if shard.path in self._pending:
            try:
                self._pending.pop(shard.path).result()
            except ShardError:
                self._held.pop(shard.path)
                raise

    def drop(self, path: Path) -> None:
        """Give a copy up; the next need fetches it again."""
        self._held.pop(path, None)
        self._last_use.pop(path, None)
        self._dropped(path)
        path.unlink(missing_ok=True)

    def close(self) -> None:
        """Begin nothing more; what is under way ends by itself, within its time limits."""
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _is_here(self, shard: Shard) -> bool:
        if shard.path not in self._held and shard.path.exists():
            self._held[shard.path] = shard.size_bytes  # from a run before
        return shard.path in self._held

    def _begin(self, shard: Shard) -> None:
        self._pool = self._pool or ThreadPoolExecutor(_THREADS, thread_name_prefix="fetch")
        self._held[shard.path] = shard.size_bytes
        self._pending[shard.path] = self._pool.submit(fetch, shard)

    def _room(self, shard: Shard, now: int, *, only_used: bool) -> bool:
        """Give up copies, those read longest ago first, until there is room; tell whether there is."""
        spare = self._limit - sum(self._held.values()) - shard.size_bytes
        for path in sorted(self._held, key=lambda path: self._last_use.get(path, -1)) if spare < 0 else ():
            if spare >= 0 or (only_used and self._last_use.get(path, -1) >= now):
                break
            if path not in self._pending:
                spare += self._held[path]
                self.drop(path)
        return spare >= 0
