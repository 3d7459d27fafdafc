"""Compression, recognised by content: `compression_of` tells a file's for every format of input.

Sources: RFC 1952 (gzip), RFC 8878 (zstd), "LZ4 Frame Format" 1.6.4, "The .xz File Format" 1.2.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from curation.files import lz4
from curation.files.frames import SKIPPABLE, after_skippable
from curation.files.zstd import FRAME

#: A window of this size is read unless an input says otherwise; zstd's own limit.
MAX_WINDOW_MIB = 128

#: What a member begins with.
MAGICS = {
    "gzip": re.compile(rb"\x1f\x8b\x08"),
    "zstd": re.compile(re.escape(FRAME)),
    "bz2": re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"),
    "xz": re.compile(rb"\xfd7zXZ\0"),
    "lz4": re.compile(re.escape(lz4.MAGIC)),
}
_SUFFIXES = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".xz": "xz", ".lz4": "lz4"}
MAGIC_BYTES = 10
PARQUET = "a Parquet file"
#: Containers that no reader here opens.
_FOREIGN = {
    b"PK\x03\x04": "a zip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a rar archive",
    b"\x1f\x9d": "compressed by compress (.Z)",
    b"\x5d\0\0": "compressed by lzma without a container",
    b"\x02\x21\x4c\x18": "an lz4 file of the legacy format",
    b"\x89LZO": "compressed by lzop",
    b"LZIP": "compressed by lzip",
    b"PAR1": PARQUET,
}


def compression_of(at: Callable[[int, int], bytes], url: str = "") -> str | None:
    """Return the name of a file's compression (gzip, zstd, bz2, xz, lz4), None where it has none.

    Args:
        at: (offset, count) to the file's bytes there.
        url: whose suffix decides where the file begins with neither a magic number nor text.
    """
    first = at(after_skippable(at, 0), MAGIC_BYTES)  # zstd and lz4 both have such frames
    if name := next((name for name, magic in MAGICS.items() if magic.match(first)), None):
        return name
    first = at(0, MAGIC_BYTES)
    if SKIPPABLE.match(first):
        return "zstd"  # nothing but frames to pass over
    return None if _is_text(first) else named_compression(url)


def named_compression(url: str) -> str | None:
    """Return the name of the compression that a file's name ends in."""
    return next((name for suffix, name in _SUFFIXES.items() if url.endswith(suffix)), None)


def plain_name(name: str) -> str:
    """Return a file's name without the ending of a compression.

    >>> plain_name("domains.gz"), plain_name("domains")
    ('domains', 'domains')
    """
    return name[: name.rindex(".")] if named_compression(name) else name


def foreign_container(first: bytes) -> str | None:
    """Return in words what a file is whose first bytes are those of a container that nothing here opens."""
    return next((words for magic, words in _FOREIGN.items() if first.startswith(magic)), None)


def _is_text(first: bytes) -> bool:
    """Return whether a file's first bytes are those of a text, so that it is not compressed."""
    return not first or (min(first) >= 9 and first.isascii())
