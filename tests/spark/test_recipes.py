"""The recipes that ask for models, lists and evaluation sets, end to end on a small crawl, by the commands they name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest

from curation.accounting.ledger import balanced
from curation.accounting.manifest import published
from curation.cli import main
from curation.look.run import open_run
from curation.recipe.recipe import read_recipe
from curation.spark.run import STAGES, Run
from curation.spark.store import Store

from .conftest import prose, write_small

pytestmark = [pytest.mark.spark, pytest.mark.slow]

TEXTS = {"good": range(40), "web": range(20, 60), "other": range(60, 90)}
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def made_of_few(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Path:
    """A folder with a crawl, an evaluation set, a list of addresses, and models made from a few texts."""
    folder = tmp_path_factory.mktemp("recipes")
    write_small(folder / "crawl")
    (folder / "quiz.jsonl").write_text(json.dumps({"question": prose(3)[:200]}) + "\n")
    (folder / "blocked.txt").write_text("example.org/7\n")
    for name, numbers in TEXTS.items():
        mark = "" if name == "good" else " Buy cheap boats online now."
        lines = [json.dumps({"text": prose(100 + i, 40) + mark}) + "\n" for i in numbers]
        (folder / f"{name}.jsonl").write_text("".join(lines))
    sets = [f"positive.good.path={folder}/good.jsonl", f"negative.web={{path: {folder}/web.jsonl}}"]
    sets += [
        f"held_out.other.path={folder}/other.jsonl",
        "held_out_fraction=0.3",
        "min_count=1",
        "buckets=1000",
    ]
    asked = [str(root / "jobs/recipes/quality_training.yaml"), *(word for s in sets for word in ("--set", s))]
    for task, file in (("train", "quality.bin"), ("dsir", "weights.json"), ("unigrams", "counts.tsv")):
        assert main(["quality", task, *asked, "--out", f"{folder}/{file}"]) == 0
    return folder


def ran(name: str, folder: Path, *overrides: str) -> dict[str, Rows]:
    """Run a recipe up to its shards; return stage -> its rows.

    What has the same settings as in another recipe runs once for all.
    """
    given = [f"inputs.crawl.path={folder}/crawl/*.warc.gz", "extract.max_page_mib=0.2", *overrides]
    out = str(folder / "out")
    documents = [stage.name for stage in STAGES if stage.name not in ("tokenizer", "shard")]
    Run(read_recipe(f"jobs/recipes/{name}.yaml", given), Store(out), say=lambda line: None).run(documents)
    ledgers, left_out = open_run(out).funnel()
    assert balanced(ledgers)
    assert not left_out
    paths = {each.stage: f"{published(out, each.stage)}/rows" for each in ledgers}
    return {
        stage: ds.dataset(path, partitioning="hive").to_table().to_pylist() for stage, path in paths.items()
    }


def removed(rows: Rows) -> dict[str, list[str]]:
    """Return reason -> the last part of the addresses of what it removed."""
    found: dict[str, list[str]] = {}
    for row in rows:
        for reason in row["reasons"]:
            found.setdefault(reason["name"], []).append(row["url"].rpartition("/")[2])
    return found


@pytest.fixture
def at_the_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a recipe's own paths begin."""
    monkeypatch.chdir(root)


@pytest.mark.usefixtures("spark", "at_the_root")
def test_the_best_share_by_a_model_and_importance_weights(made_of_few: Path) -> None:
    rows = ran(
        "quality",
        made_of_few,
        f"filter.addresses.keep.listed.lists=[{made_of_few}/blocked.txt]",
        f"filter.opinions.label.kind.model={made_of_few}/quality.bin",
        f"filter.opinions.measure.quality.model={made_of_few}/quality.bin",
        f"filter.opinions.measure.importance.weights={made_of_few}/weights.json",
        f"filter.opinions.measure.perplexity.counts={made_of_few}/counts.tsv",
        "select.best.top_fraction=0.5",
    )
    assert list(rows) == ["extract", "lines", "filter", "select", "dedup"]
    assert removed(rows["filter"])["addresses.listed"] == ["7"]
    tokens = {"kept": 0.0, "dropped": 0.0}
    for row in rows["select"]:
        tokens[row["state"]] += dict(row["measures"])["opinions.tokens"]
        assert dict(row["metadata"])["label.kind"] in ("hq", "other")
    assert 0.5 <= tokens["kept"] / sum(tokens.values()) < 0.6
    least = min(dict(row["measures"])["select.best"] for row in rows["select"] if row["state"] == "kept")
    assert all(reason["value"] < least for row in rows["select"] for reason in row["reasons"])
    assert set(removed(rows["select"])) == {"select.best"}


@pytest.mark.usefixtures("spark", "at_the_root")
def test_what_holds_an_evaluation_item_goes(made_of_few: Path) -> None:
    sets = [f"decontaminate.against=[{made_of_few}/quiz.jsonl]", "decontaminate.fields=[question]"]
    rows = ran("decontaminated", made_of_few, *sets)
    assert list(rows) == ["extract", "filter", "dedup", "decontaminate"]
    assert removed(rows["decontaminate"]) in ({"decontaminate.quiz": [each]} for each in ("3", "near3"))


@pytest.mark.usefixtures("spark", "at_the_root")
def test_each_language_has_its_rules_and_a_site_its_cap(made_of_few: Path, root: Path) -> None:
    lists = f"filter.addresses.keep.listed.lists=[{root}/jobs/recipes/blocked.txt]"
    rows = ran("web_languages", made_of_few, lists, "sites.at_most=10")
    assert list(rows) == ["extract", "filter", "dedup", "sites"]
    assert {row["language"] for row in rows["filter"] if row["state"] == "kept"} == {"en", "de"}
    assert len([row for row in rows["sites"] if row["state"] == "kept"]) == 10
    assert len(removed(rows["sites"])["sites.at_most"]) > 20
