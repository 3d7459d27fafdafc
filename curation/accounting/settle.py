"""The only place that separates kept rows from removed ones (law 3)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.accounting.sample import sampled
from curation.document import DOCUMENT

#: What every stage writes: the document and its state.
SETTLED = DOCUMENT.append(pa.field("state", pa.string()))


def state_of(reasons: list[dict[str, object]] | None) -> str:
    """Return the state for a row's reasons: failed before merged before dropped; kept without reasons.

    >>> state_of([]), state_of([{"state": "dropped"}, {"state": "failed"}])
    ('kept', 'failed')
    """
    states = [str(reason["state"]) for reason in reasons or []]
    return next((state for state in ("failed", "merged", "dropped") if state in states), "kept")


def settle(rows: pa.RecordBatch, dropped_text_rate: float) -> pa.RecordBatch:
    """Return the rows with their `state`. Removed rows keep their text only in a hash sample of the ids.

    Args:
        rows: in the DOCUMENT schema, by name; the order of columns does not matter.
        dropped_text_rate: share of removed rows whose text is stored, 0 to 1.

    Raises:
        KeyError: a column of the schema is missing.
    """
    columns = {field.name: rows[field.name].cast(field.type) for field in DOCUMENT}
    removed = np.flatnonzero(pc.list_value_length(columns["reasons"]).fill_null(0))
    states = np.full(rows.num_rows, "kept", object)
    states[removed] = [state_of(reasons) for reasons in columns["reasons"].take(removed).to_pylist()]
    if dropped_text_rate < 1:
        ids = columns["id"].take(removed).to_pylist()
        in_sample = np.array([sampled(i, dropped_text_rate, "dropped_text") for i in ids], bool)
        keeps_text = np.full(rows.num_rows, True)
        keeps_text[removed[~in_sample]] = False
        columns["text"] = pc.if_else(keeps_text, columns["text"], pa.scalar(None, pa.string()))
    return pa.RecordBatch.from_arrays([*columns.values(), pa.array(states, pa.string())], schema=SETTLED)
