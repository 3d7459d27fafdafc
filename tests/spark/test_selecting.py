"""Selections on Spark: exact cuts, as numpy finds them, by weight and group, in any layout."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest

from curation.accounting.ledger import balanced
from curation.accounting.manifest import published, read_manifest
from curation.look.run import open_run
from curation.quality.selection import Selection
from curation.recipe.recipe import read_recipe
from curation.spark.run import Run
from curation.spark.scratch import Scratch
from curation.spark.stages.select import write
from curation.spark.store import Store

from .tables import documents

pytestmark = pytest.mark.spark


def corpus() -> list[dict[str, Any]]:
    rng = random.Random(8)
    rows = []
    for i in range(300):
        text = "x" * rng.randrange(1, 900)
        measures = [("q.a", rng.choice([0.0, -0.0, 0.25, rng.random(), -rng.random() * 1e-9]))]
        measures += [("q.b", float(rng.randrange(7)))] if i % 3 else []
        rows.append(
            {"id": f"{i:032x}", "source": rng.choice("st"), "language": rng.choice(["en", "de"]), "file": "f"}
            | {"offset": i, "text": text, "characters": len(text), "characters_in": len(text), "edits": []}
            | {"measures": measures if i % 17 else [], "reasons": []}
        )
    return rows


def selected(spark: Any, folder: Path, selections: list[Selection], partitions: int) -> tuple[list[Any], Any]:
    frame = documents(spark, corpus(), partitions)
    detail = write(frame, selections, Scratch(spark, f"{folder}/_scratch/tables"), str(folder), 1.0)
    found = ds.dataset(f"{folder}/rows", partitioning="hive").to_table().to_pylist()
    return sorted(found, key=lambda row: row["id"]), detail["selections"]


def by_sorting(rows: list[tuple[float, int]], fraction: float) -> float:
    """Return the greatest score whose own and better ones weigh the fraction, by sorting."""
    total, held = sum(weight for _, weight in rows), 0
    for score, weight in sorted(rows, reverse=True):
        held += weight
        if held >= fraction * total - 1e-9:
            return score
    raise AssertionError


def test_the_best_by_weight_in_each_group_equal_sorting(spark: Any, tmp_path: Path) -> None:
    chosen = Selection(
        name="best", of=("q.a",), top_fraction=0.3, weigh="characters", per=("source", "language")
    )
    rows, detail = selected(spark, tmp_path / "a", [chosen], 3)
    assert rows == selected(spark, tmp_path / "b", [chosen], 7)[0]
    for source in "st":
        for language in ("en", "de"):
            mine = [row for row in rows if (row["source"], row["language"]) == (source, language)]
            scored = [(dict(row["measures"])["q.a"], row["characters_in"]) for row in mine if row["measures"]]
            cut = by_sorting(scored, 0.3)
            assert detail["select.best"][f"{source} {language}"] == {
                "min": cut,
                "weight": sum(weight for _, weight in scored),
            }
            kept = [row for row in mine if row["state"] == "kept"]
            assert kept == [row for row in mine if not row["measures"] or dict(row["measures"])["q.a"] >= cut]
    (reason,) = next(row for row in rows if row["state"] == "dropped")["reasons"]
    assert reason["name"] == "select.best"
    assert reason["detail"] == "not among the best 0.3 of characters of its source and language"
    assert reason["value"] < reason["min"]


def test_several_measures_are_combined_by_their_bins(spark: Any, tmp_path: Path) -> None:
    both = Selection(name="both", of=("q.a", "q.b"), bins=4, combine="max", min=2.0)
    then = Selection(name="then", of=("q.a",), top_fraction=0.5)
    rows, detail = selected(spark, tmp_path / "a", [both, then], 2)
    edges = {
        name: [by_sorting([(dict(r["measures"])[name], 1) for r in rows if name in dict(r["measures"])], share)
               for share in (0.75, 0.5, 0.25)]
        for name in ("q.a", "q.b")
    }  # fmt: skip
    survivors = []
    for row in rows:
        measures = dict(row["measures"])
        bins = [sum(measures[name] >= edge for edge in edges[name]) for name in edges if name in measures]
        if not bins:
            assert row["state"] == "kept"
            continue
        assert measures["select.both"] == max(bins)
        assert ("select.both" in {reason["name"] for reason in row["reasons"]}) == (max(bins) < 2)
        survivors += [measures["q.a"]] if max(bins) >= 2 else []
    assert detail["select.then"]["all"] == {
        "min": by_sorting([(value, 1) for value in survivors], 0.5), "weight": len(survivors)
    }  # fmt: skip


RECIPE = """
name: best
inputs: {{notes: {{format: jsonl, path: {notes}, text: text, id: key}}}}
filter:
  - {{name: house, keep: {{word_count: {{min: 5, top_fraction: 0.25}}}}, measure: {{token_count: {{}}}}}}
dedup: {{near: null, exact: false}}
shard: {{tokenizer: {{train: {{vocab: 300}}}}, row_tokens: 64}}
"""


def test_a_rule_asks_for_the_best_share_of_documents_or_tokens(spark: Any, tmp_path: Path) -> None:
    lines = [json.dumps({"key": str(i), "text": "word " * (i + 1)}) + "\n" for i in range(44)]
    (tmp_path / "notes.jsonl").write_text("".join(lines))
    recipe = tmp_path / "r.yaml"
    recipe.write_text(RECIPE.format(notes=tmp_path / "notes.jsonl"))
    out = str(tmp_path / "out")
    said: list[str] = []
    Run(read_recipe(str(recipe)), Store(out), say=said.append).run()
    manifest = read_manifest(published(out, "select"))
    assert manifest.detail["selections"] == {"house.word_count": {"all": {"min": 35.0, "weight": 40}}}
    assert (
        manifest.ledger["reasons"]["house.word_count"]["records"]
        == manifest.ledger["dropped"]["records"]
        == 30
    )
    ledgers, left_out = open_run(out).funnel()
    assert balanced(ledgers)
    assert [each.stage for each in ledgers] == ["extract", "filter", "select", "dedup", "shard"]
    assert not left_out
    said.clear()
    more = read_recipe(str(recipe), ["filter.house.keep.word_count.weigh=house.token_count"])
    Run(more, Store(out), say=said.append).run(["extract", "filter", "select"])
    assert [line.split()[0] for line in said if "up to date" not in line] == ["select"]
    # 44 + 43 + 42 + 41 + 40 + 39 tokens are the first quarter of those of the texts of 5 to 44.
    detail = read_manifest(published(out, "select")).detail
    assert detail["selections"] == {"house.word_count": {"all": {"min": 39.0, "weight": sum(range(5, 45))}}}
