"""Repeated runs on Spark: what is cut equals brute force, in the account, and in any layout."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import functions as F

from curation.accounting.settle import SETTLED
from curation.accounting.tally import tally
from curation.recipe.sections.dedup import Substring
from curation.spark.dedup.substring import NAME, REPEATED, RepeatedRuns
from curation.spark.scratch import Scratch
from curation.spark.tables import settled

from .tables import documents

pytestmark = pytest.mark.spark

WORDS = [f"word{i}" for i in range(900)]
SIZE = 12
REASON = {"name": "dedup.near", "state": "merged", "value": 1.0, "min": None, "max": 0.8, "detail": "so"}


def corpus() -> list[dict[str, Any]]:
    """Texts with runs of 11 to 90 words planted in them; whole copies, also of other sources; some removed."""
    rng = random.Random(5)
    planted = [rng.choices(WORDS, k=size) for size in (11, 12, 13, 40, 90)]
    texts = []
    for _ in range(60):
        words = rng.choices(WORDS, k=rng.randrange(120))
        at = rng.randrange(len(words) + 1)
        texts.append(" ".join(words[:at] + rng.choice(planted) + words[at:]))
    texts += [texts[0], " ".join(planted[4]), "", "short", "lots of spam and ham " * 30]
    texts += [" ".join(WORDS[:40])] * 4
    sources = "s" * (len(texts) - 4) + "abab"
    return [
        {
            "id": f"{i:032x}", "source": sources[i], "file": "f", "offset": i, "text": text, "characters": len(text),
            "characters_in": len(text), "edits": [], "measures": [("q.score", float(rng.randrange(4)))],
            "reasons": [REASON] if i % 9 == 5 and sources[i] == "s" else [],
        }
        for i, text in enumerate(texts)
    ]  # fmt: skip


def marked(
    spark: Any, rows: list[dict[str, Any]], folder: Path, partitions: int, **options: Any
) -> dict[str, dict[str, Any]]:
    frame = documents(spark, rows, partitions)
    order = [-F.col("measures.`q.score`")]
    repeats = RepeatedRuns(
        Substring(min_tokens=SIZE, **options), order, F.col("source"), Scratch(spark, str(folder))
    )
    rows_out = settled(repeats.mark(frame), 1.0).frame().toArrow().to_pylist()
    return {row["id"]: row for row in rows_out}


def by_brute_force(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return id -> words that are left, by Python's tuples: the best document of a source keeps a run."""
    known: set[tuple[str, ...]] = set()
    left = {}
    kept = [row for row in rows if not row["reasons"]]
    for row in sorted(kept, key=lambda row: (-row["measures"][0][1], row["id"])):
        words = row["text"].split()
        repeated = set()
        for i in range(len(words) - SIZE + 1):
            run = (row["source"], *words[i : i + SIZE])
            if run in known:
                repeated |= set(range(i, i + SIZE))
            known.add(run)
        left[row["id"]] = [word for i, word in enumerate(words) if i not in repeated]
    return left


@pytest.fixture(scope="module")
def cut(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The corpus without what is repeated, from three partitions."""
    return marked(spark, corpus(), tmp_path_factory.mktemp("cut"), 3)


def test_the_best_document_keeps_a_run_and_the_ledger_closes(cut: Any) -> None:
    rows, result = corpus(), cut
    expected = by_brute_force(rows)
    assert set(result) == {row["id"] for row in rows}
    edited = 0
    for row in rows:
        now = result[row["id"]]
        if row["reasons"]:
            assert (now["state"], now["text"], now["reasons"]) == ("merged", row["text"], [REASON])
        elif row["text"] and not expected[row["id"]]:
            assert (now["state"], now["reasons"][0]["name"]) == ("dropped", NAME)
            assert now["text"] == row["text"], "what was dropped is there to be looked at"
        else:
            assert now["text"].split() == expected[row["id"]]
            assert now["characters"] == len(now["text"])
            assert dict(now["edits"]).get(NAME, 0) == len(row["text"]) - len(now["text"])
            edited += now["text"] != row["text"]
    assert edited > 25
    settled = pa.RecordBatch.from_pylist(list(result.values()), schema=SETTLED)
    ledger = tally("dedup", settled)
    ledger.check()
    removed = ledger.total.reasons
    assert removed[f"edit:{NAME}"].characters > 1000
    assert removed[NAME].records >= 1


def test_the_answer_does_not_depend_on_the_layout(spark: Any, cut: Any, tmp_path: Path) -> None:
    rows = corpus()
    random.Random(1).shuffle(rows)
    assert marked(spark, rows, tmp_path, 16) == cut


def test_annotate_measures_and_leaves_every_text(spark: Any, cut: Any, tmp_path: Path) -> None:
    rows = corpus()
    result = marked(spark, rows, tmp_path, 1, action="annotate")
    for row in rows:
        now, removed = result[row["id"]], cut[row["id"]]
        assert now["text"] == row["text"]
        assert now["edits"] == []
        assert now["reasons"] == row["reasons"]
        share = dict(now["measures"]).get(REPEATED, 0.0)
        assert share == dict(removed["measures"]).get(REPEATED, 0.0)
        if removed["state"] == "kept":
            assert share * len(row["text"]) == pytest.approx(len(row["text"]) - len(removed["text"]))
