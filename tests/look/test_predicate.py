"""`--where` beside a row-by-row reading of the same condition, and what it says of mistakes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.accounting.settle import SETTLED
from curation.document import COLUMN
from curation.look.run import (
    COLUMNS,
    BadPredicate,
    RecordBatch,
    measure_names,
    open_run,
    read_predicate,
    record_batches,
)

KNOWN = ["gopher.word_count", "odd name"]
Row = dict[str, Any]


def row(**columns: Any) -> Row:
    return (
        dict.fromkeys(SETTLED.names) | {"state": "kept", "measures": {}, "edits": {}, "reasons": []} | columns
    )


def batch(rows: list[Row]) -> RecordBatch:
    plain = [each | {name: list(each[name].items()) for name in ("measures", "edits")} for each in rows]
    return RecordBatch("filter", pa.RecordBatch.from_pylist(plain, schema=SETTLED))


def met(condition: str, rows: list[Row]) -> list[bool]:
    table = batch(rows)
    found = read_predicate(condition, KNOWN).of(table).rows["id"].to_pylist()
    return [each["id"] in found for each in rows]


ROWS = [
    row(id="a", language="en", characters=10, measures={"gopher.word_count": 4.0}, captured_at="2019-05-01"),
    row(
        id="b", language="de", characters=500, measures={}, url="https://WWW.News.example:8080/x", text="it's"
    ),
    row(id="c", characters=7, reasons=[{"name": "gopher.word_count"}, {"name": "c4.x"}], state="dropped"),
    row(id="d", language="en", measures={"odd name": 1.0}, edits={"mask": 3, "idle": 0}, captured_at="soon"),
]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("gopher.word_count < 5", "a"),
        ("NOT gopher.word_count < 5", ""),
        ("gopher.word_count IS NULL", "bcd"),
        ('"odd name" is not null', "d"),
        ("language = 'en' AND characters >= 10 or id = 'c'", "ac"),
        ("language = 'en' AND (characters >= 10 or id = 'c')", "a"),
        ("language != 'en'", "b"),
        ("language <> 'en' or language is null", "bc"),
        ("language in ('de', 'fr')", "b"),
        ("language not in ('de')", "ad"),
        ("not not language in ('de')", "b"),
        ("characters between 7 and 10", "ac"),
        ("characters not between 7 and 10", "b"),
        ("year >= 2019", "a"),
        ("year is null", "bcd"),
        ("site = 'news.example'", "b"),
        ("text like 'it''_'", "b"),
        ("url ilike '%NEWS%'", "b"),
        ("reason = 'c4.x'", "c"),
        ("reason != 'c4.x'", "abd"),
        ("reason like 'gopher%'", "c"),
        ("reason not like 'gopher%'", "abd"),
        ("reason is null", "abd"),
        ("reason is not null and state = 'dropped' and stage = 'filter'", "c"),
        ("edit = 'mask'", "d"),
        ("edit = 'idle'", ""),
        ("characters < -1e3 or characters == 5e+2", "b"),
    ],
)
def test_conditions(condition: str, expected: str) -> None:
    assert (
        "".join(each["id"] for each, good in zip(ROWS, met(condition, ROWS), strict=True) if good) == expected
    )


def test_a_number_is_no_text_of_a_column_of_the_input() -> None:
    with pytest.raises(BadPredicate) as raised:
        read_predicate("score > 3", [f"{COLUMN}score"])
    assert str(raised.value) == (
        "character 9: found '3', expected text in single quotes: a column of the input is carried as text"
    )


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("languge = 'en'", "character 1: no column or measure named 'languge' (did you mean 'language'?)"),
        (
            "language = 'en' and gopher.wordcount > 1",
            "character 21: no column or measure named 'gopher.wordcount' (did you mean 'gopher.word_count'?)",
        ),
        ("characters > '5'", "character 14: found '5', expected a number, for characters is one"),
        ("language = 5", "character 12: found '5', expected text in single quotes"),
        ('language = "en"', 'character 12: found "en", expected text in single quotes'),
        ("language = 'en", "character 12: ''en' cannot be read (a quote without its end?)"),
        ("(language = 'en'", "character 17: found the end, expected ')', AND or OR"),
        ("language = 'en') ", "character 16: found ')', expected AND, OR or the end"),
        ("", "character 1: found the end, expected the name of a column or a measure"),
        ("language is 'en'", "character 13: found 'en', expected NULL"),
        ("characters like 'a'", "character 12: found 'like', expected a comparison: characters is a number"),
        ("characters; drop", "character 11: '; drop' cannot be read"),
        (
            "language not = 'en'",
            "character 14: found '=', expected =, !=, <, <=, >, >=, IN, LIKE, BETWEEN or IS NULL",
        ),
    ],
)
def test_mistakes_say_where_and_what_was_meant(condition: str, message: str) -> None:
    with pytest.raises(BadPredicate, match=re.escape(message)) as raised:
        read_predicate(condition, KNOWN)
    assert str(raised.value) == message


def test_a_hostile_condition_ends() -> None:
    with pytest.raises(BadPredicate, match="at most 50 parentheses"):
        read_predicate("(" * 100_000, KNOWN)
    assert met("not " * 100_000 + "id = 'a'", ROWS) == [True, False, False, False]
    assert met("id = 'a'" + " or id = 'b'" * 5_000, ROWS) == [True, True, False, False]


numbers = st.integers(-3, 3).map(float)


@st.composite
def conditions(draw: Any, depth: int = 3) -> tuple[str, Callable[[Row], bool | None]]:
    """(a condition, what SQL makes of it for a row): three-valued logic, written out."""
    how = draw(st.sampled_from(["number", "text", *(["and", "or", "not"] if depth else [])]))
    if how == "number":
        limit = draw(numbers)
        return f"gopher.word_count < {limit}", lambda row: _less(
            row["measures"].get("gopher.word_count"), limit
        )
    if how == "text":
        value = draw(st.sampled_from(["en", "de", "it's"]))
        quoted = value.replace("'", "''")
        return (
            f"language = '{quoted}'",
            lambda row: None if row["language"] is None else row["language"] == value,
        )
    left, first = draw(conditions(depth=depth - 1))
    if how == "not":
        return f"not ({left})", lambda row: None if first(row) is None else not first(row)
    right, second = draw(conditions(depth=depth - 1))
    decisive = how == "or"
    return f"({left}) {how} ({right})", lambda row: _joined(first(row), second(row), decisive)


def _less(value: float | None, limit: float) -> bool | None:
    return None if value is None else value < limit


def _joined(first: bool | None, second: bool | None, decisive: bool) -> bool | None:
    if decisive in (first, second):
        return decisive
    return None if None in (first, second) else not decisive


rows = st.lists(
    st.builds(
        lambda language, value: row(
            language=language, measures={} if value is None else {"gopher.word_count": value}
        ),
        st.sampled_from(["en", "de", "it's", None]),
        st.none() | numbers,
    ),
    max_size=8,
)


@given(conditions(), rows)
def test_any_condition_is_what_sql_makes_of_it(
    condition: tuple[str, Callable[[Row], bool | None]], found: list[Row]
) -> None:
    text, expected = condition
    named = [each | {"id": str(i)} for i, each in enumerate(found)]
    assert met(text, named) == [expected(each) is True for each in named]


@given(st.text())
def test_no_text_makes_it_fail_otherwise(text: str) -> None:
    try:
        found = read_predicate(text, KNOWN)
    except BadPredicate:
        return
    assert set(found.names) <= {*COLUMNS, *KNOWN}


def test_a_record_comes_once_where_it_ended(small_run: Path) -> None:
    found = [
        (batch.stage, state)
        for batch in record_batches(open_run(str(small_run)), ["state"])
        for state in batch.column("state").to_pylist()
    ]
    assert Counter(found) == {
        ("extract", "dropped"): 1,
        ("extract", "failed"): 1,
        ("filter", "dropped"): 2,
        ("dedup", "kept"): 6,
        ("dedup", "merged"): 2,
    }
    only = list(record_batches(open_run(str(small_run)), ["stage"], stage="filter", state="dropped"))
    assert [batch.rows.num_rows for batch in only] == [2]


def test_the_measures_of_a_run_are_known_by_name(small_run: Path) -> None:
    assert measure_names(open_run(str(small_run))) == [
        "extract.table_cells_kept",
        "extract.table_cells_seen",
        "gopher.mean_word_length",
        "gopher.word_count",
    ]
