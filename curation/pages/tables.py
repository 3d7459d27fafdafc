"""Pages from JSONL (plain, gzip, zstd) and Parquet: one line or row, one page.

A plain JSONL file is split by bytes, a row group of Parquet belongs to the split its first byte lies in, a
compressed JSONL file is read whole by the split that starts at 0. What belongs to the file as a whole (it
is missing, it has no such column) is reported once, by the split that starts at 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from curation.files.block_file import BlockFile
from curation.files.compression import Damaged, inflated, unzstd
from curation.pages.page import MAX_BODY_BYTES, NO_TEXT, TOO_LARGE, UNREADABLE, Page


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """Which columns hold what. Exactly one of `text` and `html` is set."""

    text: str | None
    html: str | None
    id: str | None
    url: str | None

    def __post_init__(self) -> None:
        if (self.text is None) == (self.html is None):
            raise ValueError(
                "a Parquet or JSONL input names one column to read: either `text` or `html`;"
                f" found text={self.text!r} and html={self.html!r}"
            )

    @property
    def content(self) -> str:
        """The column with the text or HTML."""
        return self.text if self.text is not None else str(self.html)

    def named(self) -> list[str]:
        """Return the names of the columns to read, without repeats."""
        return list(dict.fromkeys(c for c in (self.content, self.id, self.url) if c is not None))


def jsonl_pages(source: BlockFile, start: int, end: int, columns: Columns) -> Iterator[Page]:
    """Yield a page for each line that starts in bytes [start, end); blank lines are none."""
    magic = source.at(0, 4)
    if magic.startswith(b"\x1f\x8b") or magic == b"\x28\xb5\x2f\xfd":
        if start == 0:
            yield from _compressed_pages(source, magic, columns)
        return
    for offset, line, length in _lines(_bytes_from(source, start), start, end):
        page = _line_page(source.url, offset, length, line, columns)
        if page:
            yield page


def _compressed_pages(source: BlockFile, magic: bytes, columns: Columns) -> Iterator[Page]:
    """Yield pages located by line number, from 1; what cannot be decompressed is one failure at the end."""
    number = 0
    unpack = inflated if magic.startswith(b"\x1f\x8b") else unzstd
    stream = unpack(_bytes_from(source, 0))
    try:
        for number, (_, line, _) in enumerate(_lines(stream, 0, None), start=1):
            page = _line_page(source.url, number, 1, line, columns)
            if page:
                yield page
    except Damaged as error:
        yield _failure(source.url, number + 1, f"the lines from here on are lost: {error}")


def _bytes_from(source: BlockFile, offset: int) -> Iterator[bytes]:
    # One byte earlier, to see whether a line starts right at the offset.
    position = max(0, offset - 1)
    while piece := source.piece(position):
        yield piece
        position += len(piece)


def _lines(pieces: Iterator[bytes], start: int, end: int | None) -> Iterator[tuple[int, bytes | None, int]]:
    """Yield (offset, line, length) of lines that start in [start, end); the line is None above the cap."""
    held = bytearray()
    offset = max(0, start - 1)  # of held[0], or of the line whose front was let go
    dropped = 0  # bytes of the current line that were let go
    skipping = start > 0  # until the first newline: that line started earlier
    for piece in pieces:
        searched = len(held)
        held += piece
        while (stop := held.find(b"\n", searched)) >= 0:
            length = dropped + stop + 1
            if not skipping:
                if end is not None and offset >= end:
                    return
                yield offset, None if dropped else bytes(held[:stop]), length
            del held[: stop + 1]
            offset, dropped, searched, skipping = offset + length, 0, 0, False
        if len(held) > MAX_BODY_BYTES:
            dropped += len(held)
            held.clear()
    if (held or dropped) and not skipping and (end is None or offset < end):
        yield offset, None if dropped else bytes(held), dropped + len(held)


def _line_page(file: str, offset: int, length: int, line: bytes | None, columns: Columns) -> Page | None:
    if line is None:
        detail = f"a line of more than {MAX_BODY_BYTES} bytes"
        return _failure(file, offset, detail, name=TOO_LARGE, length=length)
    if not line.strip():
        return None
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return _failure(file, offset, f"not JSON: {error}", length=length)
    if not isinstance(row, dict):
        detail = f"not a JSON object, but {type(row).__name__}"
        return _failure(file, offset, detail, length=length)
    return row_page(file, offset, length, row, columns)


def row_page(file: str, offset: int, length: int, row: Mapping[str, Any], columns: Columns) -> Page:
    """Return the page of one row; a failure where it lacks the column or its value is no text.

    A null is an empty text: the extraction drops it and says so.
    """
    if columns.content not in row:
        names = ", ".join(sorted(map(str, row))[:20])
        detail = f"no column {columns.content!r}; found: {names or 'none'}"
        return _failure(file, offset, detail, name=NO_TEXT, length=length)
    value = row[columns.content]
    if value is not None and not isinstance(value, str | bytes):
        detail = f"column {columns.content!r} holds {type(value).__name__}, not text"
        return _failure(file, offset, detail, name=NO_TEXT, length=length)
    media = "text/plain" if columns.text is not None else "text/html"
    # A str is UTF-8 from here on, whatever its own meta tag says; bytes speak for themselves.
    content_type = media if isinstance(value, bytes) else f"{media}; charset=utf-8"
    body = value if isinstance(value, bytes) else without_surrogates(value or "").encode()
    if len(body) > MAX_BODY_BYTES:
        detail = f"{len(body)} bytes, the limit is {MAX_BODY_BYTES}"
        return _failure(file, offset, detail, name=TOO_LARGE, length=length)
    return Page(
        file=file,
        offset=offset,
        length=length,
        record_id=_string(row.get(columns.id)) if columns.id else "",
        url=_string(row.get(columns.url)) if columns.url else "",
        content_type=content_type,
        kind="text" if columns.text is not None else "html",
        body=body,
    )


def without_surrogates(text: str) -> str:
    r"""Return the text with U+FFFD for each lone surrogate: JSON can hold them, Arrow cannot.

    >>> without_surrogates("a\ud800b")
    'a�b'
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _string(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else without_surrogates(str(value))


def _failure(file: str, offset: int, detail: str, *, name: str = UNREADABLE, length: int = 1) -> Page:
    return Page(file=file, offset=offset, length=length, failure=name, detail=detail)
