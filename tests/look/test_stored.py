"""The samples that stages keep beside large tables: what is asked of them is answered from them alone."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from types import SimpleNamespace as Namespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.accounting.manifest import published
from curation.accounting.sample import LOOK, sampled
from curation.look import frames
from curation.look.errors import Disagreement
from curation.look.questions import strata
from curation.look.questions.account import account
from curation.look.questions.whatif import what_if
from curation.look.run import open_run, read_changes
from curation.spark.store import sizes

RATES = {"kept": 0.4, "dropped": 0.5}


def texts() -> list[tuple[str, str, str]]:
    """Of 900 documents half have one or two lines, a third few words, some both; three sources."""
    chance = random.Random(7)
    return [
        (("web", "docs", "web")[n % 3], ("en", "de")[n % 2], "\n".join(["a word"] * chance.randint(1, 8)))
        for n in range(900)
    ]


def store(run: Path, rates: dict[str, float]) -> None:
    """Lay a sample of the filter's rows beside them, as the stage does."""
    path = Path(published(str(run), "filter"))
    for state, rate in rates.items():
        (path / "sample" / f"state={state}").mkdir(parents=True)
        for n, file in enumerate(sorted((path / "rows" / f"state={state}").iterdir())):
            rows = pq.read_table(file, partitioning=None)
            chosen = [sampled(each, rate, LOOK) for each in rows["id"].to_pylist()]
            pq.write_table(rows.filter(pa.array(chosen)), path / "sample" / f"state={state}" / f"{n}.parquet")
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    manifest["detail"]["sample"] = rates
    manifest["files"] = sizes(str(path))
    (path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


@pytest.fixture(scope="module")
def plain(judging: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run: Path = judging.write(tmp_path_factory.mktemp("plain"), texts=texts())
    return run


@pytest.fixture
def sparing(plain: Path, tmp_path: Path) -> Path:
    """The same run with a sample; the rows themselves are gone, so who reads them fails."""
    run = shutil.copytree(plain, tmp_path / "run")
    store(run, RATES)
    shutil.rmtree(Path(published(str(run), "filter"), "rows"))
    return run


@pytest.mark.parametrize("state", ["kept", "dropped", None])
def test_a_smaller_sample_is_the_same_and_reads_no_rows(
    plain: Path, sparing: Path, state: str | None
) -> None:
    for columns in (None, ["source", "text"]):
        found = [
            frames.documents(str(run), "filter", state, wanted=60, columns=columns)
            for run in (plain, sparing)
        ]
        pd.testing.assert_frame_equal(*found)
        assert 30 < len(found[0]) < 100
        assert found[0].attrs == found[1].attrs


def test_a_larger_sample_reads_the_rows(plain: Path, tmp_path: Path) -> None:
    run = shutil.copytree(plain, tmp_path / "run")
    store(run, RATES)
    found = [frames.documents(str(each), "filter", wanted=500) for each in (plain, run)]
    pd.testing.assert_frame_equal(*found)


def test_the_account_is_estimated_within_what_it_says(plain: Path, sparing: Path) -> None:
    exact, found = account(open_run(str(plain))), account(open_run(str(sparing)), whole=False)
    whole, guess = exact.by()["all"], found.by()["all"]
    assert guess.received[0] == pytest.approx(whole.received[0])
    assert guess.dropped[0] == pytest.approx(whole.dropped[0])
    assert not exact.estimated
    assert [each.partition(" of ")[0].startswith("Estimated: ") for each in found.notes[:2]] == [True, True]
    within = int(found.notes[1].rpartition("at most ")[2].removesuffix(" off."))
    assert 0 < np.abs(guess.broke[0] - whole.broke[0]).max() <= within
    sources = found.by("source")
    assert sum(each.dropped[0] for each in sources.values()) == pytest.approx(whole.dropped[0])


def test_a_sample_of_all_is_no_estimate(plain: Path, tmp_path: Path) -> None:
    run = shutil.copytree(plain, tmp_path / "run")
    store(run, {"kept": 1.0, "dropped": 1.0})
    assert account(open_run(str(run)), whole=False).to_json() == account(open_run(str(plain))).to_json()


def test_a_sample_that_is_not_of_these_rows_is_refused(sparing: Path) -> None:
    path = Path(published(str(sparing), "filter"), "sample")
    (kept,) = (path / "state=kept").iterdir()
    (dropped,) = (path / "state=dropped").iterdir()
    shutil.copy(kept, dropped)
    with pytest.raises(Disagreement, match="the ledger says"):
        account(open_run(str(sparing)), whole=False)


def test_other_bounds_are_answered_from_the_sample(plain: Path, sparing: Path) -> None:
    asked = read_changes(open_run(str(plain)), ["house.line_count.max=6"])
    exact = what_if(open_run(str(plain)), asked).frame().loc["all"]
    answer = what_if(open_run(str(sparing)), asked, whole=False)
    found = answer.frame().loc["all"]
    assert found["kept_now"] == exact["kept_now"]
    within = int(answer.notes[1].rpartition("at most ")[2].removesuffix(" off."))
    assert abs(found["gained"] - exact["gained"]) <= within
    assert len(answer.examples["gained"]) == 10
    assert answer.notes[0].startswith("Estimated: ")


def test_a_sample_is_held_against_the_ledgers_sources(plain: Path, sparing: Path) -> None:
    some = frames.documents(str(sparing), "filter", "kept", wanted=100, columns=["source"])
    found = strata.of_sources(open_run(str(sparing)), "filter", "kept", some)
    everything = frames.documents(str(plain), "filter", "kept", columns=["source"])["source"].value_counts()
    assert {each.values[0]: each.records for each in found} == everything.to_dict()
    assert sum(each.sampled for each in found) == len(some)
    shown = strata.frame(found, "source")
    assert shown["source"].tolist() == [each.values[0] for each in found]
    assert shown["expected"].sum() == pytest.approx(100)
    assert "as even as chance makes it" in strata.skew(found).text
