"""Repeated runs on Spark: what is cut equals brute force, in the account, and in any layout."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F

from curation.accounting.ledger import tally
from curation.recipe.sections.dedup import Substring
from curation.spark.dedup.substring import NAME, REPEATED, Repeats
from curation.spark.scratch import Scratch
from curation.spark.tables import settled

from .tables import documents

pytestmark = pytest.mark.spark

WORDS = [f"word{i}" for i in range(900)]
SIZE = 12
REASON = {"name": "dedup.near", "state": "merged", "value": 1.0, "min": None, "max": 0.8, "detail": "so"}


def corpus() -> list[dict[str, Any]]:
    """Texts with runs of 11 to 90 words planted in them; some whole copies, some already removed."""
    rng = random.Random(5)
    planted = [rng.choices(WORDS, k=size) for size in (11, 12, 13, 40, 90)]
    texts = []
    for _ in range(60):
        words = rng.choices(WORDS, k=rng.randrange(120))
        at = rng.randrange(len(words) + 1)
        texts.append(" ".join(words[:at] + rng.choice(planted) + words[at:]))
    texts += [texts[0], " ".join(planted[4]), "", "short", "lots of spam and ham " * 30]
    return [
        {
            "id": f"{i:032x}", "source": "s", "file": "f", "offset": i, "text": text, "characters": len(text),
            "characters_in": len(text), "edits": [], "measures": [("q.score", float(rng.randrange(4)))],
            "reasons": [REASON] if i % 9 == 5 else [],
        }
        for i, text in enumerate(texts)
    ]  # fmt: skip


def marked(
    spark: Any, rows: list[dict[str, Any]], folder: Path, partitions: int, **options: Any
) -> dict[str, dict[str, Any]]:
    frame = documents(spark, rows, partitions)
    order = [-F.col("measures.`q.score`")]
    repeats = Repeats(
        Substring(min_tokens=SIZE, **options), order, F.col("source"), Scratch(spark, str(folder))
    )
    found = settled(repeats.mark(frame), 1.0).toArrow().to_pylist()
    return {row["id"]: row for row in found}


def test_only_documents_of_one_scope_are_compared(spark: Any, tmp_path: Path) -> None:
    text = " ".join(WORDS[:40])
    base = {
        "file": "f",
        "text": text,
        "characters": len(text),
        "characters_in": len(text),
        "edits": [],
        "reasons": [],
    }
    rows = [
        base | {"id": f"{i:032x}", "source": source, "offset": i, "measures": [("q.score", 1.0)]}
        for i, source in enumerate("abab")
    ]
    found = marked(spark, rows, tmp_path, 2)
    assert [found[row["id"]]["state"] for row in rows] == ["kept", "kept", "dropped", "dropped"]


def by_brute_force(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return id -> words that stay, by Python's tuples: the best document first keeps a run."""
    seen: set[tuple[str, ...]] = set()
    stay = {}
    kept = [row for row in rows if not row["reasons"]]
    for row in sorted(kept, key=lambda row: (-row["measures"][0][1], row["id"])):
        words = row["text"].split()
        gone = set()
        for i in range(len(words) - SIZE + 1):
            run = tuple(words[i : i + SIZE])
            if run in seen:
                gone |= set(range(i, i + SIZE))
            seen.add(run)
        stay[row["id"]] = [word for i, word in enumerate(words) if i not in gone]
    return stay


@pytest.fixture(scope="module")
def cut(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The corpus without what is repeated, from three partitions."""
    return marked(spark, corpus(), tmp_path_factory.mktemp("cut"), 3)


def test_the_best_document_keeps_a_run_and_the_ledger_closes(cut: Any) -> None:
    rows, found = corpus(), cut
    expected = by_brute_force(rows)
    assert set(found) == {row["id"] for row in rows}
    edited = 0
    for row in rows:
        now = found[row["id"]]
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
    ledger = tally("dedup", found.values())
    ledger.check()
    removed = ledger.total.reasons
    assert removed[f"edit:{NAME}"].characters > 1000
    assert removed[NAME].records >= 1


@pytest.mark.parametrize("partitions", [1, 64])
def test_the_answer_does_not_depend_on_the_layout(
    spark: Any, cut: Any, tmp_path: Path, partitions: int
) -> None:
    rows = corpus()
    random.Random(partitions).shuffle(rows)
    assert marked(spark, rows, tmp_path, partitions) == cut


def test_annotate_measures_and_leaves_every_text(spark: Any, cut: Any, tmp_path: Path) -> None:
    rows = corpus()
    found = marked(spark, rows, tmp_path, 2, action="annotate")
    for row in rows:
        now, removed = found[row["id"]], cut[row["id"]]
        assert now["text"] == row["text"]
        assert now["edits"] == []
        assert now["reasons"] == row["reasons"]
        share = dict(now["measures"]).get(REPEATED, 0.0)
        assert share == dict(removed["measures"]).get(REPEATED, 0.0)
        if removed["state"] == "kept":
            assert share * len(row["text"]) == pytest.approx(len(row["text"]) - len(removed["text"]))
