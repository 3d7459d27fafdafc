"""WARC and ARC records of one split, and every part of the file that is not one.

Our own reader, because the usual ones stop at the first damaged gzip member and return a truncated record
as a good one. A record counts as intact only if its headers parse, its block has the declared length,
what follows is the end or another record, and its gzip member passes its checksum. WARC and ARC are told
apart by a file's first bytes, by its name where those are damaged.

Exactly once: a record belongs to the split in which it (its gzip member, if the file is compressed) starts,
and a damaged range to the split that read the record before it. A split that starts in the middle skips
to the next record start. Limit: an archive stored *inside* a record looks like records to a split that starts
inside it; where archives of archives are expected, use splits larger than the files.

Source: ISO 28500 (WARC 1.0, 1.1); one gzip member a record is its Annex A. ARC: see `grammar`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass

from curation.files.block_file import BlockFile
from curation.pages.archives.grammar import Grammar
from curation.pages.archives.streams import (
    DamagedMember,
    GzipStream,
    PlainStream,
    Window,
    grammar_of,
    is_gzip,
    next_member,
    starts_record,
)
from curation.pages.page import MAX_BODY_BYTES, TOO_LARGE, UNREADABLE

_MAX_HEAD_BYTES = 2**16
_MOST_DIGITS = 18  # of a length: Python reads no number of thousands


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveRecord:
    """An intact record: header names in lower case, the block as stored."""

    offset: int
    length: int
    headers: Mapping[str, str]
    block: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class DamagedRange:
    """A part of the file that gave no record; `reason` is its failure's name."""

    offset: int
    length: int
    detail: str
    reason: str = UNREADABLE


Records = Iterator[ArchiveRecord | DamagedRange]


class _Broken(Exception):
    """The record at the window's front is not one; nothing of it was dropped."""


class _TooLarge(Exception):
    """The record was larger than the cap; it was dropped."""


def records(source: BlockFile, start: int, end: int) -> Records:
    """Yield what starts in bytes [start, end) of a WARC or ARC file, in file order."""
    if source.size_bytes == 0:
        if start == 0:
            yield DamagedRange(offset=0, length=0, detail="the file is empty")
    elif is_gzip(source):
        yield from _gzip_records(source, grammar_of(source), start, end)
    else:
        yield from _plain_records(source, grammar_of(source), start, end)


def _gzip_records(source: BlockFile, grammar: Grammar, start: int, end: int) -> Records:
    position = 0
    if start > 0:
        position = next_member(source, grammar, start, end)
        if position >= end:
            return
    while position < source.size_bytes:
        if not starts_record(source, grammar, position):
            following = next_member(source, grammar, position + 1, source.size_bytes)
            yield DamagedRange(
                offset=position,
                length=following - position,
                detail=f"no gzip member that starts with a {grammar.name} record",
            )
            position = following
        elif position < end:
            stream = GzipStream(source, grammar, position)
            position = yield from _gzip_stream_records(source, grammar, stream)
        else:
            return


def _gzip_stream_records(
    source: BlockFile, grammar: Grammar, stream: GzipStream
) -> Generator[ArchiveRecord | DamagedRange, None, int]:
    """Yield a stream's records; returns (as a generator) the offset to go on at."""
    window = Window(stream.pull, grammar)
    begin = 0
    try:
        while True:
            begin = window.start
            if not window.fill(1):
                return stream.next_offset
            yield _one(window, stream)
    except DamagedMember as error:
        # Not before the member that is damaged: the members before it were whole.
        following = next_member(source, grammar, stream.member_offset + 1, source.size_bytes)
        offset = stream.offset(begin)
        yield DamagedRange(offset=offset, length=following - offset, detail=str(error))
        return following


def _plain_records(source: BlockFile, grammar: Grammar, start: int, end: int) -> Records:
    # From the byte before: what stands there may decide whether a record starts at `start`.
    stream = PlainStream(source, max(0, start - 1))
    window = Window(stream.pull, grammar)
    if start > 0 and not window.skip_to_record():
        return
    if start > 0 and stream.offset(window.start) >= end:
        return
    while window.fill(1):
        if stream.offset(window.start) >= end and window.at_record():
            return
        yield _one(window, stream)


def _one(window: Window, stream: GzipStream | PlainStream) -> ArchiveRecord | DamagedRange:
    """Return what is at the window's front and move on to what follows it. Raises DamagedMember."""
    begin = window.start
    offset = stream.offset(begin)
    try:
        headers, block, total = _parse(window, stream)
    except _TooLarge as error:
        length = stream.end_offset(window.start) - offset
        return DamagedRange(offset=offset, length=length, detail=str(error), reason=TOO_LARGE)
    except _Broken as error:
        window.skip_to_record()
        length = stream.end_offset(window.start) - offset
        return DamagedRange(offset=offset, length=length, detail=str(error))
    window.drop(total)
    length = stream.end_offset(window.start) - offset
    return ArchiveRecord(offset=offset, length=length, headers=headers, block=block)


def _parse(window: Window, stream: GzipStream | PlainStream) -> tuple[Mapping[str, str], bytes, int]:
    """Return headers, block and the bytes they and the trailer take; drops nothing if it raises _Broken."""
    grammar = window.grammar
    if not window.at_record():
        raise _Broken(f"no {grammar.name} record starts here, but {bytes(window.data[:40])!r}")
    head_end, block_at = _head(window)
    headers = grammar.fields(bytes(window.data[:head_end]))
    declared = headers.get("content-length", "")
    if not (declared.isascii() and declared.isdigit() and len(declared) <= _MOST_DIGITS):
        raise _Broken(f"Content-Length is {declared[:40]!r}, not a number of bytes")
    block_bytes = int(declared)
    block_end = block_at + block_bytes
    if block_bytes > MAX_BODY_BYTES:
        _pass_over(window, stream, block_end, headers)
    if not window.fill(block_end):
        present = len(window.data) - block_at
        raise _Broken(f"Content-Length is {block_bytes}, but only {present} bytes follow")
    return headers, bytes(window.data[block_at:block_end]), block_end + _trailer(window, block_end)


def _head(window: Window) -> tuple[int, int]:
    """Return where the headers end and where the block starts."""
    while (end := window.grammar.head_end.search(window.data, 0, _MAX_HEAD_BYTES)) is None:
        if len(window.data) >= _MAX_HEAD_BYTES:
            raise _Broken(f"the headers do not end within {_MAX_HEAD_BYTES} bytes")
        if not window.fill(len(window.data) + 1):
            raise _Broken("the headers are cut off")
    return end.span()


def _trailer(window: Window, block_end: int) -> int:
    """Return the length of the blank lines after the block, if it ends where Content-Length says."""
    # Reading on to the end of a gzip member is what checks its checksum.
    window.fill(block_end + _end_bytes(window.grammar))
    blank_bytes = _blank_bytes(window.grammar, window.data, block_end)
    if blank_bytes is None:
        rest = bytes(window.data[block_end : block_end + _end_bytes(window.grammar)]).lstrip(b"\r\n")
        raise _Broken(f"the block goes on after its Content-Length, with {rest[:40]!r}")
    return blank_bytes


def _end_bytes(grammar: Grammar) -> int:
    """Return how many bytes after a block show whether it ends there."""
    return len(grammar.trailer) + grammar.start_bytes


def _blank_bytes(grammar: Grammar, data: bytes | bytearray, at: int) -> int | None:
    """Return the length of the blank lines at `at`, where a block may end; None where none does."""
    after = bytes(data[at : at + _end_bytes(grammar)])
    rest = after.lstrip(b"\r\n")
    blank_bytes = len(after) - len(rest)
    if not rest or grammar.resync.match(data, at + blank_bytes):
        return blank_bytes
    return len(grammar.trailer) if after.startswith(grammar.trailer) else None


def _pass_over(
    window: Window, stream: GzipStream | PlainStream, block_end: int, headers: Mapping[str, str]
) -> None:
    """Drop a record that is too large to hold. Raises _TooLarge, or _Broken where it cannot be that large."""
    if not stream.fits(window.start + block_end):
        raise _Broken(f"Content-Length is {headers['content-length']}, more than the file holds")
    last = stream.look(window.start + block_end - 1, 1 + _end_bytes(window.grammar))
    if last is not None and _blank_bytes(window.grammar, last, 1) is None:
        raise _Broken(f"Content-Length is {headers['content-length']}, and no record ends there")
    if not window.skip(block_end):
        raise _Broken(f"Content-Length is {headers['content-length']}, more than follows")
    trailer = window.grammar.trailer
    window.fill(len(trailer))
    if window.data.startswith(trailer):
        window.drop(len(trailer))
    window.fill(window.grammar.start_bytes)  # to the end of the gzip member, so that its length is known
    raise _TooLarge(
        f"{headers.get('warc-target-uri', '')}: a block of {headers['content-length']} bytes,"
        f" the limit is {MAX_BODY_BYTES}"
    )
