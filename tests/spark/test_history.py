"""Earlier runs: who stays, what is replaced, and that only the new run's keys are shuffled."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql.pandas.types import from_arrow_schema

from curation.accounting.manifest import Manifest, published
from curation.accounting.settle import SETTLED
from curation.accounting.tally import tally
from curation.recipe.config import ConfigError
from curation.recipe.recipe import read_recipe
from curation.recipe.sections.dedup import Dedup, Near
from curation.spark.dedup import history
from curation.spark.dedup.inputs import Preference
from curation.spark.rows import WRITTEN
from curation.spark.run import Run
from curation.spark.stages.dedup import Finder
from curation.spark.stages.filter import FILTER
from curation.spark.store import Store

pytestmark = pytest.mark.spark

RECIPE = """
name: r
inputs: {a: {format: jsonl, path: a.jsonl, text: text, snapshot: spring}, b: {format: jsonl, path: b.jsonl, text: text}}
dedup: {near: {rounds: 1}, index: true}
shard: {tokenizer: {train: {vocab: 300}}}
"""
RNG = random.Random(7)
TEXTS = [[f"w{RNG.randrange(5000)}" for _ in range(120)] for _ in range(8)]


def text(number: int, drop: int = 0, more: int = 0) -> str:
    """Text `number`, without its last words, with others after them."""
    words = TEXTS[number][: 120 - drop]
    return " ".join([*words, *(f"extra{number}x{i}" for i in range(more))])


def filtered(out: Path, name: str, texts: dict[str, str], source: str = "a") -> Path:
    """Publish documents (id -> text) as the filter stage would, and write a recipe; return the latter."""
    path = out.parent / f"{name}.yaml"
    path.write_text(RECIPE)
    run = Run(read_recipe(str(path)), Store(str(out)), say=lambda line: None)
    rows = [
        {"id": i, "source": source, "file": name, "offset": n, "text": body, "characters": len(body)}
        | {"characters_in": len(body), "edits": [], "measures": [], "reasons": [], "state": "kept"}
        for n, (i, body) in enumerate(texts.items())
    ]
    table = pa.Table.from_pylist(rows, schema=SETTLED)
    where = run.store.begin("filter", "f" * 16)
    pq.write_to_dataset(table, f"{where}/rows", partition_cols=["state"])
    held = {"ledger": tally("filter", table.to_batches()[0]).to_json(), "rows": len(rows), "digest": name}
    files = [{"name": str(file.relative_to(f"{where}/rows"))} for file in Path(where).rglob("*.parquet")]
    Path(where, "rows", WRITTEN).write_text(json.dumps({"files": files, **held}))
    made = {"inputs": {}, "resources": {}, "versions": {}, "output_version": 1, **held}
    config = FILTER.decided_by(run.recipe)
    run.store.publish(Manifest(stage="filter", fingerprint="f" * 16, config=config, **made))
    return path


def deduplicated(recipe: Path, out: Path, **settings: Any) -> Manifest:
    overrides = [f"dedup.{name}={json.dumps(value)}" for name, value in settings.items()]
    run = Run(read_recipe(str(recipe), overrides), Store(str(out)), say=lambda line: None)
    return run.run(["dedup"])[0]


def read(spark: Any, out: Path, table: str) -> dict[str, dict[str, Any]]:
    path = Path(published(str(out), "dedup"), table)
    rows = spark.read.parquet(f"file:{path}").toArrow().to_pylist() if path.exists() else []
    return {row["id"]: row for row in rows}


OLD = {f"old{i}": text(i) for i in range(4)}
NEW = {
    "copy": text(0),
    "short": text(1, drop=4),
    "long": text(2, more=4),
    "fresh": text(5),
    "fresh-again": text(5, drop=3),
}


def test_earlier_runs_win_lose_or_are_compared_by_preference(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PART_BITS", 2)  # 64 parts are as many tasks, for a few rows
    first, second = tmp_path / "first", tmp_path / "second"
    before = deduplicated(filtered(first, "one", OLD), first)
    assert before.ledger["kept"]["records"] == 4
    recipe = filtered(second, "two", NEW)

    won = deduplicated(recipe, second, against=str(first), index=False)
    merged = {name: (row["kept_id"], row["kept_in"]) for name, row in read(spark, second, "clusters").items()}
    assert merged == {
        "copy": ("old0", before.fingerprint),
        "short": ("old1", before.fingerprint),
        "long": ("old2", before.fingerprint),
        "fresh-again": ("fresh", None),
    }
    assert read(spark, second, "clusters")["short"]["jaccard"] == 112 / 116
    assert not read(spark, second, "tombstones"), "what an earlier run kept stays"
    kept = read(spark, second, "rows/state=kept")
    assert [dict(row["measures"]) for row in kept.values()] == [{"dedup.cluster_size": 2.0}]
    assert won.inputs["against"] == [f"{before.fingerprint} {before.digest}"]

    deduplicated(recipe, second, against=[str(first)], history="loses")
    assert set(read(spark, second, "clusters")) == {"fresh-again"}
    lost = {name: row["kept_id"] for name, row in read(spark, second, "tombstones").items()}
    assert lost == {"old0": "copy", "old1": "short", "old2": "long"}
    third = tmp_path / "third"
    again = filtered(third, "three", {"third": text(1, drop=6), "fourth": text(3, drop=6)})
    deduplicated(again, third, against=[str(first), str(second)], index=False)
    merged = {name: row["kept_id"] for name, row in read(spark, third, "clusters").items()}
    assert merged == {"third": "short", "fourth": "old3"}, "old1 was replaced by short"

    deduplicated(recipe, second, against=str(first), history="by_priority")
    assert set(read(spark, second, "clusters")) == {"copy", "short", "fresh-again"}
    lost = {name: row["kept_id"] for name, row in read(spark, second, "tombstones").items()}
    assert lost == {"old2": "long"}
    without = tmp_path / "without"  # as the docs say: the earlier one again, without what it lost
    deduplicated(filtered(without, "without", OLD), without, against=str(second), index=False)
    merged = {name: row["kept_id"] for name, row in read(spark, without, "clusters").items()}
    assert merged == lost

    with pytest.raises(ConfigError, match=r"bands of different schemes cannot be compared"):
        read_recipe(str(recipe), [f"dedup.against={first}", "dedup.near.seed=2"])


def test_a_scope_keeps_what_is_repeated_elsewhere(spark: Any, tmp_path: Path) -> None:
    texts = [(source, text(n, drop)) for source in "ab" for n in range(3) for drop in (0, 0, 3)]
    rows = [
        {"id": f"{i:02}{source}", "source": source, "file": "f", "offset": i, "text": body, "reasons": []}
        | {"characters": len(body), "characters_in": len(body), "edits": [], "measures": []}
        for i, (source, body) in enumerate(texts)
    ]
    table = pa.Table.from_pylist(rows, schema=SETTLED)
    documents = spark.createDataFrame(table, schema=from_arrow_schema(SETTLED)).drop("state")

    settings, scopes = Dedup(near=Near(rounds=1)), {"a": "a", "b": "b"}
    finder = Finder(spark, settings, [Preference("characters", True)], str(tmp_path), scopes)
    clusters = finder.mark(documents)[1].toArrow().to_pylist()
    assert {row["reason"] for row in clusters} == {"dedup.exact", "dedup.near"}
    assert len(clusters) == 12, "one text of three is left in each source, though the other source has it too"
    assert all(row["id"][-1] == row["kept_id"][-1] for row in clusters)


def test_an_index_of_another_number_of_parts_is_refused(tmp_path: Path) -> None:
    path, key = tmp_path / "part.parquet", -(1 << 60)
    pq.write_table(pa.table({"key": [key], "id": ["a"]}), path)
    wanted = np.array([key])
    assert [len(rows) for rows in history._matching(str(path), wanted, 60, 6)] == [1]
    with pytest.raises(ValueError, match="parts") as error:
        list(history._matching(str(path), wanted, 15, 6))
    assert str(error.value) == (
        f"{path}: its key {key} does not belong to part 15 of 64: the index was written with another number of "
        "parts; run that dedup again"
    )
