"""The columns of a record that a question may name: stored ones, derived ones, and measures.

Records come as batches, a few columns at a time, so memory does not grow with the number of records. Without
a stage, every record comes once: as it was where it ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from curation.accounting.ledger import COUNTED
from curation.accounting.settle import SETTLED
from curation.document import COLUMN, LABEL
from curation.look.run.opened import OpenedRun
from curation.look.run.stored import among
from curation.text.address import site

Kind = Literal["text", "number", "list"]
#: Name -> its kind; a `list` has several values, and a test of it is true if one of them meets it.
COLUMNS: dict[str, Kind] = {
    **dict.fromkeys(("id", "source", "record_id", "url", "site", "captured_at", "file"), "text"),
    **dict.fromkeys(("title", "language", "charset", "engine", "text", "form", "state", "stage"), "text"),
    **dict.fromkeys(("merged_into",), "text"),
    **dict.fromkeys(("year", "offset", "length", "characters", "characters_in"), "number"),
    **dict.fromkeys(("reason", "edit"), "list"),
}
_READ = {"year": "captured_at", "site": "url", "reason": "reasons", "edit": "edits"}
_BATCH_ROWS = 8_192
_KEY = ("id", "file", "offset")

#: (stage, id, file, offset): what tells two records apart; one that stands twice in the input has one id.
Key = tuple[str, str, str, int]


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Some records of one stage."""

    stage: str
    rows: pa.RecordBatch

    def column(self, name: str) -> pa.Array:
        """Return the values of a column, of what is derived from one, or of a measure; null = it has none."""
        if name == "stage":
            return pa.array([self.stage] * self.rows.num_rows, pa.string())
        if name == "year":
            sent = pc.utf8_slice_codeunits(self.rows["captured_at"], 0, 4)
            good = pc.fill_null(pc.match_substring_regex(sent, "^[0-9]{4}$"), False)
            return pc.cast(pc.if_else(good, sent, pa.scalar(None, pa.string())), pa.float64())
        if name == "site":
            return pa.array([site(url) or None for url in self.rows["url"].to_pylist()], pa.string())
        if name in COLUMNS:
            return self.rows[name]
        if name.startswith((LABEL, COLUMN)):
            return pc.map_lookup(self.rows["metadata"], name, "first")
        return pc.map_lookup(self.rows["measures"], name, "first")

    def values(self, name: str) -> tuple[pa.Array, npt.NDArray[np.int64]]:
        """Return (every value of a `list` column, the row of each): reasons, or edits that took something."""
        column = self.rows[_READ[name]]
        if pa.types.is_map(column.type):
            first, last = column.offsets[0].as_py(), column.offsets[-1].as_py()
            row = np.repeat(np.arange(len(column)), np.diff(column.offsets.to_numpy()))
            keys, counts = (array.slice(first, last - first) for array in (column.keys, column.items))
            changed = pc.greater(counts, 0)  # an edit that ran and took nothing is none
            return keys.filter(changed), row[changed.to_numpy(zero_copy_only=False)]
        row = pc.list_parent_indices(column).to_numpy().astype(np.int64)
        return pc.struct_field(pc.list_flatten(column), "name"), row

    def record_keys(self) -> list[Key]:
        """Return the key of every record."""
        columns = (self.rows[name].to_pylist() for name in _KEY)
        return [(self.stage, *values) for values in zip(*columns, strict=True)]

    def record_key(self, row: int) -> Key:
        """Return the key of one record."""
        document, file, offset = (self.rows[name][row].as_py() for name in _KEY)
        return self.stage, document, file, offset

    def to_rows(self) -> list[dict[str, Any]]:
        """Return the records as rows with their `stage`, maps as dictionaries."""
        return [{"stage": self.stage, **row} for row in self.rows.to_pylist(maps_as_pydicts="strict")]

    def filter(self, mask: pa.Array | npt.NDArray[np.bool_]) -> RecordBatch:
        """Return the records where `mask` is true."""
        return RecordBatch(self.stage, self.rows.filter(pa.array(mask)))


def record_batches(
    run: OpenedRun,
    names: Iterable[str],
    *,
    stage: str | None = None,
    state: str | None = None,
    until: str | None = None,
    batch_rows: int = _BATCH_ROWS,
) -> Iterator[RecordBatch]:
    """Yield the records of a run with what `names` need, and their keys.

    Args:
        run: the run.
        names: columns (of the schema too), derived ones and measures.
        stage: the stage whose rows to read; None = every record once, where it ended.
        state: kept, dropped, merged or failed only.
        until: without `stage`, the last stage to read; None = the last that was published.
        batch_rows: most records of a batch.
    """
    wanted = list(dict.fromkeys([*_KEY, *(_read(name) for name in names if name != "stage")]))
    options = {"batch_size": batch_rows, "batch_readahead": 2, "fragment_readahead": 1}
    for name, table, only in _tables(run, stage, until):
        condition = only if state is None else _both(only, pc.field("state") == state)
        for batch in table.to_batches(columns=wanted, filter=condition, **options):
            if batch.num_rows:
                yield RecordBatch(name, batch)


def measure_names(run: OpenedRun) -> list[str]:
    """Return the names of the measures and labels that the records of a run may have, sorted."""
    names: set[str] = {*run.labels, *run.carried, *run.rules}
    for stage in run.require_rows():
        if stage in COUNTED:
            counts = run.ledger(stage).get("counts", {})
            names |= {name if "." in name else f"{COUNTED[stage][0]}{name}" for name in counts}
        batch = run.rows(stage).head(1_000, columns=["measures"])["measures"].combine_chunks()
        names |= {name for name in pc.unique(batch.keys).to_pylist() if name} if len(batch) else set()
    return sorted(names)


def fetch(run: OpenedRun, keys: Sequence[Key]) -> list[dict[str, Any]]:
    """Return the whole rows, with their `stage`, in the order of `keys`, masked for people to read."""
    return list(map(run.mask.row, fetch_stored(run, keys)))


def fetch_stored(run: OpenedRun, keys: Sequence[Key]) -> list[dict[str, Any]]:
    """Return the whole rows as they are stored, with their `stage`, in the order of `keys`."""
    wanted, rows = set(keys), {}
    for stage in dict.fromkeys(key[0] for key in keys):
        ids = sorted({key[1] for key in keys if key[0] == stage})
        table = run.rows(stage)
        for batch in table.to_batches(filter=among("id", ids), batch_size=_BATCH_ROWS):
            for row in RecordBatch(stage, batch).to_rows():
                if (key := (stage, *(row[name] for name in _KEY))) in wanted:
                    rows[key] = row
    return [rows[key] for key in keys]


def kind_of(name: str) -> Kind:
    """Return what a column, a label or a measure holds."""
    return "text" if name.startswith((LABEL, COLUMN)) else COLUMNS.get(name, "number")


def _read(name: str) -> str:
    if name in _READ:
        return _READ[name]
    if name.startswith((LABEL, COLUMN)):
        return "metadata"
    return name if name in SETTLED.names else "measures"


def _tables(
    run: OpenedRun, stage: str | None, until: str | None
) -> Iterator[tuple[str, ds.Dataset, ds.Expression | None]]:
    if stage is not None:
        yield stage, run.rows(stage), None
        return
    stages = run.require_rows()
    last = until or stages[-1]
    for name in stages[: stages.index(last) + 1]:
        yield name, run.rows(name), None if name == last else pc.field("state") != "kept"


def _both(first: ds.Expression | None, second: ds.Expression) -> ds.Expression:
    return second if first is None else first & second
