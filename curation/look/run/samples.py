"""Documents of a run as pandas frames: hash-samples of their ids, a small one inside a large one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from curation.accounting.sample import LOOK, position, sampled
from curation.accounting.settle import SETTLED
from curation.look.run.opened import OpenedRun
from curation.look.run.stored import among, matching


def masked_rows(run: OpenedRun, stage: str, condition: ds.Expression) -> list[dict[str, Any]]:
    """Return the rows of a stage that meet a condition (as they are stored), masked, for people to read."""
    return [run.mask.row(row) for row in matching(run.rows(stage), condition)]


def documents(
    run: OpenedRun,
    stage: str,
    state: str | None = None,
    *,
    columns: Sequence[str] | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Return the documents of `stored`, masked as the recipe of the run masks, for people to read.

    Where the recipe masks all six kinds that takes a second for a thousand pages: ask for fewer, or for
    `columns` without text.
    """
    read = None if columns is None else list(dict.fromkeys([*columns, "source"]))
    frame = run.mask.frame(stored(run, stage, state, columns=read, **options))
    return frame if columns is None or "source" in columns else frame.drop(columns="source")


def stored(
    run: OpenedRun,
    stage: str,
    state: str | None = None,
    *,
    wanted: int = 10_000,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return about `wanted` documents of a stage, all where there are fewer; a hash-sample of the ids.

    The same ids are the sample however the rows lie in files. A sample as large that the stage keeps beside
    its rows is read instead of them. Otherwise all ids are read, then the columns of those row groups that
    hold one of the sample: ask for few `columns`.

    Args:
        run: the run.
        stage: extract, filter, dedup or decontaminate.
        state: kept, dropped, merged or failed; all states where None.
        wanted: how many documents to aim at.
        columns: all where None; `id` is always among them.

    Returns:
        A frame in hash order, so its first rows are a sample too. `measures` and `edits` are
        dictionaries, `reasons` lists of dictionaries; `frame.attrs["rate"]` is the sampling rate.
    """
    total = run.row_count(stage, state)
    rate = min(1.0, wanted / max(1, total))
    names = None if columns is None else ["id", *[name for name in columns if name != "id"]]
    scans = run.scans(stage, state, rate=rate)
    batches = [batch for scan in scans for batch in _sample(scan.table, names, scan.only, rate)]
    schema = batches[0].schema if batches else pa.schema([SETTLED.field(n) for n in names or SETTLED.names])
    frame = plain(pa.Table.from_batches(batches, schema))
    order = (
        frame["id"].map(lambda document: position(document, LOOK)).argsort(kind="stable")
        if len(frame)
        else []
    )
    frame = frame.iloc[order].reset_index(drop=True)
    frame.attrs["rate"] = rate
    return frame


def _sample(
    table: ds.Dataset, columns: list[str] | None, only: ds.Expression | None, rate: float
) -> Iterator[pa.RecordBatch]:
    if rate >= 1 or not isinstance(table, ds.FileSystemDataset):
        yield from table.to_batches(columns=columns, filter=only)
        return
    for file in table.get_fragments(filter=only):
        for group in file.split_by_row_group():
            ids = group.to_table(schema=table.schema, columns=["id"], filter=only)["id"].to_pylist()
            if chosen := [document for document in ids if sampled(document, rate, LOOK)]:
                condition = among("id", chosen)
                condition = condition if only is None else only & condition
                yield from group.to_batches(schema=table.schema, columns=columns, filter=condition)


def plain(table: pa.Table) -> pd.DataFrame:
    """Return a table as a frame of plain Python values: maps as dictionaries, lists as lists."""
    frame = table.to_pandas(maps_as_pydicts="strict")
    if "reasons" in frame:
        frame["reasons"] = [list(reasons) if reasons is not None else [] for reasons in frame["reasons"]]
    return frame
