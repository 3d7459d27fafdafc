"""The formats of input files: `FORMATS` says of each how its files are split and read.

A new format is a reader in a file of its own and one line here. Each split is read by one task into
Arrow batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import pyarrow as pa

from curation.accounting.loss import RecordLoss
from curation.document import PAGE
from curation.pages.jsonl import jsonl_pages, jsonl_splits
from curation.pages.page import FileSplit, Page, ReadOptions, by_bytes, lost_file
from curation.pages.parquet import parquet_pages
from curation.pages.warc import warc_pages
from curation.text.mistakes import one_of

_BATCH_ROWS = 512
_MOST_FILES = 64  # read together
_BATCH_BYTES = 8 * 2**20
_DEFAULTS = ReadOptions()
_PAGE_FIELDS = tuple(field.name for field in fields(Page))
_LOSS_FIELDS = tuple(field.name for field in fields(RecordLoss))


@dataclass(frozen=True, slots=True)
class Format:
    """How files of one format become pages.

    Attributes:
        splits: (url, size in bytes, bytes of a split) to the ranges of bytes that tasks read: at least one,
            even of an empty file, and together the whole file.
        read: yields the pages of the records that start in a split. What cannot be read is a page with
            `failure` set. Raises only what the file system raises.
        columns: whether an input names the columns to read (`text` or `html`, `id`, `url`). Without columns,
            `offset` of a page is bytes, so that the split of one byte there yields the page again.
        uniform: whether all records of a file have the same columns.
        record_types: whether an input chooses types of records and of what they hold (`records`, `types`).
    """

    splits: Callable[[str, int, int], Iterable[tuple[int, int]]]
    read: Callable[[FileSplit, ReadOptions], Iterator[Page]]
    columns: bool = False
    uniform: bool = False
    record_types: bool = False


FORMATS: Mapping[str, Format] = {
    "warc": Format(by_bytes, warc_pages, record_types=True),
    "jsonl": Format(jsonl_splits, jsonl_pages, columns=True),
    "parquet": Format(by_bytes, parquet_pages, columns=True, uniform=True),
}


def mistake(format: str, options: ReadOptions) -> str | None:
    """Return what is wrong with the name of a format, or with options that do not go with it."""
    if format not in FORMATS:
        return one_of(format, FORMATS)
    columns = FORMATS[format].columns
    if columns and bool(options.text) == bool(options.html):
        return f"{format} needs either 'text' or 'html', the column to read"
    if not columns and options.named:
        with_columns = ", ".join(name for name in FORMATS if FORMATS[name].columns)
        return f"{format} has no columns; text, html, id and url are for {with_columns}"
    for name in ("records", "types"):
        if not FORMATS[format].record_types and tuple(getattr(options, name)) != getattr(_DEFAULTS, name):
            with_types = ", ".join(name for name in FORMATS if FORMATS[name].record_types)
            return f"{format} has no types of records; {name} is for {with_types}"
    return None


def splits(files: Sequence[tuple[str, int]], format: str, split_bytes: int) -> list[FileSplit]:
    """Return the splits of (url, size in bytes) pairs, in order; every file has at least one.

    Raises ValueError on an unknown format or a size that is not positive.
    """
    if format not in FORMATS:
        raise ValueError(one_of(format, FORMATS))
    if split_bytes <= 0:
        raise ValueError(f"a split has {split_bytes} bytes; expected a positive number")
    return [
        FileSplit(file=file, start=start, end=end, format=format, size_bytes=size_bytes)
        for file, size_bytes in files
        for start, end in FORMATS[format].splits(file, size_bytes, split_bytes)
    ]


def joined(parts: Sequence[FileSplit], split_bytes: int) -> list[list[FileSplit]]:
    """Return splits as they are read together: consecutive ones of at most so many bytes in all.

    A small file counts as a sixty-fourth of a split, for what it costs to open.
    """
    groups: list[list[FileSplit]] = []
    room = 0.0
    for split in parts:
        weight = max(split.end - split.start, split_bytes / _MOST_FILES)
        if weight > room:
            groups.append([])
            room = split_bytes
        groups[-1].append(split)
        room -= weight
    return groups


def read(split: FileSplit, options: ReadOptions = _DEFAULTS, *, source: str) -> Iterator[pa.RecordBatch]:
    """Yield the split's records in the PAGE schema, at most 512 rows or 8 MiB of bodies a batch.

    A file that is missing or may not be read is one failure, of the split that starts at 0. Raises OSError
    where the file system fails otherwise (worth a retry), ValueError where the options do not fit the format.
    """
    if wrong := mistake(split.format, options):
        raise ValueError(wrong)
    rows: list[Page] = []
    held_bytes = 0
    for page in _pages(split, options):
        page_bytes = len(page.body or b"")
        if rows and (len(rows) == _BATCH_ROWS or held_bytes + page_bytes > _BATCH_BYTES):
            yield _batch(rows, source)
            rows, held_bytes = [], 0
        rows.append(page)
        held_bytes += page_bytes
    if rows:
        yield _batch(rows, source)


def _pages(split: FileSplit, options: ReadOptions) -> Iterator[Page]:
    try:
        yield from FORMATS[split.format].read(split, options)
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        yield from lost_file(split, str(error))


def _batch(rows: list[Page], source: str) -> pa.RecordBatch:
    columns = {name: [getattr(row, name) for row in rows] for name in _PAGE_FIELDS}
    columns["loss"] = [_loss(row.loss) if row.failure else None for row in rows]
    columns["columns"] = [row.columns for row in rows]
    columns["source"] = [source] * len(rows)
    return pa.RecordBatch.from_pydict({name: columns[name] for name in PAGE.names}, schema=PAGE)


def _loss(loss: RecordLoss) -> dict[str, object]:
    return {name: getattr(loss, name) for name in _LOSS_FIELDS}  # a fifth of what `asdict` takes
