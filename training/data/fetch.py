"""Remote shards as local files, complete or not at all.

A copy is written under another name, checked against its size and hash, and renamed, so a file with a shard's
name is that shard. The writer of a copy locks it with `flock`, which ends with the process, so the next
process can remove what a killed one left.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path

import xxhash

from curation.files.remote import BadRead, StoreError, attempts, open_store
from training.data.corpus import ShardError, ShardFile

_CHUNK_BYTES = 1 << 22


def fetch(shard: ShardFile, is_cancelled: Callable[[], bool] = lambda: False) -> None:
    """Copy a remote shard to its local path, unless the fetch is cancelled.

    Raises:
        ShardError: every attempt failed, or there is no such object.
    """
    part = shard.path.with_name(f"{shard.path.name}.{os.getpid()}-{threading.get_ident()}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        attempts(shard.remote, lambda: None if is_cancelled() else _copy(shard, part, is_cancelled))
    except FileNotFoundError:
        raise ShardError(
            f"{shard.remote}: expected a shard of {shard.size_bytes} bytes, found no object"
        ) from None
    except StoreError as error:
        raise ShardError(str(error)) from None
    finally:
        part.unlink(missing_ok=True)


def _copy(shard: ShardFile, part: Path, is_cancelled: Callable[[], bool]) -> None:
    """Copy the object to `part`, check it, and rename it."""
    filesystem, name = open_store(shard.remote)
    state, size = xxhash.xxh64(), 0
    with filesystem.open(name, "rb", cache_type="none") as source, part.open("wb") as copy:
        fcntl.flock(copy, fcntl.LOCK_EX)
        while size < shard.size_bytes and (chunk := source.read(min(_CHUNK_BYTES, shard.size_bytes - size))):
            if is_cancelled():
                return
            state.update(chunk)
            size += len(chunk)
            copy.write(chunk)
        if size != shard.size_bytes:
            raise BadRead(f"expected {shard.size_bytes} bytes, found {size}")
        if state.hexdigest() != shard.xxh64:
            raise BadRead(f"expected xxh64 {shard.xxh64}, found {state.hexdigest()}")
        copy.flush()
        try:
            part.rename(shard.path)
        except FileNotFoundError:  # removed by another rank before it was locked
            raise BadRead(f"{part} is gone") from None


def sweep(folder: Path) -> None:
    """Remove the unfinished copies of killed processes from a folder."""
    for part in folder.glob("*.part"):
        with contextlib.suppress(FileNotFoundError, BlockingIOError), part.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while its writer lives
            part.unlink()
