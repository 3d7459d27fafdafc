"""Law 1 on files: what a lost file held is counted, named and shown; columns are carried to the shards."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.accounting.manifest import published, read_manifest
from curation.cli import main

pytestmark = pytest.mark.spark


def row(number: int, **columns: Any) -> dict[str, Any]:
    words = random.Random(number).choices([f"word{i}" for i in range(500)], k=30)
    return {"body": {"text": " ".join(words)}, "licence": ("CC BY 4.0", "cc0")[number % 2], **columns}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lost")
    for name in ("tables", "lines/lang=en", "small"):
        (folder / name).mkdir(parents=True)
    pq.write_table(
        pa.Table.from_pylist([row(i) for i in range(40)]), folder / "tables/a.parquet", row_group_size=20
    )
    pq.write_table(pa.table({"words": ["x"] * 30}), folder / "tables/b.parquet")
    damaged = bytearray((folder / "tables/a.parquet").read_bytes())
    first = pq.ParquetFile(folder / "tables/a.parquet").metadata.row_group(0).column(0)
    start = first.dictionary_page_offset or first.data_page_offset
    damaged[start : start + 40] = b"\xff" * 40
    (folder / "tables/a.parquet").write_bytes(damaged)
    for part in range(3):
        lines = [json.dumps(row(1_000 * (part + 1) + i)) for i in range(200)]
        packed = gzip.compress("\n".join(lines).encode(), mtime=0)
        cut = packed[:10] + b"\xff" * 20 + packed[30:] if part == 2 else packed
        (folder / f"lines/lang=en/{part}.jsonl.gz").write_bytes(cut)
    for number in range(150):
        (folder / f"small/{number}.jsonl").write_text(json.dumps(row(9_000 + number)) + "\n")
    path = folder / "r.yaml"
    source = "text: body.text, columns: [licence"
    path.write_text(
        f"""name: lost
inputs:
  tables: {{format: parquet, path: {folder}/tables/, {source}]}}
  lines: {{format: jsonl, path: {folder}/lines/, {source}, lang]}}
  small: {{format: jsonl, path: {folder}/small/, {source}]}}
filter:
  - {{name: free, when: {{licence: cc0}}, keep: {{word_count: {{max: 5}}}}}}
shard: {{tokenizer: {{train: {{vocab: 300}}}}, row_tokens: 64, by: [licence]}}
"""
    )
    return path


def test_lost_records_are_counted_named_and_shown(
    spark: Any, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, folder = str(tmp_path / "out"), recipe.parent
    assert main(["run", str(recipe), "--out", out]) == 1
    error = capsys.readouterr().err
    assert "extract: 250 of 820 records failed (200 of them by estimate), over the budget of 20%" in error
    assert f"\n  {folder}/lines/lang=en/2.jsonl.gz: about 200 records, pages.unreadable: " in error
    assert (
        f"\n  {folder}/tables/b.parquet: 30 records, pages.no_text: no column 'body.text'; found: words\n"
        in error
    )
    assert main(["run", str(recipe), "--out", out, "--set", "extract.failure_budget=0.4"]) == 0
    *_, first, second, third, hint = capsys.readouterr().out.splitlines()
    assert [line.strip().partition(", pages.")[0] for line in (first, second, third)] == [
        f"{folder}/lines/lang=en/2.jsonl.gz: about 200 records",
        f"{folder}/tables/b.parquet: 30 records",
        f"{folder}/tables/a.parquet: 20 records",
    ]
    assert hint.startswith("look at it: curate report ")
    ledger = read_manifest(published(out, "extract")).ledger
    assert ledger["estimated"]["pages.unreadable"]["records"] == 200
    assert main(["sample", out, "--state", "failed"]) == 0
    shown = capsys.readouterr().out
    assert f"  {folder}/tables/b.parquet at 0, 30 records: no column 'body.text'; found: words" in shown
    assert f"  {folder}/lines/lang=en/2.jsonl.gz at 1, " in shown
    for where in ("licence = 'CC BY 4.0' AND lang = 'en'", "column.licence = 'cc0' AND state = 'dropped'"):
        assert main(["sample", out, "--where", where, "--n", "1", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["matched"] == {"l": 200, "c": 285}[where[0]], where
    assert set(read_manifest(published(out, "shard")).detail["streams"]) == {"CC_BY_4_0"}
