"""A run that was opened: what its manifests say, read once."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace as Namespace

import pytest

from curation.accounting import manifest
from curation.accounting.manifest import MissingManifest, published, read_manifest
from curation.filters.rules import Edit, Label, Pass, Rule, Top
from curation.look.run import open_run

STAGES = ["extract", "filter", "dedup", "shard"]


def test_manifests_come_in_the_order_of_the_stages(small_run: Path) -> None:
    run = open_run(str(small_run))
    assert list(run.manifests) == STAGES
    for stage in STAGES:
        assert run.manifests[stage] == run.manifest(stage) == read_manifest(published(str(small_run), stage))
        assert run.path(stage) == published(str(small_run), stage)
    assert run.ledger("dedup") == run.manifest("dedup").ledger
    silent = {"gopher.mean_word_length": {"records": 0, "alone": 0, "characters": 0}}
    reasons = run.manifest("filter").ledger["reasons"]
    assert run.ledger("filter") == {**run.manifest("filter").ledger, "reasons": reasons | silent}
    assert run.row_stages == run.require_rows() == ("extract", "filter", "dedup")


def test_manifests_are_read_once(small_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(path: str) -> object:
        read.append(path)
        return read_manifest(path)

    monkeypatch.setattr(manifest, "read_manifest", counted)
    run = open_run(str(small_run))
    assert len(read) == len(STAGES)
    for _ in range(2):
        assert set(run.rules) == set(run.bounds.names) == {"gopher.word_count", "gopher.mean_word_length"}
        assert run.rows("filter").count_rows() == 10
        assert run.clusters().count_rows() == 2
        assert [scan.read for scan in run.scans("filter", rate=1.0)] == [10]
    assert len(read) == len(STAGES)


def test_a_stage_of_any_name_is_opened(small_run: Path, judging: Namespace, tmp_path: Path) -> None:
    (tmp_path / "extract").symlink_to(small_run / "extract")
    judging.publish(tmp_path, "stamped", [judging.document(1)])
    run = open_run(str(tmp_path))
    assert run.row_stages == ("extract", "stamped")
    assert run.rows("stamped").count_rows() == 1


def test_what_was_never_published_is_said(small_run: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingManifest) as nothing:
        open_run(str(tmp_path))
    assert str(nothing.value) == (f"{tmp_path}: no stage was published there; expected the --out of a run")
    (tmp_path / "shard").symlink_to(small_run / "shard")
    run = open_run(str(tmp_path))
    with pytest.raises(MissingManifest) as stage:
        run.rows("filter")
    with pytest.raises(MissingManifest) as told:
        published(str(tmp_path), "filter")
    assert str(stage.value) == str(told.value)
    with pytest.raises(MissingManifest) as rows:
        run.require_rows()
    assert str(rows.value) == f"{tmp_path}: no stage has published documents there; run a recipe first"
    assert (run.row_stages, run.passes, run.labels, run.mask.edits) == ((), (), (), ())


PASSES = (
    Pass(
        name="first",
        edits=(Edit(name="mask_pii", options={"email": "<mail>"}), Edit(name="remove_citations")),
        rules=(
            Rule(name="hashes", signal="symbol_word_ratio", max=0.1, options={"symbols": ("#", "…")}),
            Rule(name="best", signal="word_count", top=Top(fraction=0.1, weigh="tokens", per=("source",))),
        ),
        only=("web", "docs"),
        labels=(Label(name="script", labeller="script"), Label(name="language", labeller="script")),
        when={"label.script": ("Latin",)},
    ),
    Pass(
        name="second",
        edits=(),
        rules=(
            Rule(name="words", signal="word_count", min=5),
            Rule(name="lines", signal="line_count", max=4),
        ),
        per_language={"de": (Rule(name="words", signal="word_count", min=3),)},
    ),
)


def test_passes_are_those_of_the_recipe(judging: Namespace, tmp_path: Path) -> None:
    judging.write(tmp_path, texts=[], passes=PASSES)
    run = open_run(str(tmp_path))
    assert run.passes == PASSES
    assert run.rules["first.hashes"] == PASSES[0].rules[0]
    assert list(run.rules) == ["first.hashes", "first.best", "second.words", "second.lines"]
    assert run.labels == ("label.script",)
    assert [(edit.pass_name, edit.name, edit.only) for edit in run.mask.edits] == [
        ("first", "mask_pii", ("web", "docs"))
    ]
    assert run.bounds.names == tuple(run.rules)
    assert run.bounds.measure == "all"
    low, high = run.bounds.per_language["de"]
    assert low.tolist() == [-float("inf"), -float("inf"), 3.0, -float("inf")]
    assert high.tolist() == [0.1, float("inf"), float("inf"), float("inf")]


def test_an_opened_run_cannot_be_changed(small_run: Path) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        open_run(str(small_run)).directory = "elsewhere"  # type: ignore[misc]
