"""WARC records of one split, and every stretch that is not one.

An own reader, because the usual ones stop at the first damaged gzip member and return a truncated record
as a good one. A record counts as intact only if its headers parse, its block has the declared length,
what follows is the end or another record, and its gzip member passes its checksum.

Exactly once: a record belongs to the split in which it (its gzip member, if the file is compressed) starts,
and a damaged stretch to the split that read the record before it. A split that starts in the middle skips
to the next record start. Limit: a WARC stored *inside* a record looks like records to a split that starts
inside it; where archives of archives are expected, use splits larger than the files.

Source: ISO 28500 (WARC 1.0, 1.1); one gzip member a record is its Annex A.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass

from curation.pages.page import MAX_BODY_BYTES, TOO_LARGE, UNREADABLE
from curation.pages.source import Source
from curation.pages.stretch import (
    RECORD_START,
    START_BYTES,
    GzipStretch,
    Lost,
    PlainStretch,
    Window,
    is_gzip,
    next_member,
    starts_record,
)

_MAX_HEAD_BYTES = 2**16
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_TRAILER = b"\r\n\r\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """An intact record: header names in lower case, the block as stored."""

    offset: int
    length: int
    headers: Mapping[str, str]
    block: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Damage:
    """A stretch of the file that gave no record; `reason` is its failure's name."""

    offset: int
    length: int
    detail: str
    reason: str = UNREADABLE


class _Broken(Exception):
    """The record at the window's front is not one; nothing of it was dropped."""


class _TooLarge(Exception):
    """The record was larger than the cap; it was dropped."""


def records(source: Source, start: int, end: int) -> Iterator[Record | Damage]:
    """Yield what starts in bytes [start, end) of a WARC file, in file order."""
    if source.size_bytes == 0:
        if start == 0:
            yield Damage(offset=0, length=0, detail="the file is empty")
    elif is_gzip(source):
        yield from _gzip_records(source, start, end)
    else:
        yield from _plain_records(source, start, end)


def _gzip_records(source: Source, start: int, end: int) -> Iterator[Record | Damage]:
    position = 0
    if start > 0:
        position = next_member(source, start, end)
        if position >= end:
            return
    while position < source.size_bytes:
        if not starts_record(source, position):
            following = next_member(source, position + 1, source.size_bytes)
            yield Damage(
                offset=position,
                length=following - position,
                detail="no gzip member that starts with a WARC record",
            )
            position = following
        elif position < end:
            stretch = GzipStretch(source, position)
            position = yield from _gzip_stretch(source, stretch)
        else:
            return


def _gzip_stretch(source: Source, stretch: GzipStretch) -> Generator[Record | Damage, None, int]:
    """Yield a stretch's records; returns (as a generator) the offset to go on at."""
    window = Window(stretch.pull)
    begin = 0
    try:
        while True:
            begin = window.start
            if not window.fill(1):
                return stretch.next_offset
            yield _one(window, stretch)
    except Lost as error:
        # Not before the member that is damaged: the members before it were whole.
        following = next_member(source, stretch.member_offset + 1, source.size_bytes)
        offset = stretch.offset(begin)
        yield Damage(offset=offset, length=following - offset, detail=str(error))
        return following


def _plain_records(source: Source, start: int, end: int) -> Iterator[Record | Damage]:
    stretch = PlainStretch(source, start)
    window = Window(stretch.pull)
    if start > 0 and not window.skip_to_record(0):
        return
    if start > 0 and stretch.offset(window.start) >= end:
        return
    while window.fill(1):
        window.fill(START_BYTES)
        if stretch.offset(window.start) >= end and RECORD_START.match(window.data):
            return
        yield _one(window, stretch)


def _one(window: Window, stretch: GzipStretch | PlainStretch) -> Record | Damage:
    """Return what is at the window's front and move on to what follows it. Raises Lost."""
    begin = window.start
    offset = stretch.offset(begin)
    try:
        headers, block, total = _parse(window, stretch)
    except _TooLarge as error:
        length = stretch.end_offset(window.start) - offset
        return Damage(offset=offset, length=length, detail=str(error), reason=TOO_LARGE)
    except _Broken as error:
        window.skip_to_record(1)
        length = stretch.end_offset(window.start) - offset
        return Damage(offset=offset, length=length, detail=str(error))
    window.drop(total)
    length = stretch.end_offset(window.start) - offset
    return Record(offset=offset, length=length, headers=headers, block=block)


def _parse(window: Window, stretch: GzipStretch | PlainStretch) -> tuple[Mapping[str, str], bytes, int]:
    """Return headers, block and the bytes they and the trailer take; drops nothing if it raises _Broken."""
    window.fill(START_BYTES)
    if not RECORD_START.match(window.data):
        raise _Broken(f"no WARC record starts here, but {bytes(window.data[:40])!r}")
    head_end, block_at = _head(window)
    headers = header_fields(bytes(window.data[:head_end]))
    declared = headers.get("content-length", "")
    if not (declared.isascii() and declared.isdigit()):
        raise _Broken(f"Content-Length is {declared[:40]!r}, not a number of bytes")
    block_bytes = int(declared)
    block_end = block_at + block_bytes
    if block_bytes > MAX_BODY_BYTES:
        _pass_over(window, stretch, block_end, headers)
    if not window.fill(block_end):
        found = len(window.data) - block_at
        raise _Broken(f"Content-Length is {block_bytes}, but only {found} bytes follow")
    return headers, bytes(window.data[block_at:block_end]), block_end + _trailer(window, block_end)


def _head(window: Window) -> tuple[int, int]:
    """Return where the headers end and where the block starts."""
    found = _BLANK_LINE.search(window.data, 0, _MAX_HEAD_BYTES)
    while found is None:
        if len(window.data) >= _MAX_HEAD_BYTES:
            raise _Broken(f"the headers do not end within {_MAX_HEAD_BYTES} bytes")
        if not window.fill(len(window.data) + 1):
            raise _Broken("the headers are cut off")
        found = _BLANK_LINE.search(window.data, 0, _MAX_HEAD_BYTES)
    return found.start(), found.end()


def _trailer(window: Window, block_end: int) -> int:
    """Return the length of the blank lines after the block, if it ends where Content-Length says."""
    # Reading on to the end of a gzip member is what checks its checksum.
    window.fill(block_end + len(_TRAILER) + START_BYTES)
    after = bytes(window.data[block_end : block_end + len(_TRAILER) + START_BYTES])
    if after.startswith(_TRAILER):
        return len(_TRAILER)
    rest = after.lstrip(b"\r\n")
    if rest and not RECORD_START.match(rest):
        raise _Broken(f"the block goes on after its Content-Length, with {rest[:40]!r}")
    return len(after) - len(rest)


def _pass_over(
    window: Window, stretch: GzipStretch | PlainStretch, block_end: int, headers: Mapping[str, str]
) -> None:
    """Drop a record that is too large to hold. Raises _TooLarge, or _Broken where it cannot be that large."""
    if not stretch.fits(window.start + block_end):
        raise _Broken(f"Content-Length is {headers['content-length']}, more than the file holds")
    if not window.skip(block_end):
        raise _Broken(f"Content-Length is {headers['content-length']}, more than follows")
    window.fill(len(_TRAILER))
    if window.data.startswith(_TRAILER):
        window.drop(len(_TRAILER))
    window.fill(START_BYTES)  # to the end of the gzip member, so that its length is known
    raise _TooLarge(
        f"{headers.get('warc-target-uri', '')}: a block of {headers['content-length']} bytes,"
        f" the limit is {MAX_BODY_BYTES}"
    )


def header_fields(head: bytes) -> dict[str, str]:
    """Return header names in lower case with their values, first one wins; lines without a colon are skipped.

    The first line (version or status) is not a header. Folded lines are joined.
    """
    fields: dict[str, str] = {}
    name = ""
    for line in head.replace(b"\r\n", b"\n").split(b"\n")[1:]:
        text = _decode(line)
        if line[:1] in (b" ", b"\t"):
            if name:
                fields[name] = f"{fields[name]} {text.strip()}"
            continue
        before, colon, value = text.partition(":")
        name = before.strip().lower() if colon else ""
        if name and name not in fields:
            fields[name] = value.strip()
        else:
            name = ""
    return fields


def _decode(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("latin-1")
