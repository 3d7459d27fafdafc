"""Pages from Parquet: a row group belongs to the split in which its first byte lies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import IO, Any, cast

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.accounting.loss import RecordLoss
from curation.files.compression import PARQUET, compression_of, foreign_container
from curation.pages.page import NO_TEXT, FileSplit, Page, ReadOptions, failure, lost_file
from curation.pages.rows import lacking, partitions, row_page

_BATCH_ROWS = 64
_FIRST_BYTES = 16


class _WatchedFile:
    """A file that remembers an error of its own, so that it is not mistaken for damaged data."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, count: int = -1) -> bytes:
        try:
            return self._file.read(count)
        except OSError as error:
            self.error = error
            raise


def parquet_pages(split: FileSplit, options: ReadOptions) -> Iterator[Page]:
    """Yield a page for each row of the row groups that start in the split.

    A damaged row group is one failure that says how many rows it held. Raises what the file system raises.
    """
    watched = _WatchedFile(fsspec.open(split.file, "rb").open())
    try:
        size_bytes = watched.seek(0, 2)
        table = _open(watched)
        if isinstance(table, str):
            yield from lost_file(split, table)
            return
        if not _has(table.schema_arrow, options.content) and options.content not in partitions(split.file):
            detail = lacking([options.content], table.schema_arrow.names)
            yield from lost_file(split, detail, name=NO_TEXT, records=table.metadata.num_rows)
            return
        first_row = 0
        for number in range(table.num_row_groups):
            group = table.metadata.row_group(number)
            if split.start <= _first_byte(group, size_bytes) < split.end:
                yield from _group_pages(split.file, table, number, first_row, options, watched)
            first_row += group.num_rows
    finally:
        watched.close()


def _open(watched: _WatchedFile) -> pq.ParquetFile | str:
    try:
        return pq.ParquetFile(pa.PythonFile(cast(Any, watched), mode="r"))
    except (pa.ArrowException, OSError) as error:
        if watched.error:
            raise watched.error from None
        return _instead(watched) or f"not readable as Parquet: {error}"


def _instead(watched: _WatchedFile) -> str | None:
    """Return in words what a file is that is no Parquet; None where its first bytes do not tell."""

    def at(offset: int, count: int) -> bytes:
        watched.seek(offset)
        return watched.read(count)

    if compression := compression_of(at):
        return (
            f"it is compressed by {compression} as a whole; expected Parquet, compressed inside or not at all"
        )
    words = foreign_container(at(0, _FIRST_BYTES))
    return f"it is {words}; expected Parquet" if words and words != PARQUET else None


def _first_byte(group: Any, size_bytes: int) -> int:
    """Return where a row group's first column chunk starts; a dictionary page comes before the data.

    An offset outside the file (part of it is missing) is moved to the file's nearest byte, so that the group
    still belongs to one split, which reports its loss.
    """
    if group.num_columns == 0:
        return 0
    column = group.column(0)
    dictionary = column.dictionary_page_offset
    first = int(column.data_page_offset if dictionary is None else dictionary)
    return min(max(0, first), size_bytes - 1)


def _group_pages(
    url: str,
    table: pq.ParquetFile,
    number: int,
    first_row: int,
    options: ReadOptions,
    watched: _WatchedFile,
) -> Iterator[Page]:
    rows = table.metadata.row_group(number).num_rows
    names = table.schema_arrow.names
    columns = [name for name in options.named if _has(table.schema_arrow, name)]
    row = first_row
    try:
        for batch in table.iter_batches(_BATCH_ROWS, row_groups=[number], columns=columns):
            for values in _rows(batch, columns):
                page = row_page(url, row, 1, values, options)
                yield replace(page, detail=lacking(page.missing, names)) if page.missing else page
                row += 1
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if watched.error:
            raise watched.error from None
        lost = first_row + rows - row
        detail = f"row group {number} is damaged, {lost} of its {rows} rows are lost: {error}"
        yield failure(url, row, detail, length=lost, loss=RecordLoss(records=lost))


def _has(schema: pa.Schema, name: str) -> bool:
    """Return whether a table has a column, or a field nested in one where the name's dots lead there."""
    if name in schema.names:
        return True
    first, *steps = name.split(".")
    kind = schema.field(first).type if steps and first in schema.names else None
    for step in steps:
        if kind is None or not pa.types.is_struct(kind) or kind.get_field_index(step) < 0:
            return False
        kind = kind.field(step).type
    return kind is not None


def _rows(batch: pa.RecordBatch, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of a batch, nested fields by their whole names; invalid UTF-8 is returned as bytes."""
    columns = {name: _column(batch, name) for name in names}
    try:
        values = {name: column.to_pylist() for name, column in columns.items()}
    except UnicodeDecodeError:
        values = {name: _values(column) for name, column in columns.items()}
    return [{name: value[row] for name, value in values.items()} for row in range(batch.num_rows)]


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    """Return a column, or a field nested in one; null where what it is nested in is."""
    if name in batch.schema.names:
        return batch[name]
    first, *steps = name.split(".")
    return pc.struct_field(batch[first], steps)


def _values(column: pa.Array) -> list[Any]:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return list(column.to_pylist())
    return [_text(value) for value in column.cast(pa.large_binary()).to_pylist()]


def _text(value: bytes | None) -> str | bytes | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return value
