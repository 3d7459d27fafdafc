"""Pages from JSONL, compressed or not: one line, one page.

A plain file of lines is split by bytes. One that is compressed, in UTF-16 or UTF-32, an array, or of values
over several lines is read whole by the split that starts at 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain

from curation.accounting.loss import RecordLoss
from curation.files.block_file import BlockFile, Steps, pieces
from curation.files.compression import compression_of, foreign_container, named_compression
from curation.files.frames import Damaged
from curation.files.members import Members, next_member
from curation.pages.json_values import SNIFFED_BYTES, BadValues, is_whole, recoded, values, wide_encoding
from curation.pages.page import (
    MAX_BODY_BYTES,
    TOO_LARGE,
    FileSplit,
    Page,
    ReadOptions,
    by_bytes,
    failure,
    lost_file,
    undivided,
)
from curation.pages.rows import row_page


def jsonl_splits(url: str, size_bytes: int, split_bytes: int) -> Iterable[tuple[int, int]]:
    """Return the ranges of a file; a compressed one is not divided."""
    divide = undivided if named_compression(url) else by_bytes
    return divide(url, size_bytes, split_bytes)


def jsonl_pages(split: FileSplit, options: ReadOptions) -> Iterator[Page]:
    """Yield a page for each line that starts in the split; blank lines are not pages."""
    with BlockFile(split.file) as source:
        compression = compression_of(source.at, source.url)
        first = source.at(0, SNIFFED_BYTES)
        words = None if compression else foreign_container(first)
        if words or compression or wide_encoding(first) or is_whole(first):
            if words:
                yield from lost_file(split, f"it is {words}; expected lines of JSON, compressed or not")
            elif split.start == 0:
                yield from _undivided_pages(source, compression, options)
            return
        for offset, line, length in _lines(_bytes_from(source, split.start), split.start, split.end):
            page = _line_page(split.file, offset, length, line, options)
            if page:
                yield page


def _undivided_pages(source: BlockFile, compression: str | None, options: ReadOptions) -> Iterator[Page]:
    """Yield pages located by number, from 1, and a failure for each part that cannot be read.

    After damage a compressed file is read on from its next member, where a line may begin in the middle.
    """
    offset, number, useful = 0, 0, False
    while offset < source.size_bytes:
        stream = _stream(source, compression, offset, options)
        try:
            for page in _numbered(stream, source.url, number, options):
                number += 1
                useful |= page is not None and not page.failure
                if page:
                    yield page
            return
        except (Damaged, BadValues) as error:
            lost_from, offset = stream.position, source.size_bytes
            detail = f"the values from here on are lost: {error}"
            if isinstance(error, BadValues):
                lost_from = int(lost_from * error.read_fraction)
            elif isinstance(stream, Members):
                lost_from, offset = (
                    stream.lost_from,
                    next_member(source, stream.compression, stream.begin + 1, options.max_window_mib),
                )
                detail = _lost_lines(error, stream, offset, source.size_bytes)
            number += 1
            whole_file = offset >= source.size_bytes and not useful
            loss = RecordLoss(lost_bytes=max(0, offset - lost_from), whole_file=whole_file)
            yield failure(source.url, number, detail, loss=loss)


def _stream(source: BlockFile, compression: str | None, offset: int, options: ReadOptions) -> Members | Steps:
    if compression is None:
        return Steps(source)
    limit = options.max_window_mib
    return Members(pieces(source, offset), compression, max_window_mib=limit, offset=offset)


def _lost_lines(error: Damaged, members: Members, following: int, size_bytes: int) -> str:
    """Return what damage cost; only of a member that fails a check the lines before it are in doubt."""
    what = f"lines up to byte {following:,}" if following < size_bytes else "the lines from here on"
    doubt = ", and those before them in the same member may be wrong" if members.in_doubt(size_bytes) else ""
    return f"{what} are lost{doubt}: {error}"


def _numbered(stream: Iterable[bytes], file: str, before: int, options: ReadOptions) -> Iterator[Page | None]:
    """Yield the pages of a text's lines or values, None for a blank line. Raises Damaged and BadValues.

    before: how many came before them.
    """
    first, whole = _sniffed(iter(stream))
    if encoding := wide_encoding(first):
        first, whole = _sniffed(recoded(whole, encoding))
    if is_whole(first):
        for number, value in enumerate(values(whole), start=before + 1):
            yield _value_page(file, number, 1, value, options)
    else:
        for number, (_, line, _) in enumerate(_lines(whole, 0, None), start=before + 1):
            yield _line_page(file, number, 1, line, options)


def _sniffed(stream: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return a stream's first bytes, and all of it; what damage says is raised after what precedes it."""
    first, damage = b"", None
    try:
        while len(first) < SNIFFED_BYTES and (piece := next(stream, b"")):
            first += piece
    except Damaged as error:
        damage = error

    def rest() -> Iterator[bytes]:
        if damage:
            raise damage
        yield from stream

    return first[:SNIFFED_BYTES], chain((first,), rest())


def _bytes_from(source: BlockFile, offset: int) -> Iterator[bytes]:
    # One byte earlier, to see whether a line starts right at the offset.
    position = max(0, offset - 1)
    while piece := source.piece(position):
        yield piece
        position += len(piece)


def _lines(pieces: Iterator[bytes], start: int, end: int | None) -> Iterator[tuple[int, bytes | None, int]]:
    """Yield (offset, line, length) of lines that start in [start, end); the line is None above the limit."""
    held = bytearray()
    offset = max(0, start - 1)  # of held[0], or of the line whose beginning was discarded
    discarded = 0  # bytes of the current line
    skipping = start > 0  # until the first newline: that line started earlier
    for piece in pieces:
        searched = len(held)
        held += piece
        while (stop := held.find(b"\n", searched)) >= 0:
            length = discarded + stop + 1
            if not skipping:
                if end is not None and offset >= end:
                    return
                yield offset, None if discarded else bytes(held[:stop]), length
            del held[: stop + 1]
            offset, discarded, searched, skipping = offset + length, 0, 0, False
        if len(held) > MAX_BODY_BYTES:
            discarded += len(held)
            held.clear()
    if (held or discarded) and not skipping and (end is None or offset < end):
        yield offset, None if discarded else bytes(held), discarded + len(held)


def _line_page(file: str, offset: int, length: int, line: bytes | None, options: ReadOptions) -> Page | None:
    if line is None:
        detail = f"a line of more than {MAX_BODY_BYTES} bytes"
        return failure(file, offset, detail, name=TOO_LARGE, length=length)
    if not line.strip():
        return None
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return failure(file, offset, f"not JSON: {error}", length=length)
    return _value_page(file, offset, length, row, options)


def _value_page(file: str, offset: int, length: int, row: object, options: ReadOptions) -> Page:
    if not isinstance(row, dict):
        detail = f"not a JSON object, but {type(row).__name__}"
        return failure(file, offset, detail, length=length)
    return row_page(file, offset, length, row, options)
