"""Samples: the same whatever the layout, nested, tested for skew; and documents near a bound."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.accounting.sample import position, sampled
from curation.cli import main
from curation.filters.rules import Label, Pass
from curation.look import frames
from curation.look.questions import BadSample, SampleRequest, near, sample
from curation.look.questions.sample import Sample
from curation.look.questions.strata import Stratum, jensen_shannon, skew
from curation.look.run import open_run


def ids(found: Sample) -> list[str]:
    return [each.card.id for each in found.chosen]


def relaid(judging: SimpleNamespace, run: Path, target: Path) -> Path:
    """The same rows in other files, in another order."""
    shutil.copytree(run, target)
    (rows,) = (target / "filter").glob("*/rows")
    for number, folder in enumerate(sorted(rows.iterdir())):
        (file,) = folder.iterdir()
        table = pq.read_table(file, partitioning=None)
        order = list(range(len(table)))[::-1]
        file.unlink()
        for at in range(0, len(order), 7 + number):
            pq.write_table(table.take(order[at : at + 7 + number]), folder / f"part-{at}.parquet")
    judging.relist(rows.parent)
    return target


def test_the_sample_is_the_least_of_the_hash_and_nested(judged: Path) -> None:
    everything = frames.documents(str(judged), "filter", columns=["id"])["id"]
    expected = sorted(everything, key=lambda i: position(i, "sample"))
    found = sample(SampleRequest(run=open_run(str(judged)), n=30))
    assert ids(found) == expected[:30]
    assert found.matched == len(everything)
    assert {each.weight for each in found.chosen} == {len(everything) / 30}
    assert ids(sample(SampleRequest(run=open_run(str(judged)), n=12))) == expected[:12]
    assert ids(sample(SampleRequest(run=open_run(str(judged)), n=12, salt="other"))) != expected[:12]
    assert ids(sample(SampleRequest(run=open_run(str(judged)), n=0))) == []


def test_no_layout_changes_a_sample(judging: SimpleNamespace, judged: Path, tmp_path: Path) -> None:
    other = relaid(judging, judged, tmp_path / "relaid")
    for changes in ({"n": 25}, {"rate": 0.3, "by": ("source", "language")}, {"where": "characters < 20"}):
        first, second = (
            sample(SampleRequest(run=open_run(str(each)), **changes)) for each in (judged, other)
        )
        assert (ids(first), first.strata, first.skew) == (ids(second), second.strata, second.skew)
    here, there = (
        near(SampleRequest(run=open_run(str(each)), n=4), "gopher.word_count") for each in (judged, other)
    )
    assert here.chosen == there.chosen


def test_a_rate_takes_what_the_hash_says_from_every_stratum(judged: Path) -> None:
    found = sample(SampleRequest(run=open_run(str(judged)), rate=0.25, by=("source", "language"), n=1_000))
    frame = frames.documents(str(judged), "filter", columns=["id", "source", "language"])
    taken = frame[[sampled(i, 0.25, "sample") for i in frame["id"]]]
    assert sorted(ids(found)) == sorted(taken["id"])
    assert found.sampled == len(taken)
    counts, all_counts = (each.groupby(["source", "language"]).size().to_dict() for each in (taken, frame))
    assert {each.values: each.records for each in found.strata} == all_counts
    assert {each.values: each.sampled for each in found.strata if each.sampled} == counts
    assert {each.weight for each in found.chosen} == {4.0}
    inside = sample(SampleRequest(run=open_run(str(judged)), rate=0.1, n=1_000))
    assert set(ids(inside)) < set(ids(found))


def test_small_strata_are_taken_at_a_higher_rate_and_weigh_less(judged: Path) -> None:
    found = sample(SampleRequest(run=open_run(str(judged)), rate=0.1, by=("source",), at_least=30, n=1_000))
    rates = {each.values[0]: (each.records, each.rate) for each in found.strata}
    assert rates == {"web": (100, 0.3), "docs": (50, 0.6)}
    assert {(each.card.source, each.weight) for each in found.chosen} == {("web", 1 / 0.3), ("docs", 1 / 0.6)}


@pytest.mark.parametrize(
    ("name", "read"), [("s.parquet", pq.read_table), ("s.jsonl", None), ("a/s.jsonl.gz", None)]
)
def test_a_sample_is_written_whole_with_its_weights(
    name: str, read: Any, judged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / name
    assert main(["sample", str(judged), "--rate", "0.4", "--n", "1", "--out", str(out)]) == 0
    if read:
        rows = read(out).to_pylist(maps_as_pydicts="strict")
    else:
        import fsspec

        with fsspec.open(str(out), "rt", compression="infer") as stream:
            rows = [json.loads(line) for line in stream]
    expected = sample(SampleRequest(run=open_run(str(judged)), rate=0.4, n=1_000))
    assert sorted(row["id"] for row in rows) == sorted(ids(expected))
    assert {row["weight"] for row in rows} == {2.5}
    whole = {row["id"]: row for row in frames.documents(str(judged), "filter").to_dict("records")}
    assert all(row["text"] == whole[row["id"]]["text"] and row["stage"] == "filter" for row in rows)
    assert all(row["measures"].keys() == whole[row["id"]]["measures"].keys() for row in rows)
    assert f"written: {out}, {len(rows)} documents" in capsys.readouterr().out


def test_just_some_are_written_too(judged: Path, tmp_path: Path) -> None:
    out = tmp_path / "some.jsonl"
    assert main(["sample", str(judged), "--n", "5", "--out", str(out), "--json"]) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["id"] for row in rows] == ids(sample(SampleRequest(run=open_run(str(judged)), n=5)))
    assert {row["weight"] for row in rows} == {30.0}


def test_those_near_a_bound_are_the_nearest_on_either_side(judged: Path) -> None:
    found = near(SampleRequest(run=open_run(str(judged)), n=6), "gopher.mean_word_length")
    frame = frames.measures(str(judged)).dropna(subset="gopher.mean_word_length")
    for bound, limit in (("min 2", 2.0), ("max 8", 8.0)):
        for passes in (True, False):
            mine = [each for each in found.chosen if (each.bound, each.passes) == (bound, passes)]
            values = frame["gopher.mean_word_length"]
            inside = values >= limit if bound == "min 2" else values <= limit
            distances = sorted((values[inside == passes] - limit).abs())[:6]
            assert [abs(float(each.value or 0) - limit) for each in mine] == distances
            assert all(
                (each.card.id, each.value) in set(zip(frame["id"], values, strict=True)) for each in mine
            )
    assert found.matched == len(frame)
    assert found.notes == ()


def test_near_says_that_documents_are_missing_where_not_all_were_measured(in_order: Path) -> None:
    assert near(SampleRequest(run=open_run(str(in_order))), "house.line_count").notes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rate", "0"], "--rate 0: expected a share of the documents, above 0 and at most 1"),
        (
            ["--stratify", "source"],
            "--stratify and --at-least need --rate, the share of each stratum to take",
        ),
        (
            ["--rate", "0.1", "--stratify", "sorce"],
            "--stratify: no column named 'sorce' (did you mean 'source'?)",
        ),
        (
            ["--near", "gopher.wordcount"],
            "--near: no rule named 'gopher.wordcount' (did you mean 'gopher.word_count'?)",
        ),
        (
            ["--near", "gopher.word_count", "--stage", "dedup"],
            "--near takes documents of the filter stage by their value: neither --rate nor --stage",
        ),
        (
            ["--where", "languge = 'en'"],
            "--where languge = 'en'\ncharacter 1: no column or measure named 'languge' (did you mean 'language'?)",
        ),
        (["--out", "x.csv"], "x.csv: expected a name that ends in .parquet, .jsonl or .jsonl.gz"),
        (
            ["--near", "gopher.word_count", "--out", "x.jsonl"],
            "--out: documents near a bound are no sample of anything; leave out --near or --out",
        ),
        (["--n", "-1"], "--n and --at-least count documents: expected 0 or more"),
        (
            ["--stage", "dedup"],
            "{run}/dedup/current.json: not found, so no dedup was published in {run}; run the stage first",
        ),
    ],
)
def test_mistakes(
    arguments: list[str], message: str, judged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sample", str(judged), *arguments]) == 2
    assert capsys.readouterr().err.strip() == message.format(run=judged)


@pytest.mark.parametrize("command", [["sample"], ["grep", "x"]])
def test_a_stage_that_keeps_no_documents_is_refused(
    command: list[str], small_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *arguments = command
    assert main([name, str(small_run), *arguments, "--stage", "shard"]) == 2
    assert capsys.readouterr().err == (
        "--stage shard: keeps no documents; expected one of extract, filter, dedup\n"
    )


def test_a_rule_without_bounds_has_nothing_near_it(judging: SimpleNamespace, tmp_path: Path) -> None:
    rule = {"name": "x", "signal": "word_count", "min": "-inf", "max": "inf", "options": {}}
    judging.publish(tmp_path, "filter", [], config={"filter": [{"name": "p", "rules": [rule]}]})
    with pytest.raises(
        BadSample, match=re.escape("--near: p.x is only measured; it has no bound to be near to")
    ):
        near(SampleRequest(run=open_run(str(tmp_path))), "p.x")


def test_nothing_in_a_document_acts_on_the_terminal(
    small_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sample", str(small_run), "--where", "title like '%script%'"]) == 0
    told = capsys.readouterr().out
    assert "⟨202E⟩txet" in told
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", told)
    assert main(["sample", str(small_run), "--state", "failed"]) == 0
    told = capsys.readouterr().out
    assert "failed in extract" in told
    assert "(its text was not stored)" in told
    assert main(["sample", str(small_run), "--n", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["matched"] == 12


strata_counts = st.lists(st.integers(1, 5_000), min_size=1, max_size=8)


@given(strata_counts, st.sampled_from([0.01, 0.1, 0.5]))
def test_a_fair_sample_is_not_called_skewed_and_a_skewed_one_is(counts: list[int], rate: float) -> None:
    fair = [
        Stratum(
            values=(str(i),),
            records=n,
            sampled=sum(sampled(f"{i}/{k}", rate, "s") for k in range(n)),
            rate=rate,
        )
        for i, n in enumerate(counts)
    ]
    verdict = skew(fair)
    assert verdict.p_value is None or verdict.p_value > 1e-5
    large = Stratum(values=("large",), records=100_000, sampled=round(100_000 * rate * 0.8), rate=rate)
    skewed = skew([*fair, large])
    assert skewed.p_value is not None
    assert skewed.p_value < 0.001
    assert "SKEWED" in skewed.text


def test_divergence_by_chance_is_what_samples_have() -> None:
    found = []
    for salt in map(str, range(60)):
        strata = [
            Stratum(
                values=(str(s),),
                records=300,
                sampled=sum(sampled(f"{s}.{k}", 0.2, salt) for k in range(300)),
                rate=0.2,
            )
            for s in range(5)
        ]
        found.append(skew(strata))
    average = sum(each.divergence_bits for each in found) / len(found)
    assert average == pytest.approx(found[0].by_chance_bits, rel=0.3)
    scores = sum(each.chi_square / each.freedom for each in found) / len(found)
    assert scores == pytest.approx(1, abs=0.25)


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9)),
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9)),
)
def test_divergence_is_symmetric_and_bounded(first: dict[str, int], second: dict[str, int]) -> None:
    found = jensen_shannon(first, second)
    assert 0 <= found <= 1 + 1e-12
    assert found == pytest.approx(jensen_shannon(second, first))
    assert jensen_shannon(first, first) == 0


def test_labels_are_strata_and_conditions(judging: SimpleNamespace, tmp_path: Path) -> None:
    script = Pass(name="names", edits=(), rules=(), labels=(Label(name="script", labeller="script"),))
    texts = [("web", "en", text) for text in ("one two", "где", "три", "12")]
    run = str(judging.write(tmp_path, passes=[script], texts=texts))
    found = sample(SampleRequest(run=open_run(run), rate=1.0, by=("label.script",)))
    assert {each.values: each.records for each in found.strata} == {("Latn",): 1, ("Cyrl",): 2, ("Zyyy",): 1}
    where = "label.script = 'Cyrl' AND label.script LIKE 'C%'"
    assert sample(SampleRequest(run=open_run(run), where=where)).matched == 2
