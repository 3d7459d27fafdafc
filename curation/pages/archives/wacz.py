"""The archives inside a WACZ: a zip file whose archive/*.warc.gz are stored as they are.

Sources: WACZ 1.1.1 (webrecorder); APPNOTE.TXT 6.3 (zip).
"""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass

from curation.files.block_file import Blocks, Section

ZIP = b"PK\x03\x04"
_ARCHIVE = re.compile(r"\.w?arc(\.gz|\.zst)?$", re.IGNORECASE)
_LOCAL_HEADER_BYTES = 30
_ENCRYPTED = 1


class BadZip(Exception):
    """The zip file's directory cannot be read; the text says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ZipMember:
    """An archive in a zip file: its bytes there, where they start, and how many the directory says there are.

    `packed` where they are deflated once more; `refused` says why they cannot be read.
    """

    section: Section
    offset: int
    size_bytes: int
    packed: bool = False
    refused: str | None = None


class _Seekable(io.RawIOBase):
    """Blocks as `zipfile` reads a file."""

    def __init__(self, source: Blocks) -> None:
        self._source = source
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._position, self._source.size_bytes)[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, count: int = -1) -> bytes:
        rest = max(0, self._source.size_bytes - self._position)
        data = self._source.at(self._position, rest if count < 0 else min(count, rest))
        self._position += len(data)
        return data


def members(source: Blocks) -> list[ZipMember]:
    """Return the archives in a zip file, in the order of their bytes. Raises BadZip."""
    try:
        with zipfile.ZipFile(_Seekable(source)) as file:
            listed = [info for info in file.infolist() if _ARCHIVE.search(info.filename)]
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise BadZip(f"the zip file's directory cannot be read: {error}") from None
    return [_member(source, info) for info in sorted(listed, key=lambda info: info.header_offset)]


def _member(source: Blocks, info: zipfile.ZipInfo) -> ZipMember:
    begin = min(max(0, info.header_offset), source.size_bytes - 1)  # where a split finds it, whatever is said
    head = source.at(begin, _LOCAL_HEADER_BYTES)
    name_bytes, extra_bytes = int.from_bytes(head[26:28], "little"), int.from_bytes(head[28:30], "little")
    offset = begin + _LOCAL_HEADER_BYTES + name_bytes + extra_bytes
    size_bytes, refused = min(info.compress_size, source.size_bytes), None
    if begin != info.header_offset or not head.startswith(ZIP) or offset >= source.size_bytes:
        refused = f"{info.filename}: the zip file's directory names a place where it is not"
    elif info.flag_bits & _ENCRYPTED:
        refused = f"{info.filename}: it is encrypted"
    elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        refused = f"{info.filename}: its method of compression ({info.compress_type}) is not read"
    if refused:
        return ZipMember(
            section=Section(source, info.filename, begin, 0),
            offset=begin,
            size_bytes=size_bytes,
            refused=refused,
        )
    section = Section(source, info.filename, offset, info.compress_size)
    return ZipMember(
        section=section,
        offset=offset,
        size_bytes=size_bytes,
        packed=info.compress_type == zipfile.ZIP_DEFLATED,
    )
