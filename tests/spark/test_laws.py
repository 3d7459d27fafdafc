"""Laws 1 and 4: closed ledgers, and the same output for any layout, through every stage."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curation.accounting.ledger import Ledger, balanced
from curation.accounting.manifest import Manifest, published
from curation.recipe.recipe import read_recipe
from curation.spark.run import Run
from curation.spark.store import Store

from .conftest import prose
from .every_stage import frozen, overrides

pytestmark = pytest.mark.spark


def ran(spark: Any, recipe: Path, out: Path, partitions: int, split_bytes: int) -> list[Manifest]:
    before = spark.conf.get("spark.sql.shuffle.partitions")
    spark.conf.set("spark.sql.shuffle.partitions", str(partitions))
    try:
        run = Run(read_recipe(str(recipe)), Store(str(out)), split_bytes=split_bytes, say=lambda line: None)
        manifests = run.run()
        assert spark.conf.get("spark.sql.shuffle.partitions") == str(partitions), "this is another layout"
        return manifests
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", before)


def shard_bytes(out: Path) -> dict[str, bytes]:
    folder = Path(published(str(out), "shard"))
    names = [p for p in folder.rglob("*") if p.suffix in (".mds", ".json") and p.name != "manifest.json"]
    return {str(p.relative_to(folder)): p.read_bytes() for p in names}


def provenance(out: Path) -> list[dict[str, Any]]:
    folder = Path(published(str(out), "shard"))
    files = sorted(folder.glob("*/shard.*.parquet"))
    return [{"file": str(p.relative_to(folder))} | row for p in files for row in pq.read_table(p).to_pylist()]


def test_the_output_is_the_same_for_any_layout(
    spark: Any, made: Any, small: Callable[..., Path], tmp_path: Path, root: Path
) -> None:
    first = made.manifests
    ledgers = [Ledger.from_json(each.ledger) for each in first]
    assert balanced(ledgers)
    assert [each.stage for each in first] == ["extract", "filter", "dedup", "shard"]
    assert all(ledger.total.received.records for ledger in ledgers)
    reasons = {name for ledger in ledgers for name in ledger.total.reasons}
    assert {"extract.status", "extract.wrong_type", "extract.empty_body", "extract.too_large"} <= reasons
    assert {"language.english", "house.word_count", "dedup.exact", "dedup.near"} <= reasons
    pinned = json.loads((root / "tests" / "golden" / "small.json").read_text())
    assert {each.stage: {"rows": each.rows, "digest": each.digest} for each in first} == pinned, (
        "the output changed: if that is meant, run `make golden` and say so in CHANGELOG.md"
    )
    layouts = [
        ("b", {"files": 3, "order": 5}, {"partitions": 1, "split_bytes": 9000}),
        ("c", {"files": 8, "order": 6}, {"partitions": 7, "split_bytes": 2500}),
    ]
    for name, laid, cut in layouts:
        again = ran(spark, small(folder=name, **laid), tmp_path / f"out-{name}", **cut)
        assert [(each.stage, each.rows, each.digest) for each in again] == [
            (each.stage, each.rows, each.digest) for each in first
        ]
        assert [each.ledger for each in again] == [each.ledger for each in first]
        assert shard_bytes(tmp_path / f"out-{name}") == shard_bytes(made.out)
        assert provenance(tmp_path / f"out-{name}") == provenance(made.out)


def test_tokens_balance_and_provenance_covers_every_row(made: Any) -> None:
    *_, dedup, shard = made.manifests
    tokens, detail = shard.ledger["tokens"], shard.detail
    assert tokens["in"] == tokens["kept"]
    assert tokens["kept"] + tokens["padding"] == detail["rows"] * detail["row_tokens"]
    rows = provenance(made.out)
    assert sum(row["length"] for row in rows) == tokens["kept"]
    assert len({row["id"] for row in rows}) == dedup.ledger["kept"]["records"]
    filled: dict[tuple[str, int], int] = {}
    for row in rows:
        filled[row["file"], row["row"]] = filled.get((row["file"], row["row"]), 0) + row["length"]
    short = [key for key, length in filled.items() if length != detail["row_tokens"]]
    assert len(short) <= len(detail["streams"]), "only a stream's last row may be padded"
    for stream in detail["streams"].values():
        assert len(stream["shards"]) > 1, "the test needs shard boundaries"
    index = json.loads((Path(published(str(made.out), "shard")) / "web" / "index.json").read_text())
    assert [each["samples"] for each in index["shards"]] == [
        each["rows"] for each in detail["streams"]["web"]["shards"]
    ]


def test_the_manifests_of_every_stage_are_as_they_were(made: Any, tmp_path: Path, root: Path) -> None:
    """Fingerprints, settings, resources, ledgers and digests; the extracted pages are those of `made`."""
    folder, out = made.recipe.parent, made.copy(tmp_path / "out", "extract")
    recipe = read_recipe(str(made.recipe), overrides(folder, prose(3)[:200]))
    Run(recipe, Store(str(out)), say=lambda line: None).run()
    pinned = json.loads((root / "tests" / "golden" / "manifests.json").read_text())
    assert frozen(out, folder) == pinned, (
        "the output changed: if that is meant, run `make golden` and say so in CHANGELOG.md"
    )
