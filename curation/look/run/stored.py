"""The tables of a stage: its rows, and the hash-sample that it keeps beside large ones.

Of a state with more than a million records a stage writes some 100,000 aside, those whose position under the
salt `look` is below a rate. So what asks for no more reads as much of a billion documents as of a million.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from curation.accounting.ledger import STATES
from curation.accounting.manifest import join, published, read_manifest
from curation.accounting.sample import STORED
from curation.accounting.settle import SETTLED

#: Standard normal deviate of a two-sided 95 % interval.
_DEVIATE = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some records of a stage, as they are read.

    Attributes:
        table: where they lie; `only` those of it, all where None.
        state: that they ended in; None for any.
        read: how many they are; they stand for `held`.
    """

    table: ds.Dataset
    only: ds.Expression | None
    state: str | None
    read: int
    held: int

    @property
    def weight(self) -> float:
        """How many records each stands for."""
        return self.held / self.read if self.read else 1.0

    @property
    def within(self) -> int:
        """How far at most a number estimated from these is off, in 95 of 100 such samples."""
        share = math.sqrt(1 - self.read / self.held) if self.held else 0.0
        return round(_DEVIATE / 2 * self.held * share / math.sqrt(self.read or 1))


def rows(directory: str, stage: str) -> ds.Dataset:
    """Return the rows of a stage's published output as an Arrow dataset, with their `state`.

    Raises:
        MissingManifest: the stage was never published there.
    """
    return _parted(directory, stage, "rows")


def _parted(directory: str, stage: str, name: str) -> ds.Dataset:
    states = ds.partitioning(pa.schema([pa.field("state", pa.string())]), flavor="hive")
    found = open_table(join(published(directory, stage), name), partitioning=states)
    return found if found.files else ds.dataset(SETTLED.empty_table())


def open_table(path: str, **options: Any) -> ds.Dataset:
    """Return the Parquet files below a path or URL as one dataset; without files it has no columns."""
    filesystem, name = fsspec.core.url_to_fs(path.replace("s3a://", "s3://", 1))
    return ds.dataset(name, filesystem=filesystem, format="parquet", **options)


def matching(
    table: ds.Dataset, condition: ds.Expression, columns: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Return the rows that meet a condition; of row groups that hold none only its columns are read."""
    found: list[dict[str, Any]] = []
    parted = isinstance(table, ds.FileSystemDataset)
    for file in table.get_fragments():
        for group in file.split_by_row_group() if parted else [file]:
            if group.scanner(schema=table.schema, filter=condition).count_rows():
                read = group.to_table(schema=table.schema, filter=condition, columns=columns)
                found += read.to_pylist()
    return found


def parts(directory: str, stage: str, state: str | None = None, *, rate: float) -> list[Part]:
    """Return where to read a hash-sample of `rate` of a stage, or of those that ended in one state.

    The stored sample of those states that have one of as high a rate, all rows of the others.

    Raises:
        MissingManifest: the stage was never published there.
    """
    manifest = read_manifest(published(directory, stage))
    stored = manifest.detail.get(STORED, {})
    wanted = [state] if state else STATES
    if not any(rate <= stored.get(each, -1.0) for each in wanted):
        return [_whole(directory, stage, state)]
    found = []
    for each in wanted:
        if held := manifest.ledger[each]["records"]:
            aside, only = rate <= stored.get(each, -1.0), pc.field("state") == each
            table = _parted(directory, stage, STORED if aside else "rows")
            read = table.count_rows(filter=only) if aside else held
            found.append(Part(table=table, only=only, state=each, read=read, held=held))
    return found


def _whole(directory: str, stage: str, state: str | None) -> Part:
    held = read_manifest(published(directory, stage)).ledger[state or "in"]["records"]
    only = pc.field("state") == state if state else None
    return Part(table=rows(directory, stage), only=only, state=state, read=held, held=held)


def estimated(found: Sequence[Part]) -> list[str]:
    """Return in words how far numbers of these are estimates; nothing where all was read."""
    return [
        f"Estimated: {each.read:,} of {each.held:,} {each.state} documents were read, a hash-sample; in 95 "
        f"of 100 such samples a number of those documents is at most {each.within:,} off."
        for each in found
        if each.read < each.held
    ]
