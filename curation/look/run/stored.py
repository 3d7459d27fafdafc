"""The tables of a stage: its rows, and the hash-sample that it keeps beside large ones.

Of a state with more than a million records a stage writes some 100,000 aside: those whose position under the
salt `look` is below a rate. A question that needs no more reads no more, however large the stage is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from curation.accounting.manifest import join

#: Standard normal deviate of a two-sided 95 % interval.
DEVIATE = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Where to read some records of a stage.

    Attributes:
        table: where they lie.
        only: which rows of the table; all where None.
        state: that they ended in; None for any.
        read: how many records are read.
        total: how many they stand for.
    """

    table: ds.Dataset
    only: ds.Expression | None
    state: str | None
    read: int
    total: int

    @property
    def weight(self) -> float:
        """How many records each one that is read stands for."""
        return self.total / self.read if self.read else 1.0

    @property
    def error(self) -> int:
        """How far at most a number estimated from these is off, in 95 of 100 such samples."""
        left_out = math.sqrt(1 - self.read / self.total) if self.total else 0.0
        return round(DEVIATE / 2 * self.total * left_out / math.sqrt(self.read or 1))


def open_table(path: str, files: Sequence[str] | None = None, **options: Any) -> ds.Dataset:
    """Return the Parquet files below a path or URL as one dataset; without files it has no columns.

    files: their names; None: all that are there.
    """
    filesystem, name = fsspec.core.url_to_fs(path.replace("s3a://", "s3://", 1))
    source = name if files is None else [join(name, file) for file in files]
    return ds.dataset(source, filesystem=filesystem, format="parquet", **options)


def among(column: str, values: Iterable[str]) -> ds.Expression:
    """Return the condition that a text column holds one of these values; no row meets it for no values.

    The values are typed here: Arrow gives an empty list the type null, which no column of text compares with.
    """
    return pc.field(column).isin(pa.array(sorted(set(values)), pa.string()))


def matching(
    table: ds.Dataset, condition: ds.Expression, columns: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Return the rows that meet a condition; of row groups that hold none only its columns are read."""
    rows: list[dict[str, Any]] = []
    is_parquet = isinstance(table, ds.FileSystemDataset)
    for file in table.get_fragments():
        for group in file.split_by_row_group() if is_parquet else [file]:
            if group.scanner(schema=table.schema, filter=condition).count_rows():
                hits = group.to_table(schema=table.schema, filter=condition, columns=columns)
                rows += hits.to_pylist()
    return rows


def estimated(scans: Sequence[Scan]) -> list[str]:
    """Return in words how far numbers from these are estimates; nothing where all was read."""
    return [
        f"Estimated: {scan.read:,} of {scan.total:,} {scan.state} documents were read, a hash-sample; in 95 "
        f"of 100 such samples a number of those documents is at most {scan.error:,} off."
        for scan in scans
        if scan.read < scan.total
    ]
