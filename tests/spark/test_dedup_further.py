"""A recipe with exact, near, semantic and substring deduplication, run as users run it."""

from __future__ import annotations

import json
import random
import string
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curation.accounting.ledger import Ledger
from curation.look.questions import duplicates, why
from curation.look.render.terminal import as_text
from curation.look.run import open_run
from curation.recipe.recipe import read_recipe
from curation.spark.run import Run
from curation.spark.store import Store

pytestmark = pytest.mark.spark

RECIPE = """
name: further
inputs:
  notes: {format: jsonl, path: NOTES, text: text, id: key}
filter:
  - {name: house, keep: {word_count: {min: 5}}}
dedup:
  near: {jaccard: 0.8}
  semantic: {encoder: "word_shares:encode", clusters: 4, min_cosine: 0.9}
  substring: {min_tokens: 20}
shard: {tokenizer: {train: {vocab: 300}}}
"""
ENCODER = '''
import numpy as np


def encode(texts):
    """Return how often each letter begins a word."""
    return np.array([[t.lower().count(" " + chr(97 + i)) for i in range(26)] for t in texts], float) + 1e-6
'''


def notes() -> list[str]:
    """Texts about other letters each; a copy, a near copy, one of the same words reordered, a shared run."""
    rng = random.Random(2)
    made = [
        " ".join(f"{letter}{rng.randrange(10**6)}" for _ in range(100))
        for letter in string.ascii_lowercase[:12]
    ]
    shuffled = made[2].split()
    rng.shuffle(shuffled)
    near = made[1].split()
    near[50] = "other"
    shared = " ".join(made[3].split()[:30])
    return [
        *made,
        made[0],
        " ".join(near),
        " ".join(shuffled),
        f"{shared} " + " ".join(f"z{i}" for i in range(90)),
    ]


def test_all_four_kinds_in_one_recipe(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "word_shares.py").write_text(ENCODER)
    monkeypatch.syspath_prepend(tmp_path)
    spark.sparkContext.addPyFile(str(tmp_path / "word_shares.py"))
    path = tmp_path / "notes.jsonl"
    path.write_text(
        "".join(json.dumps({"key": str(i), "text": text}) + "\n" for i, text in enumerate(notes()))
    )
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.replace("NOTES", str(path)))
    run = Run(read_recipe(str(recipe)), Store(str(tmp_path / "out")), say=lambda line: None)
    manifest = run.run(("extract", "filter", "dedup"))[-1]
    ledger = Ledger.from_json(manifest.ledger)
    ledger.check()
    assert ledger.total.states["merged"].records == 3
    assert ledger.total.states["kept"].records == 13
    reasons = ledger.total.reasons
    assert {name: reason.records for name, reason in reasons.items()} == {
        "dedup.exact": 1,
        "dedup.near": 1,
        "dedup.semantic": 1,
        "edit:dedup.substring": 0,
    }
    assert reasons["edit:dedup.substring"].characters > 100
    assert set(manifest.resources) == {"scikit-learn", "word_shares"}
    out = tmp_path / "out" / "dedup" / manifest.fingerprint
    rows = {row["record_id"]: row for row in pq.read_table(out / "rows").to_pylist()}
    clusters = {row["id"]: row for row in pq.read_table(out / "clusters").to_pylist()}
    semantic = next(row for row in clusters.values() if row["reason"] == "dedup.semantic")
    assert semantic["cosine"] > 0.9
    assert {
        row["record_id"] for row in rows.values() if row["id"] in (semantic["id"], semantic["kept_id"])
    } == {"2", "14"}
    for answer in (
        why(open_run(str(tmp_path / "out")), semantic["id"]),
        duplicates(open_run(str(tmp_path / "out"))),
    ):
        assert f"cosine {semantic['cosine']:.3f}" in " ".join(as_text(answer).split())
    both = [rows[key] for key in ("3", "15")]
    cut = [row for row in both if dict(row["edits"]).get("dedup.substring")]
    assert len(cut) == 1
    assert dict(cut[0]["measures"])["dedup.repeated_fraction"] > 0.1
