"""The ledger of written rows, counted on Arrow columns: a table of millions never becomes Python objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curation.accounting.account import Account, Count
from curation.accounting.ledger import COUNTED, Ledger
from curation.accounting.loss import RecordLoss


def tally(stage: str, rows: pa.RecordBatch) -> Ledger:
    """Return the ledger of settled rows.

    Read are the columns source, state, characters_in, characters, edits, measures and reasons. Only failures,
    which may stand for more records than one, are read row by row.
    """
    ledger = Ledger(stage)
    _add_counts(ledger, rows, COUNTED.get(stage, ()))
    failed = pc.equal(rows["state"], "failed")
    for row in rows.filter(failed).to_pylist():
        names = sorted({reason["name"] for reason in row["reasons"]})
        loss = RecordLoss.of(dict(row["measures"] or ()))
        _account(ledger, row["source"]).fail(names, loss, int(row["characters_in"]))
    read = rows.filter(pc.invert(failed))
    _add_states(ledger, read)
    _add_edits(ledger, read.filter(pc.equal(read["state"], "kept")))
    _add_reasons(ledger, read.filter(pc.not_equal(read["state"], "kept")))
    for account in ledger.sources.values():
        ledger.total.merge(account)
    return ledger


def _account(ledger: Ledger, source: str) -> Account:
    return ledger.sources.setdefault(source, Account())


def _add_states(ledger: Ledger, rows: pa.RecordBatch) -> None:
    columns = {name: rows[name] for name in ("source", "state", "characters_in", "characters")}
    for source, state, records, characters_in, characters in _sums(columns, 2):
        left = characters if state == "kept" else characters_in
        _account(ledger, source).receive(state, Count(records, characters_in), Count(records, left))


def _add_edits(ledger: Ledger, kept: pa.RecordBatch) -> None:
    owners, names = _flat(kept["edits"], kept["edits"].keys)
    _, removed = _flat(kept["edits"], kept["edits"].items)
    columns = {"source": kept["source"].take(owners), "name": names, "characters": removed}
    for source, name, _, characters in _sums(columns, 2):
        _account(ledger, source).edit(name, characters)


def _add_reasons(ledger: Ledger, removed: pa.RecordBatch) -> None:
    owners, reasons = _flat(removed["reasons"], removed["reasons"].values)
    pairs = pa.table({"row": owners, "name": pc.struct_field(reasons, "name")}).group_by(["row", "name"])
    unique = pairs.aggregate([])  # a document may break two rules of one name
    rows = unique["row"].combine_chunks()
    alone = (np.bincount(rows.to_numpy(), minlength=removed.num_rows) == 1)[rows.to_numpy()]
    columns = {
        "source": removed["source"].take(rows),
        "name": unique["name"].combine_chunks(),
        "alone": pa.array(alone.astype(np.int64)),
        "characters": removed["characters_in"].take(rows),
    }
    for source, name, records, only, characters in _sums(columns, 2):
        _account(ledger, source).remove(name, records, only, characters)


def _add_counts(ledger: Ledger, rows: pa.RecordBatch, prefixes: Sequence[str]) -> None:
    """Add the measures that are counts; the first prefix is left out of their names."""
    if not prefixes:
        return
    owners, names = _flat(rows["measures"], rows["measures"].keys)
    _, values = _flat(rows["measures"], rows["measures"].items)
    counted = pc.starts_with(names, prefixes[0])
    for prefix in prefixes[1:]:
        counted = pc.or_(counted, pc.starts_with(names, prefix))
    columns = {
        "source": rows["source"].take(owners.filter(counted)),
        "name": names.filter(counted),
        "value": values.filter(counted).cast(pa.int64(), safe=False),
    }
    for source, name, _, value in _sums(columns, 2):
        _account(ledger, source).counts[name.removeprefix(prefixes[0])] += value


def _flat(lists: pa.Array, elements: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return (row of each element, the elements) of lists or maps, which may be a slice of more."""
    offsets: npt.NDArray[np.int32] = lists.offsets.to_numpy()
    owners = np.repeat(np.arange(len(lists)), np.diff(offsets))
    return pa.array(owners), elements.slice(offsets[0], offsets[-1] - offsets[0])


def _sums(columns: dict[str, pa.Array], keys: int) -> Iterator[tuple[Any, ...]]:
    """Yield (keys, rows, sums of the other columns) of each group; the first `keys` columns are the keys."""
    names = list(columns)
    sums = [([], "count_all"), *((name, "sum") for name in names[keys:])]
    groups = pa.table(columns).group_by(names[:keys]).aggregate(sums)
    order = [*names[:keys], "count_all", *(f"{name}_sum" for name in names[keys:])]
    return zip(*(groups[name].to_pylist() for name in order), strict=True)
