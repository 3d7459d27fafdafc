"""Folders of tables that all processes of a host map into memory: made once, whole or not there.

A folder counts once its seal stands in it, which is written last and names each file with its size and hash.
What a host makes or fetches lies in a folder of the user's own among its temporary files, under a name that
says what went into it; one process makes it while the others wait. What nobody used for a day goes when the
next one is made: a process that still maps it keeps its bytes.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import fsspec
import xxhash
from fsspec.implementations.local import LocalFileSystem

from curation.files.digests import digest_file
from curation.files.whole import replacing_directory

SEAL = "seal.json"
_UNUSED_S = 24 * 3600
#: What stores call that which changes with a file's bytes, the best first; a server on the web may tell none.
_MARKS = "ETag", "etag", "mtime", "LastModified", "Last-Modified", "last_modified", "updated", "created"


class NotWhole(ValueError):
    """A folder of tables that lacks its seal, or holds something else than the seal says."""


@contextlib.contextmanager
def building(url: str) -> Iterator[Path]:
    """Yield an empty local folder to fill with files; then these stand at `url`, in any store, and count."""
    filesystem, name = fsspec.core.url_to_fs(url)
    if isinstance(filesystem, LocalFileSystem):
        shutil.rmtree(name, ignore_errors=True)
        Path(name).mkdir(parents=True)
        yield Path(name)
        _seal(Path(name))
        return
    with tempfile.TemporaryDirectory(prefix="curation-") as folder:
        yield Path(folder)
        _seal(Path(folder))
        filesystem.makedirs(name, exist_ok=True)
        for path in sorted(Path(folder).iterdir(), key=lambda file: (file.name == SEAL, file.name)):
            filesystem.put_file(str(path), f"{name}/{path.name}")


def opened(url: str) -> Path:
    """Return a local folder with the files that `building` left at `url`: a remote one's is this host's copy.

    Raises:
        NotWhole: they are not all there, or not as they were written.
    """
    filesystem, name = fsspec.core.url_to_fs(url)
    if isinstance(filesystem, LocalFileSystem):
        if wrong := damage(Path(name)):
            raise NotWhole(_message(url, wrong))
        return Path(name)
    try:
        seal: bytes = filesystem.cat_file(f"{name}/{SEAL}")
    except FileNotFoundError:
        raise NotWhole(_message(url, f"it has no {SEAL}")) from None

    def fetch(folder: Path) -> None:
        for file in json.loads(seal):
            filesystem.get_file(f"{name}/{file}", str(folder / file))
        if _listed(folder) != seal:
            raise NotWhole(_message(url, "what was copied from it has other bytes than its seal says"))

    return made(xxhash.xxh3_128_hexdigest(seal), fetch)


def made(name: str, make: Callable[[Path], None]) -> Path:
    """Return this host's folder `name`, which `make` fills where it is not whole yet.

    Args:
        name: of letters, digits and hyphens; says everything that the content hangs on.
        make: writes files into an empty folder. It may be killed: what it left does not count.
    """
    root = _root()
    target = root / name
    with _locked(root / f"{name}.lock"):
        if damage(target):
            with replacing_directory(target) as part:
                make(part)
                _seal(part)
            _sweep(root)
    return target


def mark(info: Mapping[str, Any]) -> str:
    """Return what of a store's facts changes when a file's bytes do; empty where it tells nothing such."""
    return next((str(info[key]) for key in _MARKS if info.get(key)), "")


def stamp(url: str) -> str:
    """Return what changes when a file's bytes do: its size and the store's mark, else a hash of the bytes."""
    filesystem, name = fsspec.core.url_to_fs(url)
    info = filesystem.info(name)
    version = mark(info)
    return f"{info['size']} {info.get('ino', '')} {version}" if version else digest_file(url)


def damage(folder: Path) -> str | None:
    """Return what says that a folder is not whole; None where it is. Sizes are looked at, not bytes."""
    try:
        files = json.loads((folder / SEAL).read_bytes())
        for name, (size_bytes, _) in files.items():
            held = (folder / name).stat().st_size
            if held != size_bytes:
                return f"its {name} has {held:,} bytes, not {size_bytes:,}"
    except FileNotFoundError as error:
        return f"it has no {Path(error.filename).name}"
    except ValueError:
        return f"its {SEAL} is cut short"
    return None


def _message(url: str, wrong: str) -> str:
    why = "another run removed them, or a disk was full"
    return f"{url}: these tables are not whole: {wrong}. Run again: {why}"


def _root() -> Path:
    """Return this user's folder among the host's temporary files."""
    root = Path(tempfile.gettempdir(), f"curation-{os.getuid()}")
    root.mkdir(mode=0o700, exist_ok=True)
    if root.is_symlink() or root.stat().st_uid != os.getuid():
        raise PermissionError(f"{root}: belongs to another user; name another folder by TMPDIR")
    return root


def _seal(folder: Path) -> None:
    """Make a folder count; its bytes are on the disk before its seal is."""
    seal = _listed(folder)
    for path in folder.iterdir():
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
    with (folder / SEAL).open("wb") as stream:
        stream.write(seal)
        stream.flush()
        os.fsync(stream.fileno())


def _listed(folder: Path) -> bytes:
    """Return the seal of what lies in a folder: name -> (bytes, hash), the same for the same files."""
    files = {path.name: (path.stat().st_size, digest_file(str(path))) for path in sorted(folder.iterdir())}
    return json.dumps(files).encode()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock, which ends with the process that has it."""
    while True:
        with path.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _stands(path, lock):
                os.utime(path)  # when it was last used
                yield
                return  # else it was swept while this process waited for it


def _stands(path: Path, lock: IO[Any]) -> bool:
    """Return whether a lock that is held is the one at a path still."""
    return path.exists() and os.path.samestat(path.stat(), os.fstat(lock.fileno()))


def _sweep(root: Path) -> None:
    """Remove the folders that no process used for a day, with their locks."""
    for path in root.glob("*.lock"):
        with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # its age tells nothing before it is held
            if _stands(path, lock) and time.time() - os.fstat(lock.fileno()).st_mtime >= _UNUSED_S:
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                shutil.rmtree(path.with_suffix(".part"), ignore_errors=True)
                path.unlink()
