"""Decontamination on Spark: what holds an item is found, told and accounted for, in any layout."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest

from curation.accounting.ledger import Ledger, balanced
from curation.accounting.manifest import published, read_manifest
from curation.look.questions import contamination, why
from curation.look.render.terminal import as_text
from curation.look.run import open_run
from curation.recipe.recipe import read_recipe
from curation.spark.run import Run
from curation.spark.store import Store

pytestmark = pytest.mark.spark

RECIPE = """
name: planted
inputs: {{notes: {{format: jsonl, path: {notes}, text: text, id: key}}}}
dedup: {{near: null}}
decontaminate: {{against: [{evals}], fields: [question], id: key, common_documents: 8}}
shard: {{tokenizer: {{train: {{vocab: 400}}}}, row_tokens: 64}}
"""
WORDS = [f"w{i}x" for i in range(400)]
PROMPT = "answer the following question by choosing the right option from the list below please"


def flat(text: str) -> str:
    """A table's cells as running text."""
    return " ".join(text.replace("│", " ").split())


def prose(rng: random.Random, count: int) -> str:
    return " ".join(rng.choices(WORDS, k=count))


def planted(where: Path, order: int = 0, files: int = 1) -> tuple[Path, list[str]]:
    """Write pages, some of which hold an item, and the items; return the recipe and the items' texts."""
    rng = random.Random(3)
    items = [prose(rng, 30) for _ in range(20)] + [PROMPT]
    rows = [{"key": f"clean{i}", "text": prose(rng, 200)} for i in range(20)]
    rows += [
        {"key": f"holds{i}", "text": f"{prose(rng, 150)}\n{items[i].upper()}!\n{prose(rng, 150)}"}
        for i in range(6)
    ]
    rows += [{"key": f"prompt{i}", "text": f"{PROMPT}\n{prose(rng, 90)}"} for i in range(9)]
    rows += [{"key": "only", "text": items[7]}]
    random.Random(order).shuffle(rows)
    where.mkdir()
    for i in range(files):
        (where / f"n{i}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[i::files]))
    lines = [json.dumps({"key": f"item{i}", "question": text}) + "\n" for i, text in enumerate(items)]
    (where / "tests.jsonl").write_text("".join(lines))
    recipe = where / "recipe.yaml"
    recipe.write_text(RECIPE.format(notes=f'"{where}/n*.jsonl"', evals=where / "tests.jsonl"))
    return recipe, items


#: Up to the stage that is tested; shards are left to the tests that look at them.
STAGES = ("extract", "filter", "dedup", "decontaminate")


@dataclass(frozen=True)
class Planted:
    """A finished run over pages of which some hold an item."""

    recipe: Path
    out: Path
    items: list[str]

    def rows(self) -> dict[str, dict[str, Any]]:
        return rows_of(self.out)


def rows_of(out: Path) -> dict[str, dict[str, Any]]:
    """Return key -> row of the stage."""
    table = ds.dataset(f"{published(str(out), 'decontaminate')}/rows", partitioning="hive").to_table()
    return {row["record_id"]: row for row in table.to_pylist()}


def ran(
    recipe: Path, out: Path, *overrides: str, stages: Sequence[str] = STAGES
) -> dict[str, dict[str, Any]]:
    """Run some stages (none named: all); return key -> row of the stage."""
    Run(read_recipe(str(recipe), overrides), Store(str(out)), say=lambda line: None).run(stages)
    return rows_of(out)


@pytest.fixture(scope="module")
def whole_run(spark: object, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """One run up to the shards; tests that only read share it."""
    folder = tmp_path_factory.mktemp("planted")
    recipe, items = planted(folder / "in")
    ran(recipe, folder / "out", stages=())
    return Planted(recipe, folder / "out", items)


def test_documents_that_hold_an_item_are_dropped_and_say_which(whole_run: Planted) -> None:
    rows, items = whole_run.rows(), whole_run.items
    dropped = {key: row["reasons"] for key, row in rows.items() if row["state"] == "dropped"}
    assert sorted(dropped) == [*[f"holds{i}" for i in range(6)], "only"]
    (reason,) = dropped["holds3"]
    assert (reason["name"], reason["value"]) == ("decontaminate.tests", 1.0)
    quoted = items[3].upper()[:160].rstrip()
    assert reason["detail"].startswith(f"item item3 (tests.jsonl:4): 30 of 30 words: “{quoted}"), reason[
        "detail"
    ]
    measures = dict(rows["holds3"]["measures"])
    assert measures["decontaminate.overlap"] == measures["decontaminate.item_count"] == 1.0
    opened = open_run(str(whole_run.out))
    ledgers, left_out = opened.funnel()
    assert [each.stage for each in ledgers] == ["extract", "filter", "dedup", "decontaminate", "shard"]
    assert balanced(ledgers)
    assert not left_out
    assert "item item3 (tests.jsonl:4)" in as_text(why(opened, "holds3"))


def test_the_report_counts_documents_by_item_and_lists_common_passages(whole_run: Planted) -> None:
    rows, texts = whole_run.rows(), whole_run.items
    opened = open_run(str(whole_run.out))
    path = published(str(whole_run.out), "decontaminate")
    assert read_manifest(path).detail["sets"]["tests"] == {
        "items": 21, "items_looked_for": 21, "items_found": 7, "items_common": 1, "documents": 7,
    }  # fmt: skip
    items = {row["id"]: row for row in ds.dataset(f"{path}/items").to_table().to_pylist()}
    assert (items["item3"]["documents"], items["item3"]["overlap"], items["item3"]["place"]) == (
        1,
        1.0,
        "tests.jsonl:4",
    )
    assert (items["item20"]["documents"], items["item20"]["common_documents"]) == (0, 9)
    assert (items["item12"]["documents"], items["item12"]["overlap"]) == (0, None)
    assert all(rows[f"prompt{i}"]["state"] == "kept" for i in range(9))
    matches = ds.dataset(f"{path}/matches").to_table().to_pylist()
    assert {row["item_id"] for row in matches if row["common"]} == {"item20"}
    found = contamination(opened)
    assert [(each.id, each.documents) for each in found.items] == [
        (f"item{i}", 1) for i in (0, 1, 2, 3, 4, 5, 7)
    ]
    assert [(hit.item_id, hit.documents, hit.taken) for hit in found.common] == [("item20", 9, False)]
    assert found.items[3].example is not None
    assert found.items[3].example.matched_text == texts[3].upper()
    told = flat(as_text(found))
    for said in ("tests 21 21 7 1 7", "9 documents: ", f"“{PROMPT}”"):
        assert said in told, told
    assert json.loads(json.dumps(found.to_json()))["sets"]["tests"]["items_found"] == 7
    assert f"common text (in 9 documents): “{PROMPT}”" in flat(as_text(why(opened, "prompt3")))


def test_a_cut_leaves_the_rest_and_the_account_closes(whole_run: Planted, tmp_path: Path) -> None:
    recipe, items = whole_run.recipe, whole_run.items
    shutil.copytree(whole_run.out, tmp_path / "out")
    rows = ran(recipe, tmp_path / "out", "decontaminate.action=cut")
    row = rows["holds2"]
    assert row["state"] == "kept"
    assert items[2].upper() not in row["text"]
    assert dict(row["edits"]) == {"decontaminate.cut": row["characters_in"] - row["characters"]}
    assert row["characters_in"] - row["characters"] >= len(items[2]) + 2 * 200 - 2
    assert rows["only"]["state"] == "dropped"  # no piece of 200 characters is left
    ledger = Ledger.from_json(read_manifest(published(str(tmp_path / "out"), "decontaminate")).ledger)
    ledger.check()
    assert ledger.total.reasons["edit:decontaminate.cut"].characters > 6 * 500
    rows = ran(recipe, tmp_path / "out", "decontaminate.action=annotate")
    assert {row["state"] for row in rows.values()} == {"kept"}
    assert dict(rows["only"]["measures"])["decontaminate.overlap"] == 1.0
    assert "holds item item7 of tests (tests.jsonl:8): 30 of 30" in flat(
        as_text(why(open_run(str(tmp_path / "out")), "only"))
    )


@pytest.fixture
def more_items(whole_run: Planted) -> Iterator[Callable[[], object]]:
    """Add an item to the file that the finished run looked for, until the test ends."""
    path = whole_run.recipe.parent / "tests.jsonl"
    before = path.read_text()
    item = {"key": "new", "question": "w1x w2x w3x w4x w5x w6x w7x w8x w9x"}
    yield lambda: path.write_text(before + json.dumps(item) + "\n")
    path.write_text(before)


def test_the_same_output_in_any_layout_and_another_for_other_items(
    whole_run: Planted, more_items: Callable[[], object], tmp_path: Path
) -> None:
    first = whole_run.recipe
    second, _ = planted(tmp_path / "b", order=5, files=3)
    shutil.copytree(whole_run.out, tmp_path / "out_a")
    ran(second, tmp_path / "out_b")
    one, other = (
        read_manifest(published(str(tmp_path / each), "decontaminate")) for each in ("out_a", "out_b")
    )
    assert one.digest == other.digest
    assert one.detail == other.detail
    assert one.resources == other.resources
    said: list[str] = []
    more_items()
    Run(read_recipe(str(first)), Store(str(tmp_path / "out_a")), say=said.append).run()
    assert [line.split()[0] for line in said if "up to date" not in line] == [
        "decontaminate",
        "tokenizer",
        "shard",
    ]
    without = tmp_path / "without.yaml"
    without.write_text("".join(s for s in first.read_text().splitlines(True) if "decontaminate" not in s))
    said.clear()
    Run(read_recipe(str(without)), Store(str(tmp_path / "out_a")), say=said.append).run()
    assert [line.split()[0] for line in said if "up to date" not in line] == ["tokenizer", "shard"]
    ledgers, left_out = open_run(str(tmp_path / "out_a")).funnel()
    assert [each.stage for each in ledgers] == ["extract", "filter", "dedup", "shard"]
    assert not left_out
