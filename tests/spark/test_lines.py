"""Repeated lines on Spark: what goes equals brute force, in any layout, and the account closes."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest

from curation.accounting.ledger import balanced
from curation.accounting.manifest import published, read_manifest
from curation.dedup.lines import hashed
from curation.look.run import open_run
from curation.recipe.config import ConfigError
from curation.recipe.recipe import read_recipe
from curation.recipe.sections.lines import Lines
from curation.spark.run import Run
from curation.spark.scratch import Scratch
from curation.spark.stages.lines import write
from curation.spark.store import Store
from curation.text.address import site

from .tables import documents

pytestmark = pytest.mark.spark

LETTERS = "ghijklmnopqrs"  # for digits, which do not count
SETTINGS = Lines(
    min_documents=4, prefer=("t",), site_fraction=0.6, site_pages=5, min_characters=10, min_words_left=12
)


def corpus() -> list[dict[str, Any]]:
    rng = random.Random(11)
    common = [f"common line number {name}" for name in "abcdefgh"]
    rows = []
    for i in range(120):
        host = rng.choice(["a.org", "b.org", "c.org", f"one{LETTERS[i // 10]}{LETTERS[i % 10]}.org"])
        own = [
            f"own words {' '.join(rng.choices('qwertz', k=6))} of {hashed(str(i))} {j}"
            for j in range(rng.randrange(4))
        ]
        own = [line.translate(str.maketrans("0123456789", LETTERS[:10])) for line in own]
        lines = (
            [f"menu of {host} is here"] * (rng.random() < 0.8) + rng.sample(common, rng.randrange(3)) + own
        )
        rng.shuffle(lines)
        text = "\n".join(lines)
        rows.append(
            {
                "id": f"{i:032x}",
                "source": rng.choice("st"),
                "url": f"https://www.{host}/{i}",
                "file": "f",
                "offset": i,
            }
            | {
                "text": text,
                "characters": len(text),
                "characters_in": 5,
                "edits": [],
                "measures": [],
                "reasons": [],
            }
        )
    return rows


def by_brute_force(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Return id -> the text that is left, by Python's sets of texts."""
    held = Counter(line for row in rows for line in {x for x in row["text"].split("\n") if len(x) >= 10})
    best = {
        line: min(
            (row["source"] != "t", hashed(row["id"]), row["id"])
            for row in rows
            if line in row["text"].split("\n")
        )
        for line in held
    }
    pages = Counter(site(row["url"]) for row in rows)
    on_sites = Counter((site(row["url"]), line) for row in rows for line in set(row["text"].split("\n")))
    left = {}
    for row in rows:
        where, kept = site(row["url"]), []
        for line in row["text"].split("\n"):
            boilerplate = (
                pages[where] >= 5 and on_sites[where, line] >= 0.6 * pages[where] and len(line) >= 10
            )
            repeated = held[line] >= 4 and best[line][2] != row["id"]
            if not boilerplate and not repeated:
                kept.append(line)
        text = "\n".join(kept)
        left[row["id"]] = text if len(text.split()) >= 12 else row["text"]
    return left


def ran(spark: Any, folder: Path, partitions: int) -> tuple[dict[str, dict[str, Any]], Any]:
    frame = documents(spark, corpus(), partitions)
    detail = write(frame, SETTINGS, Scratch(spark, f"{folder}/_scratch/tables"), str(folder), 1.0)
    rows = ds.dataset(f"{folder}/rows", partitioning="hive").to_table().to_pylist()
    return {row["id"]: row for row in sorted(rows, key=lambda row: row["id"])}, detail


def test_what_is_left_equals_brute_force_in_any_layout(spark: Any, tmp_path: Path) -> None:
    rows, detail = ran(spark, tmp_path / "a", 2)
    assert (rows, detail) == ran(spark, tmp_path / "b", 5)
    wanted = by_brute_force(corpus())
    assert {name: row["text"] for name, row in rows.items()} == wanted
    edited = [row for row in rows.values() if row["edits"]]
    assert {name for row in edited for name, _ in row["edits"]} == {
        "repeated_lines.corpus",
        "repeated_lines.site",
    }
    for row in rows.values():
        assert row["characters_in"] == row["characters"] + sum(count for _, count in row["edits"])
    assert detail["lines"]["boilerplate"] >= 2
    assert detail["lines"]["repeated"] >= 8


RECIPE = """
name: lines
inputs: {{notes: {{format: jsonl, path: {notes}, text: text, id: key}}}}
lines: {{min_documents: 3, min_words_left: 5}}
dedup: {{near: null}}
shard: {{tokenizer: {{train: {{vocab: 300}}}}, row_tokens: 64}}
"""


def test_a_run_takes_them_out_before_the_filter(spark: Any, tmp_path: Path) -> None:
    texts = [f"this line stands in every document\nbut the other one is only of {name}" for name in "abcdef"]
    lines = [json.dumps({"key": text[-1], "text": text}) + "\n" for text in texts]
    (tmp_path / "notes.jsonl").write_text("".join(lines))
    recipe = tmp_path / "r.yaml"
    recipe.write_text(RECIPE.format(notes=tmp_path / "notes.jsonl"))
    out = str(tmp_path / "out")
    Run(read_recipe(str(recipe)), Store(out), say=lambda line: None).run()
    ledgers, left_out = open_run(out).funnel()
    assert balanced(ledgers)
    assert not left_out
    assert [each.stage for each in ledgers] == ["extract", "lines", "filter", "dedup", "shard"]
    manifest = read_manifest(published(out, "lines"))
    assert manifest.ledger["reasons"] == {
        "edit:repeated_lines.corpus": {
            "records": 0,
            "alone": 0,
            "characters": 5 * len("this line stands in every document\n"),
        }
    }
    with pytest.raises(ConfigError) as error:
        read_recipe(str(recipe), ["lines.prefer=[web]"])
    assert str(error.value) == "--set lines.prefer=[web]: no input named 'web'; known: notes"
