"""Law 3: one function separates kept from removed rows."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from curation.accounting.sample import sampled
from curation.accounting.settle import SETTLED, settle
from curation.document import DOCUMENT


def rows(*states: tuple[str, ...]) -> pa.RecordBatch:
    data: list[dict[str, Any]] = []
    for i, row_states in enumerate(states):
        reasons = [
            {"name": f"a.{n}", "state": s, "value": 1.0, "min": None, "max": 0.5, "detail": None}
            for n, s in enumerate(row_states)
        ]
        data.append({"id": f"{i:032x}", "text": f"text {i}", "reasons": reasons, "edits": [], "measures": []})
    return pa.RecordBatch.from_pylist(data, schema=DOCUMENT)


def test_states() -> None:
    settled = settle(rows((), ("dropped", "dropped"), ("merged",), ("dropped", "failed")), 1.0)
    assert settled.schema == SETTLED
    assert settled["state"].to_pylist() == ["kept", "dropped", "merged", "failed"]
    assert settled["text"].to_pylist() == ["text 0", "text 1", "text 2", "text 3"]


def test_removed_rows_keep_their_text_in_a_hash_sample() -> None:
    batch = rows(*[("dropped",) if i % 2 else () for i in range(400)])
    texts, ids = settle(batch, 0.3)["text"].to_pylist(), batch["id"].to_pylist()
    for i, (text, row_id) in enumerate(zip(texts, ids, strict=True)):
        assert (text is not None) == (i % 2 == 0 or sampled(row_id, 0.3, "dropped_text"))
    assert 0 < sum(t is not None for t in texts[1::2]) < 200


def test_columns_are_matched_by_name_and_a_missing_one_raises() -> None:
    batch = rows((), ("dropped",))
    assert settle(batch.select(batch.schema.names[::-1]), 1.0).equals(settle(batch, 1.0))
    with pytest.raises(KeyError, match="url"):
        settle(batch.drop_columns(["url"]), 1.0)


def test_an_empty_batch_has_the_settled_schema() -> None:
    settled = settle(rows().slice(0, 0), 0.5)
    assert (settled.num_rows, settled.schema) == (0, SETTLED)
