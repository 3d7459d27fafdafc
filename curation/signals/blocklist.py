"""Block lists of hosts and URLs, compiled once per machine to sorted hashes that workers map into memory.

A list is a file with one entry per line, compressed or not, or a folder. If a folder has files called
`domains` or `urls`, in any subfolder (like the lists of the University of Toulouse), only those are read,
else all files. An entry is a host, a URL, a line of a hosts file (`0.0.0.0 host`) or `||host^`; `#` begins a
comment. An entry with a path stands for that path and all below it (`host/a` for `host/a/b` and `host/a?b`,
not for `host/ab`). A line that is none of these is left out, and `curate check` and the run say how many are,
and which. Hashes have 64 bits: 4.5 million entries take 40 MB, shared by all processes, and the chance that
any two collide is one in a million.
"""

from __future__ import annotations

import bisect
import functools
import ipaddress
import re
from array import array
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import fsspec
import numpy as np
import xxhash

from curation.files import mapped
from curation.files.compression import plain_name
from curation.files.packed_file import open_unpacked
from curation.text.address import LONGEST_HOST, split_url

_LIST_NAMES = ("domains", "urls")
_LONGEST_PATH, _MAX_PREFIXES = 4096, 32  # characters of a path; prefixes of it that are looked up
_PER_BUCKET_BITS = 3  # at most eight hashes per bucket on average
_LAYOUT = 5  # version of the compiled format


def files(path: str) -> list[str]:
    """Return the sorted files of a list or of a folder of lists."""
    filesystem, name = fsspec.core.url_to_fs(path)
    if not filesystem.isdir(name):
        return [path]
    paths = [str(file) for file in filesystem.find(name) if not file.rpartition("/")[2].startswith(".")]
    lists = [file for file in paths if plain_name(file.rpartition("/")[2]) in _LIST_NAMES]
    return sorted(path.rstrip("/") + file[len(name.rstrip("/")) :] for file in lists or paths)


def entries(path: str) -> Iterator[tuple[int, str]]:
    """Yield (line number, entry) of a file; an entry is `host` or `host/path`. Bad ones are left out."""
    return ((number, entry) for number, entry, _ in _lines(path) if entry)


def bad_entries(path: str) -> Iterator[tuple[int, str]]:
    """Yield (line number, line) of a file for every line that is no host or URL."""
    return ((number, line) for number, entry, line in _lines(path) if not entry)


def _lines(path: str) -> Iterator[tuple[int, str, str]]:
    """Yield (line number, entry, line); the entry is empty where the line is none."""
    with open_unpacked(path) as stream:
        for number, line in enumerate(stream, 1):
            if _PLAIN.fullmatch(line):
                yield number, line.strip().decode(), ""
                continue
            text = line.decode("utf-8", "replace").strip().lstrip("\ufeff")
            if text and text[0] not in "#!;":
                yield number, _entry(text), text


def _entry(line: str) -> str:
    """Return the entry of a line, empty where it names no host."""
    parts = line.partition(" #")[0].split()
    if len(parts) == 2 and _is_ip(parts[0]):  # a hosts file
        parts = parts[1:]
    if len(parts) != 1:
        return ""
    host, rest = split_url(parts[0].removeprefix("||").removesuffix("^").removeprefix("*."))
    if not _HOST.fullmatch(host) and not _is_ip(host):
        return ""
    return f"{host.removeprefix('www.')}/{rest}".rstrip("/") if rest else host


#: Nearly every line: a plain host, whose last label is no number.
_PLAIN = re.compile(rb"(?:[a-z0-9][a-z0-9.-]*\.)?[a-z](?:[a-z0-9-]*[a-z0-9])?\r?\n?")
_LABEL = "[a-z0-9_-]{1,63}"
_HOST = re.compile(rf"(?=.{{1,{LONGEST_HOST}}}$){_LABEL}(?:\.{_LABEL})*")


def _is_ip(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


class Blocklist:
    """A compiled list. It contains every entry, and `host/` for every host that has entries with a path.

    Attributes:
        paths: whether any entry has a path.
    """

    def __init__(self, path: Path) -> None:
        words = np.memmap(path, np.uint64, "r")
        bits, self.paths = int(words[0]), bool(words[1])
        self._shift = 64 - bits
        # Reading an int from a memoryview takes a tenth of the time of reading a numpy scalar.
        self._table = memoryview(words.data)[2 : 2 + _table_words(bits)].cast("B").cast("I")
        self._hashes = memoryview(words.data)[2 + _table_words(bits) :]

    def __len__(self) -> int:
        return len(self._hashes)

    def __contains__(self, entry: str) -> bool:
        key = xxhash.xxh3_64_intdigest(entry.encode("utf-8", "replace"))
        bucket = key >> self._shift
        end = self._table[bucket + 1]
        index = bisect.bisect_left(self._hashes, key, self._table[bucket], end)
        return index < end and self._hashes[index] == key


def _table_words(bits: int) -> int:
    """Return the 64-bit words of a table with a 32-bit index for every bucket, and the end."""
    return ((1 << bits) + 2) // 2


@functools.lru_cache(maxsize=16)
def load(paths: tuple[str, ...]) -> Blocklist:
    """Return the compiled list of files and folders: compiled once per machine, loaded once per process.

    The compiled file is named by a hash of the paths and of their stamps (sizes, times, ETags).
    """
    sources = [file for path in paths for file in files(path)]
    stamps = "\n".join(f"{file} {mapped.stamp(file)}" for file in sources)
    name = f"list-{_LAYOUT}-{xxhash.xxh3_128_hexdigest(stamps.encode())}"
    return Blocklist(mapped.made(name, lambda folder: _compile(sources, folder / _FILE)) / _FILE)


_FILE = "hashes.u64"


def _compile(paths: Sequence[str], out: Path) -> None:
    keys, with_paths = array("Q"), False
    for path in paths:
        for _, entry in entries(path):
            keys.append(xxhash.xxh3_64_intdigest(entry.encode("utf-8", "replace")))
            if "/" in entry:
                with_paths = True
                host = entry[: entry.index("/") + 1]
                keys.append(xxhash.xxh3_64_intdigest(host.encode("utf-8", "replace")))
    hashes = np.unique(np.frombuffer(keys, np.uint64)) if keys else np.empty(0, np.uint64)
    bits = max(1, len(hashes).bit_length() - _PER_BUCKET_BITS)
    starts = np.arange((1 << bits), dtype=np.uint64) << np.uint64(64 - bits)
    table = np.zeros(2 * _table_words(bits), np.uint32)
    table[: 1 << bits] = np.searchsorted(hashes, starts)
    table[1 << bits :] = len(hashes)
    head = np.array([bits, with_paths], np.uint64)
    np.concatenate([head, table.view(np.uint64), hashes]).tofile(out)


def suffixes(host: str) -> Iterator[str]:
    """Yield a host and all its parent domains, longest first.

    >>> list(suffixes("a.b.org"))
    ['a.b.org', 'b.org', 'org']
    """
    host = host[-LONGEST_HOST:]
    yield host
    while (dot := host.find(".")) >= 0:
        host = host[dot + 1 :]
        yield host


def path_prefixes(host: str, path: str) -> Iterator[str]:
    """Yield the possible entries for a host with a path, longest first.

    >>> list(path_prefixes("a.org", "b/c?d"))
    ['a.org/b/c?d', 'a.org/b/c', 'a.org/b']
    """
    ends = [index for index, character in enumerate(path[:_LONGEST_PATH]) if character in "/?#"][
        :_MAX_PREFIXES
    ]
    for end in (len(path), *reversed(ends)):
        yield f"{host}/{path[:end]}".rstrip("/")


def damage(path: str) -> str | None:
    """Read a list or a folder of lists to the end and return what makes it useless, or None."""
    lists = files(path)
    if not lists:
        return f"'{path}' is a folder without lists"
    try:
        if sum(1 for file in lists for _ in entries(file)):
            return None
        line = next((line for file in lists for _, line in bad_entries(file)), None)
        return f"'{path}' has no entries" + (f"; '{line[:60]}' is no host or URL" if line else "")
    except OSError as error:
        return f"'{path}' cannot be read or is truncated: {error}"


def left_out(path: str) -> str | None:
    """Return in words how many lines of a list or a folder of lists are no entries, and the first ones.

    None where all are.
    """
    bad = ((file, number, line) for file in files(path) for number, line in bad_entries(file))
    shown = [f"{file}, line {number}: '{line[:60]}'" for file, number, line in islice(bad, _SHOWN)]
    if not shown:
        return None
    more = sum(1 for _ in bad)
    count = len(shown) + more
    lines = (
        "1 line that is no host or URL is" if count == 1 else f"{count:,} lines that are no host or URL are"
    )
    return f"'{path}': {lines} left out: {'; '.join(shown)}" + (f"; and {more:,} more" if more else "")


_SHOWN = 3  # bad lines of a list
