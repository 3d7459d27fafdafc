"""WARC and ARC records of one stream of bytes, and every part of it that is not one.

Our own reader, because the usual ones stop at the first damaged gzip member and return a truncated record
as a good one. A record counts as intact only if its headers parse, its block has the declared length,
what follows is the end or another record, and its gzip member passes its checksum. Of a member of several
records that fails it, the records are returned with a doubt, as no one knows which of them it damaged.

Source: ISO 28500 (WARC 1.0, 1.1); one gzip member a record is its Annex A. ARC: see `grammar`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from curation.files.block_file import Blocks
from curation.pages.archives.grammar import Grammar
from curation.pages.archives.members import MemberStream, Packing, next_member, starts_record
from curation.pages.archives.window import DamagedMember, PlainStream, Stream, Window
from curation.pages.page import MAX_BODY_BYTES, TOO_LARGE, UNREADABLE

_MAX_HEAD_BYTES = 2**22
_HEAD_STEP_BYTES = 2**12
_BEGINNING_BYTES = 2**16  # of a block above the cap: its HTTP headers, and what shows its type
_MOST_DIGITS = 18  # of a length: Python reads no number of thousands
_CHECKSUM_BYTES = 8  # and the length: what ends a gzip member holds no record
_BLANK = b" \t\r\n\xef\xbb\xbf"


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveRecord:
    """An intact record: header names in lower case, the block as stored.

    `doubt` says why it may not be what was written: the checksum that holds for it and others fails.
    """

    offset: int
    length: int
    headers: Mapping[str, str]
    block: bytes
    doubt: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DamagedRange:
    """A part of the file that gave no record; `reason` is its failure's name.

    It stands for one record, or for what `lost_bytes` of the file held, where they are given. Of a record
    above the cap `beginning` has the headers and the first bytes of the block, which show what it is.
    """

    offset: int
    length: int
    detail: str
    reason: str = UNREADABLE
    lost_bytes: int | None = None
    beginning: ArchiveRecord | None = field(default=None, compare=False)


Records = Iterator[ArchiveRecord | DamagedRange]


class _Broken(Exception):
    """The record at the window's front is not one; nothing of it was dropped."""


class _TooLarge(Exception):
    """The record was larger than the cap; of its block only the beginning is left."""

    def __init__(self, headers: Mapping[str, str], block: bytes) -> None:
        declared, url = headers["content-length"], headers.get("warc-target-uri", "")
        super().__init__(f"{url}: a block of {declared} bytes, the limit is {MAX_BODY_BYTES}")
        self.headers, self.block = headers, block


def member_records(source: Blocks, grammar: Grammar, packing: Packing, start: int, end: int) -> Records:
    """Yield what starts in bytes [start, end) of a file of gzip members or zstd frames, in file order."""
    position = packing.pass_over(source, 0)
    if start > 0:
        position = next_member(source, packing, start, end, grammar)
        if position >= end:
            return
    known = False
    while position < source.size_bytes:
        if not (known or starts_record(source, grammar, packing, position)):
            following = next_member(source, packing, position + 1, source.size_bytes, grammar)
            resumed = _resumed(source, grammar, packing, position + 1, following)
            until = resumed.offset if resumed else following
            if source.at(position, min(until - position, _HEAD_STEP_BYTES)).strip(_BLANK):
                detail, length = (
                    f"no {packing.name} that starts with a {grammar.name} record",
                    until - position,
                )
                yield DamagedRange(offset=position, length=length, detail=detail, lost_bytes=length)
            position, known = following, True
            if resumed:
                position, known = yield from _stream_records(source, packing, resumed)
        elif position < end:
            stream = MemberStream(source, grammar, packing, position)
            position, known = yield from _stream_records(source, packing, _Reading(stream, grammar))
        else:
            return


class _Reading:
    """A stream of members, and the window on it."""

    def __init__(self, stream: MemberStream, grammar: Grammar) -> None:
        self.stream = stream
        self.window = Window(stream.pull, grammar)

    @property
    def offset(self) -> int:
        """The offset of the member that holds what is at the window's front."""
        return self.stream.offset(self.window.start)


def _stream_records(
    source: Blocks, packing: Packing, reading: _Reading
) -> Generator[ArchiveRecord | DamagedRange, None, tuple[int, bool]]:
    """Yield a stream's records; returns (as a generator) the offset to go on at, and if a record is there.

    After damage it is read on in the next member that holds the start of one, before any that starts with
    one: files that are compressed in blocks have members that begin in the middle of a record.
    """
    grammar = reading.window.grammar
    while True:
        stream, window, offset = reading.stream, reading.window, reading.offset
        try:
            if not window.skip_blank():
                return stream.next_offset, stream.record_follows
            yield _one(window, stream)
        except DamagedMember as error:
            # Not before the member that is damaged: the members before it were whole.
            begin, damaged_at = stream.member_offset + 1, stream.next_offset
            following = next_member(source, packing, begin, source.size_bytes, grammar)
            resumed = _resumed(source, grammar, packing, begin, following)
            until = resumed.offset if resumed else following
            lost_bytes = until - damaged_at
            checksum_alone = lost_bytes <= _CHECKSUM_BYTES and damaged_at < source.size_bytes
            if window.data or not checksum_alone:  # else all of its records were read, with a doubt
                yield DamagedRange(
                    offset=offset,
                    length=until - offset,
                    detail=str(error),
                    lost_bytes=lost_bytes if lost_bytes > _CHECKSUM_BYTES else None,
                )
            if not resumed:
                return following, True
            reading = resumed


def _resumed(source: Blocks, grammar: Grammar, packing: Packing, offset: int, limit: int) -> _Reading | None:
    """Return the first stream of members in [offset, limit) that holds a record's start, at that start."""
    while (offset := next_member(source, packing, offset, limit)) < limit:
        reading = _Reading(MemberStream(source, grammar, packing, offset), grammar)
        with suppress(DamagedMember):  # go on behind it
            if reading.window.at_record() or reading.window.skip_to_record():
                return reading
        offset = reading.stream.member_offset + 1
    return None


def plain_records(source: Blocks, grammar: Grammar, start: int, end: int) -> Records:
    """Yield what starts in bytes [start, end) of a file that is not compressed, in file order."""
    # From the byte before: what stands there may decide whether a record starts at `start`.
    stream = PlainStream(source, max(0, start - 1))
    window = Window(stream.pull, grammar)
    if start > 0 and not window.skip_to_record():
        return
    if start > 0 and stream.offset(window.start) >= end:
        return
    while window.skip_blank():
        if stream.offset(window.start) >= end and window.at_border():
            return
        yield _one(window, stream)


def _one(window: Window, stream: Stream) -> ArchiveRecord | DamagedRange:
    """Return what is at the window's front and move on to what follows it. Raises DamagedMember."""
    begin = window.start
    offset = stream.offset(begin)
    try:
        headers, block, total = _parse(window, stream)
    except _TooLarge as error:
        length = stream.end_offset(window.start) - offset
        beginning = ArchiveRecord(offset=offset, length=length, headers=error.headers, block=error.block)
        return DamagedRange(
            offset=offset, length=length, detail=str(error), reason=TOO_LARGE, beginning=beginning
        )
    except _Broken as error:
        known = window.at_record()
        window.skip_to_record()
        length = stream.end_offset(window.start) - offset
        lost_bytes = None if known else length
        return DamagedRange(offset=offset, length=length, detail=str(error), lost_bytes=lost_bytes)
    window.drop(total)
    return ArchiveRecord(
        offset=offset,
        length=stream.end_offset(window.start) - offset,
        headers=headers,
        block=block,
        doubt=stream.doubt(window.start),
    )


def _parse(window: Window, stream: Stream) -> tuple[Mapping[str, str], bytes, int]:
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
        _pass_over(window, stream, (block_at, block_end), headers)
    if not window.fill(block_end):
        present = len(window.data) - block_at
        raise _Broken(f"Content-Length is {block_bytes}, but only {present} bytes follow")
    trailer = _trailer(window, stream, block_end)
    return headers, bytes(window.data[block_at:block_end]), block_end + trailer


def _head(window: Window) -> tuple[int, int]:
    """Return where the headers end and where the block starts; another record ends them too soon."""
    grammar, data = window.grammar, window.data
    begin, stop = 0, _HEAD_STEP_BYTES
    while True:
        stop = min(stop, len(data))
        if end := grammar.head_end.search(data, begin, stop):
            return end.span()
        if grammar.record.search(data, max(1, begin - grammar.start_bytes), stop):
            raise _Broken("the headers are cut off, another record starts in them")
        if len(data) >= _MAX_HEAD_BYTES:
            raise _Broken(f"the headers do not end within {_MAX_HEAD_BYTES} bytes")
        if stop == len(data) and not window.fill(stop + 1):
            raise _Broken("the headers are cut off")
        begin, stop = max(0, data.rfind(b"\n", 0, stop)), 2 * stop


def _trailer(window: Window, stream: Stream, block_end: int) -> int:
    """Return the length of the blank lines after the block, if it ends where Content-Length says."""
    try:
        window.fill(block_end + _end_bytes(window.grammar))
    except DamagedMember:
        behind = window.data[block_end:]
        ended = behind.startswith(window.grammar.trailer) and not stream.alone(window.start)
        if not (ended or stream.proven(window.start + block_end)):
            raise
        # The record ended before the damage, which is the next to be read.
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
    if not rest or grammar.record.match(data, at + blank_bytes):
        return blank_bytes
    return len(grammar.trailer) if after.startswith(grammar.trailer) else None


def _pass_over(window: Window, stream: Stream, block: tuple[int, int], headers: Mapping[str, str]) -> None:
    """Drop a record that is too large to hold. Raises _TooLarge, or _Broken where it cannot be that large."""
    declared, (block_at, block_end) = headers["content-length"], block
    last = stream.look(window.start + block_end - 1, 1 + _end_bytes(window.grammar))
    if not last:
        raise _Broken(f"Content-Length is {declared}, more than follows")
    if _blank_bytes(window.grammar, last, 1) is None:
        raise _Broken(f"Content-Length is {declared}, and no record ends there")
    shown_end = min(block_end, block_at + _BEGINNING_BYTES)
    window.fill(shown_end)
    beginning = bytes(window.data[block_at:shown_end])
    window.skip(block_end)
    trailer = window.grammar.trailer
    window.fill(len(trailer))
    if window.data.startswith(trailer):
        window.drop(len(trailer))
    window.fill(window.grammar.start_bytes)  # to the end of the gzip member, so that its length is known
    raise _TooLarge(headers, beginning)
