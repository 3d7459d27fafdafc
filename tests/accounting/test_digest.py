"""Law 4: a table's digest is of its rows, whatever their order and however they are cut into batches."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.accounting.digest import digest_batch, digest_rows

SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("number", pa.int64()),
        ("value", pa.float64()),
        ("flag", pa.bool_()),
        ("measures", pa.map_(pa.string(), pa.float64())),
        ("reasons", pa.list_(pa.struct([("name", pa.string()), ("value", pa.float64())]))),
    ]
)
_TEXT = st.none() | st.text("ab\x00;n", max_size=3)
_VALUE = st.none() | st.floats(allow_nan=False)
ROW = st.fixed_dictionaries(
    {
        "text": _TEXT,
        "number": st.none() | st.integers(-2, 300),
        "value": _VALUE,
        "flag": st.none() | st.booleans(),
        "measures": st.none() | st.dictionaries(_TEXT.filter(bool), _VALUE, max_size=2).map(lambda d: [*d.items()]),
        "reasons": st.none() | st.lists(st.none() | st.fixed_dictionaries({"name": _TEXT, "value": _VALUE}), max_size=2),
    }
)  # fmt: skip


def digest(rows: list[Any]) -> str:
    return digest_rows([digest_batch(pa.RecordBatch.from_pylist(rows, schema=SCHEMA), SCHEMA.names)])


@settings(max_examples=40)
@given(st.lists(ROW, max_size=6), st.integers(0, 6), st.randoms())
def test_order_and_cuts_do_not_matter_and_repeats_do(rows: list[Any], cut: int, rng: random.Random) -> None:
    whole = pa.RecordBatch.from_pylist(rows, schema=SCHEMA)
    parts = [digest_batch(part, SCHEMA.names) for part in (whole.slice(0, cut), whole.slice(cut))]
    assert digest_rows(parts) == digest(rows) == digest(rng.sample(rows, len(rows)))
    if rows:
        assert digest([*rows, rows[0]]) != digest(rows)


@given(ROW, ROW)
def test_rows_that_differ_anywhere_differ(first: Any, second: Any) -> None:
    columns = pa.RecordBatch.from_pylist([first, second], schema=SCHEMA).to_pylist()
    same = repr(columns[0]) == repr(columns[1])  # tells -0.0 from 0.0, as the digest does
    assert (digest([first]) == digest([second])) == same


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"text": None}, {"text": ""}),
        ({"number": None}, {"number": 0}),
        ({"value": 0.0}, {"value": -0.0}),
        ({"measures": None}, {"measures": []}),
        ({"measures": [("a", None)]}, {"measures": [("a", 0.0)]}),
        ({"reasons": [None]}, {"reasons": [{}]}),
        ({"reasons": [{"name": "ab"}, {"name": ""}]}, {"reasons": [{"name": "a"}, {"name": "b"}]}),
        ({"reasons": [{}, {}]}, {"reasons": [{}]}),
    ],
)
def test_rows_that_look_alike_differ(first: Any, second: Any) -> None:
    assert digest([first]) != digest([second])


def test_a_column_without_a_rule_is_refused() -> None:
    batch = pa.RecordBatch.from_pydict({"day": pa.array([0], pa.date32())})
    with pytest.raises(TypeError, match=r"a column of date32\[day\] has no digest"):
        digest_batch(batch, ["day"])
