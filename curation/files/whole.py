"""Files and directories that are whole or not there: written under another name beside it, then renamed."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

_ABANDONED_S = 3600.0


def write_whole(path: str | Path, data: bytes) -> None:
    """Write a file at a path or URL; its folder must exist, and a file that is there is replaced.

    A local file is written aside and renamed. Elsewhere it is one put: object stores show only whole files.
    What killed writers of the same file left an hour ago or earlier is removed.
    """
    filesystem, name = fsspec.core.url_to_fs(str(path))
    if isinstance(filesystem, LocalFileSystem):
        with replacing(name) as part:
            part.write_bytes(data)
        _sweep(Path(name))
    else:
        filesystem.pipe_file(name, data)


def _sweep(final: Path) -> None:
    for part in final.parent.glob(f".{glob.escape(final.name)}.*.part"):
        with contextlib.suppress(FileNotFoundError):  # another process sweeps too
            if part.stat().st_mtime < time.time() - _ABANDONED_S:
                part.unlink()


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a path to write a local file to, which gets the name `path` at the end; an error leaves nothing.

    The name is new each time, so several processes may write the same file at once: the last one stays. It
    begins with a dot, so Spark and Arrow pass over what a killed process left.
    """
    final = Path(path)
    part = final.with_name(f".{final.name}.{uuid.uuid4().hex}.part")
    try:
        yield part
        os.replace(part, final)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_directory(path: str | Path) -> Iterator[Path]:
    """Yield an empty local directory to fill, which replaces `path` at the end; an error leaves nothing.

    Only one process at a time may do so: it removes what a killed one left.
    """
    final = Path(path)
    part = final.with_name(f"{final.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        shutil.rmtree(final, ignore_errors=True)
        part.rename(final)
    finally:
        shutil.rmtree(part, ignore_errors=True)
