"""Pages from JSONL (plain, gzip, zstd): one line, one page.

A plain file is split by bytes. A compressed file is read whole by the split that starts at 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from curation.accounting.loss import RecordLoss
from curation.files.block_file import BlockFile
from curation.files.compression import Damaged, inflated, unzstd
from curation.pages.page import (
    MAX_BODY_BYTES,
    TOO_LARGE,
    FileSplit,
    Page,
    ReadOptions,
    by_bytes,
    failure,
    undivided,
)
from curation.pages.rows import row_page

_STEP_BYTES = 4096  # damage is located within so many
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def jsonl_splits(url: str, size_bytes: int, split_bytes: int) -> Iterable[tuple[int, int]]:
    """Return the ranges of a file; a compressed one is not divided."""
    divide = undivided if url.endswith((".gz", ".zst")) else by_bytes
    return divide(url, size_bytes, split_bytes)


def jsonl_pages(split: FileSplit, options: ReadOptions) -> Iterator[Page]:
    """Yield a page for each line that starts in the split; blank lines are not pages."""
    with BlockFile(split.file) as source:
        magic = source.at(0, 4)
        if magic.startswith((_GZIP, _ZSTD)):
            if split.start == 0:
                yield from _compressed_pages(source, magic, options)
            return
        for offset, line, length in _lines(_bytes_from(source, split.start), split.start, split.end):
            page = _line_page(split.file, offset, length, line, options)
            if page:
                yield page


def _compressed_pages(source: BlockFile, magic: bytes, options: ReadOptions) -> Iterator[Page]:
    """Yield pages located by line number, from 1; what cannot be decompressed is one failure at the end."""
    number = 0
    decompress = inflated if magic.startswith(_GZIP) else unzstd
    steps = _Steps(source)
    try:
        for number, (_, line, _) in enumerate(_lines(decompress(steps), 0, None), start=1):
            page = _line_page(source.url, number, 1, line, options)
            if page:
                yield page
    except Damaged as error:
        detail = f"the lines from here on are lost: {error}"
        loss = RecordLoss(lost_bytes=source.size_bytes - steps.position, whole_file=not number)
        yield failure(source.url, number + 1, detail, loss=loss)


class _Steps:
    """The bytes of a file in small pieces; `position` is where the one handed out last begins."""

    def __init__(self, source: BlockFile) -> None:
        self._source = source
        self.position = 0

    def __iter__(self) -> Iterator[bytes]:
        following = 0
        for piece in _bytes_from(self._source, 0):
            for start in range(0, len(piece), _STEP_BYTES):
                self.position, following = following, following + len(piece[start : start + _STEP_BYTES])
                yield piece[start : start + _STEP_BYTES]


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
    if not isinstance(row, dict):
        detail = f"not a JSON object, but {type(row).__name__}"
        return failure(file, offset, detail, length=length)
    return row_page(file, offset, length, row, options)
