"""The two calls of the stage that reads: cut files into splits, read one split as Arrow batches.

Format `warc` is WARC, WET and ARC, told apart by the files themselves. Inputs are records of type response,
resource, revisit, conversion and any type not named here. Records of type request, metadata and warcinfo
(and an ARC file's description) describe captures; they are not inputs and not counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields

import pyarrow as pa

from curation.document import PAGE
from curation.files.block_file import BlockFile
from curation.pages.http import BodyTooLarge, parse_response
from curation.pages.page import TOO_LARGE, UNREADABLE, Page, Split
from curation.pages.parquet import parquet_pages
from curation.pages.tables import Columns, jsonl_pages
from curation.pages.warc import Damage, Record, records

FORMATS = ("warc", "jsonl", "parquet")
_BATCH_ROWS = 512
_BATCH_BYTES = 8 * 2**20
_DESCRIBING = ("request", "metadata", "warcinfo")
#: Types of archive records that are read as pages where an input does not name others.
RECORDS = ("response", "resource", "conversion")
_NAMES = tuple(field.name for field in fields(Page))


def splits(files: Sequence[tuple[str, int]], format: str, split_bytes: int) -> list[Split]:
    """Return the splits of (url, size in bytes) pairs, in order; every file has at least one.

    Compressed JSONL is one split. Raises ValueError on an unknown format or a size that is not positive.
    """
    if format not in FORMATS:
        raise ValueError(f"format {format!r} is none of {', '.join(FORMATS)}")
    if split_bytes <= 0:
        raise ValueError(f"a split has {split_bytes} bytes; give a positive number")
    found = []
    for file, size in files:
        whole = format == "jsonl" and file.endswith((".gz", ".zst"))
        step = max(1, size) if whole else split_bytes
        found += [
            Split(file=file, start=start, end=min(start + step, max(1, size)), format=format)
            for start in range(0, max(1, size), step)
        ]
    return found


def read(
    split: Split,
    *,
    source: str,
    text: str | None = None,
    html: str | None = None,
    id: str | None = None,
    url: str | None = None,
    types: Sequence[str] = RECORDS,
) -> Iterator[pa.RecordBatch]:
    """Yield the split's records in the PAGE schema, at most 512 rows or 8 MiB of bodies a batch.

    `text`, `html`, `id` and `url` name columns of JSONL and Parquet; WARC needs none. `types` are the archive
    records read as pages; the others come with their type as `kind`, for the extraction to drop. A file
    that is missing or may not be read is one failure, of the split that starts at 0. Raises OSError where
    the file system fails otherwise (worth a retry), ValueError where the columns are not said.
    """
    columns = None
    if split.format != "warc":
        columns = Columns(text=text, html=html, id=id, url=url)
    rows: list[Page] = []
    held_bytes = 0
    for page in _pages(split, columns, types):
        page_bytes = len(page.body or b"")
        if rows and (len(rows) == _BATCH_ROWS or held_bytes + page_bytes > _BATCH_BYTES):
            yield _batch(rows, source)
            rows, held_bytes = [], 0
        rows.append(page)
        held_bytes += page_bytes
    if rows:
        yield _batch(rows, source)


def _batch(rows: list[Page], source: str) -> pa.RecordBatch:
    columns = {name: [getattr(row, name) for row in rows] for name in _NAMES}
    columns["source"] = [source] * len(rows)
    return pa.RecordBatch.from_pydict({name: columns[name] for name in PAGE.names}, schema=PAGE)


def _pages(split: Split, columns: Columns | None, types: Sequence[str]) -> Iterator[Page]:
    try:
        if split.format == "parquet" and columns:
            yield from parquet_pages(split.file, split.start, split.end, columns)
            return
        with BlockFile(split.file) as source:
            if split.format == "jsonl" and columns:
                yield from jsonl_pages(source, split.start, split.end, columns)
            else:
                yield from _warc_pages(source, split, types)
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        if split.start == 0:
            yield Page(file=split.file, offset=0, length=0, failure=UNREADABLE, detail=str(error))


def _warc_pages(source: BlockFile, split: Split, types: Sequence[str]) -> Iterator[Page]:
    for found in records(source, split.start, split.end):
        if isinstance(found, Damage):
            yield Page(
                file=split.file,
                offset=found.offset,
                length=found.length,
                failure=found.reason,
                detail=found.detail,
            )
        elif found.headers.get("warc-type", "").lower() not in _DESCRIBING:
            yield record_page(split.file, found, types)


def record_page(file: str, record: Record, types: Sequence[str] = RECORDS) -> Page:
    """Return the page in an archive record: HTTP parsed, transfer and content codings undone."""
    headers = record.headers
    kind = headers.get("warc-type", "").lower()
    content_type = headers.get("content-type", "")
    notes: tuple[str, ...] = ()
    truncated = headers.get("warc-truncated")
    if truncated is not None:
        notes = (f"WARC-Truncated: {truncated}",)
    status, body, damaged, failure = None, record.block, False, None
    if content_type.lower().replace(" ", "").startswith("application/http") or (
        kind == "response" and body[:5].upper() == b"HTTP/"
    ):
        try:
            response = parse_response(body)
        except BodyTooLarge as error:
            failure, notes, body = TOO_LARGE, (str(error),), b""
        else:
            status, content_type, body = response.status, response.content_type, response.body
            damaged, notes = response.damaged, (*notes, *response.notes)
    return Page(
        file=file,
        offset=record.offset,
        length=record.length,
        record_id=headers.get("warc-record-id", "").strip("<>"),
        url=headers.get("warc-target-uri", "").strip("<> "),
        captured_at=headers.get("warc-date", ""),
        status=status,
        content_type=content_type,
        kind=_kind(kind, types),
        truncated=truncated,
        damaged=damaged,
        body=None if failure else body,
        failure=failure,
        detail="; ".join(notes) or None,
    )


def _kind(record_type: str, types: Sequence[str]) -> str:
    """Return what a record is to the extraction: html, text, or its own type where it is not to be read."""
    if record_type not in types:
        return record_type or "untyped"
    return "text" if record_type == "conversion" else "html"
