"""Law 1: in = kept + dropped + merged + failed, in records and in characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.accounting.account import Count
from curation.accounting.ledger import Ledger, LedgerError, balanced
from curation.accounting.settle import SETTLED
from curation.accounting.tally import tally as tally_batch


def tally(stage: str, rows: Sequence[Any]) -> Ledger:
    return tally_batch(stage, pa.RecordBatch.from_pylist(list(rows), schema=SETTLED))


def row(
    state: str = "kept",
    characters: int = 10,
    names: tuple[str, ...] = (),
    edits: dict[str, int] | None = None,
    measures: dict[str, float] | None = None,
) -> Any:
    edits = edits or {}
    return {
        "source": "web",
        "state": state,
        "characters_in": characters,
        "characters": characters - sum(edits.values()),
        "edits": list(edits.items()),
        "measures": list((measures or {}).items()),
        "reasons": [{"name": name} for name in names],
    }


ROWS = [
    row(characters=10, edits={"c4.lines": 3}),
    row("dropped", 20, ("gopher.word_count",)),
    row("dropped", 30, ("gopher.word_count", "gopher.stop_word_count")),
    row("merged", 40, ("dedup.near",)),
    row("failed", 50, ("extract.timeout",)),
]


def test_a_ledger_counts_states_and_reasons() -> None:
    ledger = tally("filter", ROWS)
    ledger.check(Count(5, 150))
    assert ledger.to_json()["in"] == {"records": 5, "characters": 150}
    assert ledger.to_json()["kept"] == {"records": 1, "characters": 7}
    assert ledger.to_json()["dropped"] == {"records": 2, "characters": 53}
    assert ledger.to_json()["merged"] == {"records": 1, "characters": 40}
    assert ledger.to_json()["failed"] == {"records": 1, "characters": 50}
    assert ledger.to_json()["reasons"] == {
        "gopher.word_count": {"records": 2, "alone": 1, "characters": 50},
        "dedup.near": {"records": 1, "alone": 1, "characters": 40},
        "extract.timeout": {"records": 1, "alone": 1, "characters": 50},
        "gopher.stop_word_count": {"records": 1, "alone": 0, "characters": 30},
        "edit:c4.lines": {"records": 0, "alone": 0, "characters": 3},
    }


COUNTED = [
    row(measures={"extract.table_cells_seen": 4.0, "extract.table_cells_kept": 3.0, "gate.length": 99.0}),
    row(measures={"pages.damaged_body": 1.0}),
    row("dropped", 20, ("extract.no_text",), measures={"extract.table_cells_seen": 5.0}) | {"source": "wiki"},
    row("failed", 5, ("pages.unreadable",)),
]


def test_counts_are_summed_by_source() -> None:
    """Removed pages count too: their tables were on the page and were not kept."""
    ledger = tally("extract", COUNTED)
    ledger.check()
    assert ledger.to_json()["counts"] == {
        "pages.damaged_body": 1,
        "table_cells_kept": 3,
        "table_cells_seen": 9,
    }
    assert ledger.sources["web"].counts == {
        "pages.damaged_body": 1,
        "table_cells_kept": 3,
        "table_cells_seen": 4,
    }
    assert ledger.sources["wiki"].counts == {"table_cells_seen": 5}


def test_a_filter_counts_nothing_though_the_counts_travel_with_the_document() -> None:
    ledger = tally("filter", [row(measures={"extract.table_cells_seen": 4.0, "pages.damaged_body": 1.0})])
    assert "counts" not in ledger.to_json()


def test_characters_that_vanish_are_noticed() -> None:
    lossy = row() | {"characters": 9}
    with pytest.raises(
        LedgerError, match=r"filter: the ledger of all sources does not balance: .* unaccounted for"
    ):
        tally("filter", [lossy]).check()


def test_a_record_that_vanishes_between_stages_is_noticed() -> None:
    with pytest.raises(LedgerError) as error:
        tally("filter", ROWS).check(Count(6, 160))
    assert str(error.value) == (
        "filter: the stage before kept 6 records (160 characters), but 5 (150) came in"
    )


@settings(max_examples=40)
@given(st.lists(st.sampled_from(ROWS + COUNTED), max_size=20), st.integers(0, 20))
def test_counting_in_parts_is_counting_at_once(rows: list[Any], cut: int) -> None:
    first, second = tally("extract", rows[:cut]), tally("extract", rows[cut:])
    first.merge(second)
    assert first.to_json() == tally("extract", rows).to_json()
    assert Ledger.from_json(first.to_json()).to_json() == first.to_json()
    first.check()


def test_balanced_needs_each_stage_to_receive_what_the_last_kept() -> None:
    extract = tally("extract", ROWS)
    assert balanced([extract, tally("filter", [row(characters=7)])])
    assert not balanced([extract, tally("filter", [row(characters=8)])])
    assert not balanced([extract, tally("filter", [])])
    assert not balanced([tally("extract", [row() | {"characters": 9}])])
