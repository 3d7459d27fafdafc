"""Law 1: a failure counts for the records that it stands for, exactly or by an estimate that says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.accounting.account import Count
from curation.accounting.budget import check_losses
from curation.accounting.ledger import Ledger, LedgerError
from curation.accounting.loss import FAILED_FILES, FILE_COUNTS, FileLoss, RecordLoss
from curation.accounting.settle import SETTLED
from curation.accounting.tally import tally as tally_batch


def tally(stage: str, rows: Sequence[Any]) -> Ledger:
    return tally_batch(stage, pa.RecordBatch.from_pylist(list(rows), schema=SETTLED))


def row(state: str = "kept", name: str = "", loss: RecordLoss | None = None, source: str = "web") -> Any:
    return {
        "source": source,
        "state": state,
        "characters_in": 10,
        "characters": 10,
        "edits": [],
        "measures": list((loss or RecordLoss()).measures().items()),
        "reasons": [{"name": name}] if name else [],
    }


def failed(**loss: Any) -> Any:
    return row("failed", "pages.unreadable", RecordLoss(**loss))


#: 10 kept records of 1,000 bytes, 3,000 rows of a group, and 500 bytes of which nobody knows what they held.
ROWS = [*[row()] * 10, failed(records=3_000), failed(lost_bytes=500), failed(lost_bytes=0)]


@pytest.mark.parametrize(
    "loss",
    [
        RecordLoss(),
        RecordLoss(records=7),
        RecordLoss(records=0, whole_file=True),
        RecordLoss(lost_bytes=0),
        RecordLoss(records=2, lost_bytes=9, whole_file=True),
    ],
)
def test_a_loss_travels_as_measures(loss: RecordLoss) -> None:
    assert RecordLoss.of(loss.measures()) == loss


def test_a_loss_in_a_sample_is_its_share_and_never_nothing() -> None:
    assert RecordLoss(records=3_000).in_sample(0.01) == RecordLoss(records=30)
    assert RecordLoss(records=3).in_sample(0.01) == RecordLoss(records=1)
    unknown = RecordLoss(lost_bytes=5)
    assert unknown.in_sample(0.01) == unknown, "it is estimated from the sample of the rest"


def test_failures_count_for_what_they_stand_for() -> None:
    ledger = tally("extract", ROWS)
    assert ledger.total.states["failed"].records == 3_002, "at least one each where nobody knows"
    ledger.estimate({"web": 1_505_500})
    # 3,010 records are known to lie in the other 1,505,000 bytes: 0.002 a byte.
    assert ledger.total.states["failed"] == Count(3_002, 30)
    ledger = tally("extract", [*ROWS, failed(lost_bytes=50_000, whole_file=True)])
    ledger.estimate({"web": 1_555_500})
    ledger.check()
    found = ledger.to_json()
    assert found["in"] == {"records": 3_111, "characters": 140}
    assert found["failed"] == {"records": 3_101, "characters": 40}
    assert found["reasons"]["pages.unreadable"] == {"records": 3_101, "alone": 3_101, "characters": 40}
    assert found["estimated"] == {"pages.unreadable": {"records": 101, "lost_bytes": 50_500}}
    assert found["lost_files"] == found["sources"]["web"]["lost_files"] == 1
    assert Ledger.from_json(found).to_json() == found


def test_each_source_is_estimated_by_itself() -> None:
    rows = [row(source="dense")] * 100 + [row(source="thin")]
    rows += [row("failed", "pages.unreadable", RecordLoss(lost_bytes=50), name) for name in ("dense", "thin")]
    ledger = tally("extract", rows)
    ledger.estimate({"dense": 150, "thin": 150, "empty": 0})
    ledger.check()
    records = {name: account.states["failed"].records for name, account in ledger.sources.items()}
    assert records == {"dense": 50, "thin": 1}
    assert ledger.total.states["failed"].records == 51


@settings(max_examples=40)
@given(st.lists(st.sampled_from([*ROWS, row("dropped", "x")]), max_size=30), st.randoms(), st.integers(0, 30))
def test_an_estimate_does_not_depend_on_order_or_parts(rows: list[Any], random: Any, cut: int) -> None:
    files = {"web": 10_000}
    whole = tally("extract", rows)
    whole.estimate(files)
    shuffled = rows[:]
    random.shuffle(shuffled)
    parts = tally("extract", shuffled[:cut])
    parts.merge(tally("extract", shuffled[cut:]))
    parts.estimate(files)
    parts.check()
    assert parts.to_json() == whole.to_json()


LOST = [
    FileLoss(
        source="web",
        file="in/b.parquet",
        reason="pages.unreadable",
        records=3_000,
        estimated=False,
        detail="row group 1 is damaged",
    ),
    FileLoss(source="web", file="in/a.gz", reason="pages.unreadable", records=1, estimated=True, detail=None),
]


def test_the_budget_counts_records_and_names_files() -> None:
    ledger = tally("extract", [*ROWS, row("dropped", "extract.wrong_type"), row("dropped", "house.length")])
    check_losses(ledger, 0.997)
    with pytest.raises(LedgerError) as error:
        check_losses(ledger, 0.004, {FAILED_FILES: list(map(asdict, LOST))})
    assert str(error.value) == (
        "extract: 3,002 of 3,013 records failed (2 of them by estimate), over the budget of 0.4% (records by "
        "reason, dropped ones included: pages.unreadable 3,002, extract.wrong_type 1, house.length 1).\n"
        "  in/b.parquet: 3,000 records, pages.unreadable: row group 1 is damaged\n"
        "  in/a.gz: about 1 record, pages.unreadable: \n"
        "Look at them (curate sample RUN --stage extract --state failed); if losing them is fine, raise "
        "failure_budget"
    )


def test_what_was_never_meant_to_be_read_does_not_stretch_the_budget() -> None:
    rows = [row(), row(), failed()] + [row("dropped", "extract.wrong_type")] * 100
    check_losses(tally("extract", rows), 1 / 3)
    with pytest.raises(LedgerError, match="extract: 1 of 3 records failed, over the budget of 33%"):
        check_losses(tally("extract", rows), 0.33)


@pytest.mark.parametrize(
    ("count", "which"), [(2, "none of its 2 files is usable"), (1, "its only file is not usable")]
)
def test_an_input_of_which_nothing_is_usable_stops_the_run_whatever_the_budget(
    count: int, which: str
) -> None:
    rows = [failed(records=300, whole_file=True)] * count + [row(source="good")] * 10_000
    ledger = tally("extract", rows)
    files = [*LOST, replace(LOST[1], source="good")]
    detail = {FILE_COUNTS: {"none": 1, "web": count, "good": 1}, FAILED_FILES: list(map(asdict, files))}
    with pytest.raises(LedgerError) as error:
        check_losses(ledger, 1.0, detail)
    assert str(error.value) == (
        f"extract: nothing of the input 'web' could be read, {which}: {300 * count} records failed.\n"
        "  in/b.parquet: 3,000 records, pages.unreadable: row group 1 is damaged\n"
        "  in/a.gz: about 1 record, pages.unreadable: \n"
        "Correct the input, or take it out of the recipe"
    )


def test_a_column_that_no_record_has_stops_the_run() -> None:
    lacking = {"measures": [("extract.without_address", 1.0)]}
    rows = [row() | lacking] * 3 + [failed()]
    detail = {FILE_COUNTS: {"web": 1}}
    check_losses(tally("extract", [*rows, row()]), 1.0, detail)
    with pytest.raises(LedgerError) as error:
        check_losses(tally("extract", rows), 1.0, detail)
    assert str(error.value) == (
        "extract: no record of the input 'web' has the column address, which the recipe names (3 records were "
        "read). Correct the name; `curate check` shows the columns of local files"
    )


def test_an_input_of_which_every_record_failed_to_be_read_stops_the_run() -> None:
    detail = {FILE_COUNTS: {"web": 1}}
    check_losses(tally("extract", [row("failed", "extract.timeout")]), 1.0, detail)
    with pytest.raises(LedgerError, match="nothing of the input 'web' could be read"):
        check_losses(tally("extract", [failed(), row("failed", "pages.no_text")]), 1.0, detail)


def test_all_that_stops_a_run_is_said_at_once() -> None:
    rows = [failed(whole_file=True), row(source="b") | {"measures": [("extract.without_url", 1.0)]}]
    with pytest.raises(LedgerError) as error:
        check_losses(tally("extract", rows), 0.2, {FILE_COUNTS: {"web": 1, "b": 1}})
    starts = (
        "extract: nothing of the input 'web'",
        "extract: no record of the input 'b'",
        "extract: 1 of 2 records",
    )
    assert [start for start in starts if f"\n{start}" in f"\n{error.value}"] == [*starts]
