"""Remote shards as local files, whole or not at all.

A copy is written under another name, held against its size and hash, and renamed; so what has a shard's name
is that shard, whoever was killed on the way. What a killed process began is removed by the next one: who
writes a file holds it by `flock`, which ends with the process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path

import xxhash

from curation.files.remote import Broken, StoreError, attempts, open_store
from training.data.corpus import Shard, ShardError

_CHUNK_BYTES = 1 << 22


def fetch(shard: Shard, is_given_up: Callable[[], bool] = lambda: False) -> None:
    """Copy a remote shard to its local path, unless it is given up before it is there.

    Raises:
        ShardError: every attempt failed, or there is no such object.
    """
    part = shard.path.with_name(f"{shard.path.name}.{os.getpid()}-{threading.get_ident()}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        attempts(shard.remote, lambda: None if is_given_up() else _copy(shard, part, is_given_up))
    except FileNotFoundError:
        raise ShardError(
            f"{shard.remote}: expected a shard of {shard.size_bytes} bytes, found no object"
        ) from None
    except StoreError as error:
        raise ShardError(str(error)) from None
    finally:
        part.unlink(missing_ok=True)


def _copy(shard: Shard, part: Path, is_given_up: Callable[[], bool]) -> None:
    """Copy the object to `part` and give it its name, if the copy is the shard."""
    filesystem, name = open_store(shard.remote)
    state, size = xxhash.xxh64(), 0
    with filesystem.open(name, "rb", cache_type="none") as source, part.open("wb") as copy:
        fcntl.flock(copy, fcntl.LOCK_EX)
        while size < shard.size_bytes and (chunk := source.read(min(_CHUNK_BYTES, shard.size_bytes - size))):
            if is_given_up():
                return
            state.update(chunk)
            size += len(chunk)
            copy.write(chunk)
        if size != shard.size_bytes:
            raise Broken(f"expected {shard.size_bytes} bytes, found {size}")
        if state.hexdigest() != shard.xxh64:
            raise Broken(f"expected xxh64 {shard.xxh64}, found {state.hexdigest()}")
        copy.flush()
        try:
            part.rename(shard.path)
        except FileNotFoundError:  # swept by another rank before it was held
            raise Broken(f"{part} is gone") from None


def sweep(folder: Path) -> None:
    """Remove what killed processes had begun to write in a folder of copies."""
    for part in folder.glob("*.part"):
        with contextlib.suppress(FileNotFoundError, BlockingIOError), part.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while its writer lives
            part.unlink()
