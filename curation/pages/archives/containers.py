"""The records of one split of an archive, however it is packed: plain, gzip, zstd, as a whole, or in a WACZ.

What a file is, is told by its first bytes, by its name where those are damaged.

Exactly once: a record belongs to the split in which it (its gzip member, if the file is compressed) starts,
and a damaged range to the split that read the record before it. A split that starts in the middle skips
to the next record start. Limit: an archive stored *inside* a record looks like records to a split that starts
inside it; where archives of archives are expected, use splits larger than the files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from curation.files.block_file import BlockFile, Blocks, Steps
from curation.files.compression import (
    MAX_WINDOW_MIB,
    RAW,
    compression_of,
    foreign_container,
    inflated,
    named_compression,
    unpacked,
)
from curation.files.zstd import Damaged
from curation.pages.archives.grammar import ARC, BLANK, WARC, Grammar
from curation.pages.archives.members import GZIP_MEMBERS, Packing, zstd_frames
from curation.pages.archives.records import DamagedRange, Records, member_records, plain_records
from curation.pages.archives.wacz import ZIP, BadZip, ZipMember, members
from curation.pages.archives.window import DamagedMember

_SNIFFED_BYTES = 256
#: What a file that is compressed as a whole may take on the disk of the machine that reads it.
_MOST_UNPACKED_BYTES = 2**36


def records(source: Blocks, start: int, end: int, *, max_window_mib: int = MAX_WINDOW_MIB) -> Records:
    """Yield what starts in bytes [start, end) of a WARC, ARC or WACZ file, in file order.

    A file that is compressed as a whole by bz2, xz or lz4 is unpacked to a temporary file; there, offsets are
    those of its unpacked bytes, and a split that ends with the file reads to their end.
    """
    blank = source.size_bytes <= _SNIFFED_BYTES and not source.at(0, _SNIFFED_BYTES).strip()
    if blank and start == 0:
        yield _whole(source, "the file is empty")
    elif source.at(0, len(ZIP)) == ZIP:
        yield from _zipped_records(source, start, end, max_window_mib)
    else:
        yield from _records(source, start, end, max_window_mib)


def _whole(source: Blocks, detail: str) -> DamagedRange:
    """Return the range of a file that gives nothing."""
    size_bytes = source.size_bytes
    return DamagedRange(offset=0, length=size_bytes, detail=detail, lost_bytes=size_bytes or None)


def _records(source: Blocks, start: int, end: int, max_window_mib: int) -> Records:
    compression = _compression(source)
    if compression in ("bz2", "xz", "lz4"):
        yield from _unpacked_records(source, compression, start, end, max_window_mib)
        return
    if compression is None:
        if words := foreign_container(source.at(0, _SNIFFED_BYTES)):
            if start == 0:
                yield _whole(source, f"it is {words}; expected WARC, ARC or WACZ, compressed or not")
            return
        yield from plain_records(source, _grammar(source, None), start, end)
        return
    try:
        packing = GZIP_MEMBERS if compression == "gzip" else zstd_frames(source, max_window_mib)
    except DamagedMember as error:
        if start == 0:
            yield _whole(source, str(error))
        return
    yield from member_records(source, _grammar(source, packing), packing, start, end)


def _compression(source: Blocks) -> str | None:
    """Return how a file is compressed: by its first bytes, else by its name."""
    first = source.at(0, _SNIFFED_BYTES)
    blank = BLANK.match(first)
    skipped = blank.end() if blank else 0
    compression = compression_of(lambda offset, count: source.at(skipped + offset, count))
    if compression or any(grammar.member.match(first) for grammar in (WARC, ARC)):
        return compression
    return named_compression(source.url)


def _grammar(source: Blocks, packing: Packing | None) -> Grammar:
    """Return the file's format: by its first bytes, by its name where they are no record's."""
    start = packing.pass_over(source, 0) if packing else 0
    for grammar in (WARC, ARC):
        count = grammar.start_bytes
        first = (packing.peek(source, start, count) if packing else None) or source.at(start, count)
        if grammar.member.match(first):
            return grammar
    return ARC if ".arc" in source.url.rpartition("/")[2] else WARC


def _unpacked_records(source: Blocks, compression: str, start: int, end: int, max_window_mib: int) -> Records:
    steps = Steps(source)
    stream = unpacked(steps, compression, max_window_mib=max_window_mib)
    last = end >= source.size_bytes
    with _temporary(stream) as (plain, damage):
        yield from plain_records(plain, _grammar(plain, None), start, plain.size_bytes if last else end)
        if damage and last:
            detail = f"the records from here on are lost: {damage}"
            lost_bytes = source.size_bytes - steps.position
            yield DamagedRange(offset=plain.size_bytes, length=0, detail=detail, lost_bytes=lost_bytes)


@contextmanager
def _temporary(stream: Iterable[bytes]) -> Iterator[tuple[BlockFile, str | None]]:
    """Yield a temporary file with what a stream unpacks to, and what stopped it."""
    damage, written = None, 0
    with tempfile.NamedTemporaryFile(prefix="curation-") as file:
        try:
            for piece in stream:
                written += file.write(piece)
                if written > _MOST_UNPACKED_BYTES:
                    raise Damaged(f"it unpacks to more than {_MOST_UNPACKED_BYTES:,} bytes")
        except Damaged as error:
            damage = str(error)
        file.flush()
        with BlockFile(file.name) as plain:
            yield plain, damage


def _zipped_records(source: Blocks, start: int, end: int, max_window_mib: int) -> Records:
    """Yield the records of the archives in a WACZ; without its directory, of whatever members are there."""
    try:
        stored = members(source)
    except BadZip as error:
        if start == 0:
            yield DamagedRange(offset=0, length=0, detail=str(error))
        yield from member_records(source, WARC, GZIP_MEMBERS, start, end)
        return
    if not stored and start == 0:
        yield _whole(source, "a zip archive without WARC files (archive/*.warc.gz), so no WACZ")
    for member in stored:
        yield from _member_records(member, start, end, max_window_mib)


def _member_records(member: ZipMember, start: int, end: int, max_window_mib: int) -> Records:
    """Yield what starts in bytes [start, end) of the zip file and lies in one of its archives."""
    base, size = member.offset, member.section.size_bytes
    first, last = max(0, start - base), min(size, end - base)
    if not (member.refused or member.packed):
        if first < last:
            for record in _records(member.section, first, last, max_window_mib):
                yield replace(record, offset=base + record.offset)
    elif start <= base < end:  # it cannot be divided
        if member.refused:
            lost_bytes = member.size_bytes or None
            yield DamagedRange(
                offset=base, length=member.size_bytes, detail=member.refused, lost_bytes=lost_bytes
            )
        else:
            yield from _deflated_records(member.section, base, max_window_mib)


def _deflated_records(section: Blocks, base: int, max_window_mib: int) -> Records:
    steps = Steps(section)
    with _temporary(inflated(steps, RAW)) as (plain, damage):
        for record in _records(plain, 0, plain.size_bytes, max_window_mib):
            yield replace(record, offset=base)
        if damage:
            detail = f"the records from here on are lost: {damage}"
            lost_bytes = section.size_bytes - steps.position
            yield DamagedRange(offset=base, length=section.size_bytes, detail=detail, lost_bytes=lost_bytes)
