"""The records of one split of an archive, however it is packed: plain, gzip, zstd, as a whole, or in a WACZ.

What a file is, is told by its first bytes, by its name where those are damaged.

Exactly once: a record belongs to the split in which it (its gzip member, if the file is compressed) starts,
and a damaged range to the split that read the record before it. A split that starts in the middle skips
to the next record start. Limit: an archive stored *inside* a record looks like records to a split that starts
inside it; where archives of archives are expected, use splits larger than the files.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from curation.files.block_file import BlockFile, Blocks, Steps, pieces
from curation.files.compression import (
    MAX_WINDOW_MIB,
    compression_of,
    foreign_container,
    named_compression,
)
from curation.files.decoders import RAW
from curation.files.frames import Damaged
from curation.files.members import Members, inflated, next_member
from curation.pages.archives.grammar import ARC, BLANK, WARC, Grammar
from curation.pages.archives.members import GZIP_MEMBERS, Packing, zstd_frames
from curation.pages.archives.records import (
    ArchiveRecord,
    DamagedRange,
    Records,
    member_records,
    plain_records,
)
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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Gap:
    """A part of a file that could not be unpacked: `lost_bytes` of it, at an offset of what could.

    From `doubtful_from` on, up to the gap, a member failed its check.
    """

    offset: int
    doubtful_from: int
    lost_bytes: int
    detail: str

    def range(self) -> DamagedRange:
        return DamagedRange(offset=self.offset, length=0, detail=self.detail, lost_bytes=self.lost_bytes)


def _unpacked_records(source: Blocks, compression: str, start: int, end: int, max_window_mib: int) -> Records:
    with _temporary(_salvaged(source, compression, max_window_mib)) as (plain, gaps):
        stop = max(end, plain.size_bytes + 1) if end >= source.size_bytes else end
        left = deque(gap for gap in gaps if start <= gap.offset < stop)
        for record in plain_records(plain, _grammar(plain, None), start, stop):
            while left and left[0].offset <= record.offset:
                yield left.popleft().range()
            yield _doubted(record, gaps)
        yield from (gap.range() for gap in left)


def _doubted(record: ArchiveRecord | DamagedRange, gaps: Sequence[_Gap]) -> ArchiveRecord | DamagedRange:
    if isinstance(record, DamagedRange):
        return record
    end = record.offset + record.length
    for gap in gaps:
        if gap.doubtful_from < end and record.offset < gap.offset:
            return replace(record, doubt=f"the part of the file that holds it fails its check: {gap.detail}")
    return record


def _salvaged(source: Blocks, compression: str, max_window_mib: int) -> Iterator[bytes | _Gap]:
    """Yield what a file's members unpack to; after damage, from the next one on."""
    offset = written = 0
    while offset < source.size_bytes:
        members = Members(pieces(source, offset), compression, max_window_mib=max_window_mib, offset=offset)
        try:
            yield from _bounded(members, written)
            return
        except Damaged as error:
            begin = source.size_bytes if isinstance(error, _TooMuch) else members.begin + 1
            offset = next_member(source, compression, begin, max_window_mib)
            here = written + members.produced
            doubtful_from = written + members.intact if members.in_doubt(source.size_bytes) else here
            what = "records" if offset < source.size_bytes else "the records from here on"
            yield _Gap(
                offset=here,
                doubtful_from=doubtful_from,
                lost_bytes=max(0, offset - members.lost_from),
                detail=f"{what} are lost: {error}",
            )
            written = here


class _TooMuch(Damaged):
    """There is more than may be unpacked."""


def _bounded(stream: Iterable[bytes], written: int = 0) -> Iterator[bytes]:
    """Yield a stream's pieces. Raises _TooMuch where there is no room for more."""
    for piece in stream:
        yield piece
        written += len(piece)
        if written > _MOST_UNPACKED_BYTES:
            raise _TooMuch(f"it unpacks to more than {_MOST_UNPACKED_BYTES:,} bytes")


@contextmanager
def _temporary(stream: Iterable[bytes | _Gap]) -> Iterator[tuple[BlockFile, list[_Gap]]]:
    """Yield a temporary file with what a stream unpacks to, and the gaps in it."""
    gaps: list[_Gap] = []
    with tempfile.NamedTemporaryFile(prefix="curation-") as file:
        for piece in stream:
            if isinstance(piece, _Gap):
                gaps.append(piece)
            else:
                file.write(piece)
        file.flush()
        with BlockFile(file.name) as plain:
            yield plain, gaps


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
    with _temporary(_inflated(section)) as (plain, gaps):
        for record in _records(plain, 0, plain.size_bytes, max_window_mib):
            yield replace(record, offset=base)
        for gap in gaps:
            yield replace(gap.range(), offset=base, length=section.size_bytes)


def _inflated(section: Blocks) -> Iterator[bytes | _Gap]:
    steps = Steps(section)
    written = 0
    try:
        for piece in _bounded(inflated(steps, RAW)):
            written += len(piece)
            yield piece
    except Damaged as error:
        lost_bytes = section.size_bytes - steps.position
        detail = f"the records from here on are lost: {error}"
        yield _Gap(offset=written, doubtful_from=written, lost_bytes=lost_bytes, detail=detail)
