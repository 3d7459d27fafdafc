"""Lists of hosts and addresses, compiled once a host to sorted hashes that every worker maps into memory.

A list is a file of one entry a line, packed (.gz) or not, or a folder: of files called `domains` and `urls`
(as those of the University of Toulouse, also in folders below), else all its files. An entry is a host, an
address, a line of a hosts file (`0.0.0.0 host`) or `||host^`; what follows `#` is a comment. Hashes have 64
bits: 4.5 million entries take 40 MB, shared by all processes; two collide with one chance in a million.
"""

from __future__ import annotations

import bisect
import functools
import gzip
import ipaddress
import re
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import fsspec
import numpy as np
import xxhash

from curation.files import mapped
from curation.text.address import LONGEST_HOST, split_url

_NAMED = ("domains", "urls")
_LONGEST_PATH, _MOST_PARTS = 4096, 32  # of which parts are looked up
_PER_BUCKET_BITS = 3  # eight hashes or fewer between two entries of the table, on average
_LAYOUT = 3  # of a compiled list; raised when it changes


class BadList(ValueError):
    """A list that is none, or has a line that is no entry."""


def files(path: str) -> list[str]:
    """Return the files that a list or a folder of lists is made of, sorted."""
    filesystem, name = fsspec.core.url_to_fs(path)
    if not filesystem.isdir(name):
        return [path]
    found = [str(each) for each in filesystem.find(name) if not each.rpartition("/")[2].startswith(".")]
    named = [each for each in found if each.rpartition("/")[2].removesuffix(".gz") in _NAMED]
    return sorted(path.rstrip("/") + each[len(name.rstrip("/")) :] for each in named or found)


def entries(path: str) -> Iterator[tuple[int, str]]:
    """Yield (line, entry) of one file, as `host` or `host/path`.

    Raises:
        BadList: a line is no entry.
    """
    with fsspec.open(path, "rb") as stream:
        lines = gzip.GzipFile(fileobj=stream) if path.endswith(".gz") else stream
        for number, line in enumerate(lines, 1):
            if _PLAIN.fullmatch(line):
                yield number, line.strip().decode()
                continue
            text = line.decode("utf-8", "replace").strip().lstrip("\ufeff")
            if not text or text[0] in "#!;":
                continue
            parts = text.partition(" #")[0].split()
            if len(parts) == 2 and _is_ip(parts[0]):  # a hosts file
                parts = parts[1:]
            if len(parts) != 1 or not text.isprintable():
                raise BadList(
                    f"'{path}', line {number}: '{text[:60]}' is no host or address; expected one a line"
                )
            host, rest = split_url(parts[0].removeprefix("||").removesuffix("^").removeprefix("*."))
            if host:
                yield number, f"{host.removeprefix('www.')}/{rest}".rstrip("/") if rest else host


_PLAIN = re.compile(rb"[a-z0-9][a-z0-9.-]*[a-z0-9]\r?\n?")  # nearly every line, and as it should be


def _is_ip(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


class Blocklist:
    """A compiled list; `in` takes an entry's text, and `host/` where entries of that host have a path.

    Attributes:
        paths: whether any entry has.
    """

    def __init__(self, path: Path) -> None:
        words = np.memmap(path, np.uint64, "r")
        bits, self.paths = int(words[0]), bool(words[1])
        self._shift = 64 - bits
        # Items of a memoryview come as Python's own numbers, at a tenth of what numpy's take.
        self._table = memoryview(words.data)[2 : 2 + _table_words(bits)].cast("B").cast("I")
        self._hashes = memoryview(words.data)[2 + _table_words(bits) :]

    def __len__(self) -> int:
        return len(self._hashes)

    def __contains__(self, entry: str) -> bool:
        wanted = xxhash.xxh3_64_intdigest(entry.encode("utf-8", "replace"))
        bucket = wanted >> self._shift
        end = self._table[bucket + 1]
        place = bisect.bisect_left(self._hashes, wanted, self._table[bucket], end)
        return place < end and self._hashes[place] == wanted


def _table_words(bits: int) -> int:
    """64-bit words of a table with a 32-bit place for each start of a hash, and the end."""
    return ((1 << bits) + 2) // 2


def compiled(paths: Sequence[str]) -> Blocklist:
    """Return the list of several files and folders, compiled where this host has not done it yet.

    What the host keeps is named by the files, their sizes and what else changes when their bytes do.
    """
    known = [each for path in paths for each in files(path)]
    stamps = "\n".join(f"{each} {mapped.stamp(each)}" for each in known)
    name = f"list-{_LAYOUT}-{xxhash.xxh3_128_hexdigest(stamps.encode())}"
    return Blocklist(mapped.made(name, lambda folder: _compile(known, folder / _FILE)) / _FILE)


_FILE = "hashes.u64"


def _compile(paths: Sequence[str], out: Path) -> None:
    found, with_paths = array("Q"), False
    for path in paths:
        for _, entry in entries(path):
            found.append(xxhash.xxh3_64_intdigest(entry.encode("utf-8", "replace")))
            if "/" in entry:
                with_paths = True
                host = entry[: entry.index("/") + 1]
                found.append(xxhash.xxh3_64_intdigest(host.encode("utf-8", "replace")))
    hashes = np.unique(np.frombuffer(found, np.uint64)) if found else np.empty(0, np.uint64)
    bits = max(1, len(hashes).bit_length() - _PER_BUCKET_BITS)
    starts = np.arange((1 << bits), dtype=np.uint64) << np.uint64(64 - bits)
    table = np.zeros(2 * _table_words(bits), np.uint32)
    table[: 1 << bits] = np.searchsorted(hashes, starts)
    table[1 << bits :] = len(hashes)
    head = np.array([bits, with_paths], np.uint64)
    np.concatenate([head, table.view(np.uint64), hashes]).tofile(out)


@functools.lru_cache(maxsize=16)
def load(paths: tuple[str, ...]) -> Blocklist:
    """Return the compiled list of some files and folders, once a process."""
    return compiled(paths)


def suffixes(host: str) -> Iterator[str]:
    """Yield a host and every domain above it, the longest first.

    >>> list(suffixes("a.b.org"))
    ['a.b.org', 'b.org', 'org']
    """
    host = host[-LONGEST_HOST:]
    yield host
    while (dot := host.find(".")) >= 0:
        host = host[dot + 1 :]
        yield host


def below(host: str, path: str) -> Iterator[str]:
    """Yield what an entry of a host with a path may be called, the longest first.

    >>> list(below("a.org", "b/c?d"))
    ['a.org/b/c?d', 'a.org/b/c', 'a.org/b']
    """
    ends = [place for place, character in enumerate(path[:_LONGEST_PATH]) if character in "/?#"][:_MOST_PARTS]
    for end in (len(path), *reversed(ends)):
        yield f"{host}/{path[:end]}".rstrip("/")


def damage(path: str) -> str | None:
    """Return what is wrong with a list or a folder of lists, read to the end; None where nothing is."""
    found = files(path)
    if not found:
        return f"'{path}' is a folder without lists"
    try:
        if not sum(1 for each in found for _ in entries(each)):
            return f"'{path}' has no entries"
    except BadList as error:
        return str(error)
    except (OSError, EOFError) as error:
        return f"'{path}' cannot be read, or is cut short: {error}"
    return None
