"""Laws 1 and 7 on damaged input: every intact record is read, every damaged stretch is a row, the ledger closes."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.accounting.ledger import Ledger, LedgerError
from curation.accounting.manifest import Manifest, published
from curation.recipe import options
from curation.recipe.recipe import read_recipe
from curation.signals.models import options as checks
from curation.spark.errors import StageFailed
from curation.spark.run import Run
from curation.spark.store import Store

pytestmark = pytest.mark.spark
SHARD = "shard: {tokenizer: {train: {vocab: 400}}, row_tokens: 64}\n"


def extracted(folder: Path, inputs: str, out: str = "out", **cut: Any) -> Manifest:
    recipe = folder / f"{out}.yaml"
    recipe.write_text(f"name: faults\nextract: {{failure_budget: 1.0}}\ninputs:\n{inputs}\n{SHARD}")
    run = Run(read_recipe(str(recipe)), Store(str(folder / out)), say=lambda line: None, **cut)
    (manifest,) = run.run(["extract"])
    return manifest


def rows(out: Path, state: str) -> list[dict[str, Any]]:
    folder = Path(published(str(out), "extract")) / "rows" / f"state={state}"
    return [row for file in sorted(folder.glob("*.parquet")) for row in pq.read_table(file).to_pylist()]


@pytest.mark.shared
@pytest.mark.parametrize("split_bytes", [1 << 25, 100_000])
def test_damaged_containers(spark: Any, shared: Path, tmp_path: Path, split_bytes: int) -> None:
    truth = json.loads((shared / "data" / "broken" / "truth.json").read_text())
    inputs = f"  broken: {{format: warc, path: '{shared}/data/broken/*.warc*'}}\n"
    inputs += f"  cut: {{format: warc, path: '{shared}/data/crawl_broken.warc.gz'}}"
    manifest = extracted(tmp_path, inputs, split_bytes=split_bytes)
    Ledger.from_json(manifest.ledger).check()
    intact: dict[str, int] = {}
    for state in ("kept", "dropped", "failed"):
        for row in rows(tmp_path / "out", state):
            if not any(reason["name"].startswith("pages.") for reason in row["reasons"]):
                name = row["file"].rpartition("/")[2]
                intact[name] = intact.get(name, 0) + 1
    expected = {name.rpartition("/")[2]: each["intact_response_records"] for name, each in truth.items()}
    assert {name: intact.get(name, 0) for name in expected} == expected
    assert intact["crawl_broken.warc.gz"] == 50
    damaged = [
        row for row in rows(tmp_path / "out", "failed") if row["reasons"][0]["name"] == "pages.unreadable"
    ]
    assert len({row["file"] for row in damaged}) >= 10
    assert all(row["length"] > 0 or row["detail"] for row in [r | r["reasons"][0] for r in damaged])


def test_tables_good_and_bad(spark: Any, tmp_path: Path) -> None:
    text = "A text of some length that says nothing in particular about rivers and bridges. " * 5
    good = [{"key": f"k{i}", "body": f"{text} {i}", "link": f"https://example.org/{i}"} for i in range(5)]
    lines = [json.dumps(each) for each in good]
    (tmp_path / "a.jsonl").write_text("\n".join([*lines, "{not json", '{"key": "no body"}', '{"body": 7}']))
    pq.write_table(pa.Table.from_pylist(good), tmp_path / "b.parquet")
    (tmp_path / "c.parquet").write_bytes(b"PAR1 not really a parquet file PAR1")
    html = [
        {"page": f"<html><body><article><p>{text}</p><p>{i}</p></article></body></html>"} for i in range(3)
    ]
    pq.write_table(pa.Table.from_pylist(html), tmp_path / "d.parquet")
    manifest = extracted(
        tmp_path,
        f"  lines: {{format: jsonl, path: {tmp_path}/a.jsonl, text: body, id: key, url: link}}\n"
        f"  table: {{format: parquet, path: '{tmp_path}/[bc].parquet', text: body, id: key, url: link}}\n"
        f"  pages: {{format: parquet, path: '{tmp_path}/d.parquet', html: page}}",
    )
    ledger = Ledger.from_json(manifest.ledger)
    ledger.check()
    states = {name: {s: c.records for s, c in each.states.items()} for name, each in ledger.sources.items()}
    assert states == {
        "lines": {"kept": 5, "dropped": 0, "merged": 0, "failed": 3},
        "table": {"kept": 5, "dropped": 0, "merged": 0, "failed": 1},
        "pages": {"kept": 3, "dropped": 0, "merged": 0, "failed": 0},
    }
    kept = rows(tmp_path / "out", "kept")
    assert {row["url"] for row in kept if row["source"] == "lines"} == {each["link"] for each in good}
    assert len({row["id"] for row in kept}) == 13
    for row in rows(tmp_path / "out", "failed"):
        assert row["reasons"][0]["detail"], "a failure says what was found"


def test_too_many_failures_stop_the_stage(spark: Any, small: Callable[..., Path], tmp_path: Path) -> None:
    recipe = read_recipe(str(small(damage=b"\x1f\x8b\x08 damage")), ["extract.failure_budget=0.01"])
    told = r"extract: \d+ of \d+ records failed \(1 of them by estimate\), over the budget of 1% \(records by reason"
    with pytest.raises(LedgerError, match=told):
        Run(recipe, Store(str(tmp_path / "out")), say=lambda line: None).run(["extract"])
    with pytest.raises(LedgerError, match="over the budget"):
        Run(recipe, Store(str(tmp_path / "out")), say=lambda line: None).run(["extract"])


def test_what_a_glob_names_and_nothing_reads_is_a_failure(spark: Any, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text('{"body": "one text"}\n')
    (tmp_path / "in" / "deep.jsonl").mkdir()
    (tmp_path / "in" / "deep.jsonl" / "b.jsonl").write_text('{"body": "another text"}\n')
    (tmp_path / "in" / "deep.jsonl" / "_SUCCESS").write_text("")
    (tmp_path / "in" / "gone.jsonl").symlink_to(tmp_path / "nowhere")
    manifest = extracted(tmp_path, f"  a: {{format: jsonl, path: '{tmp_path}/in/*.jsonl', text: body}}")
    states = {name: manifest.ledger[name]["records"] for name in ("in", "kept", "failed")}
    assert states == {"in": 3, "kept": 2, "failed": 1}
    manifest = extracted(tmp_path, f"  a: {{format: jsonl, path: '{tmp_path}/in/', text: body}}", "again")
    assert {name: manifest.ledger[name]["records"] for name in states} == states


def test_a_stage_that_breaks_says_so_in_a_few_lines(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model was whole when the recipe was read, and is damaged where an executor reads it."""
    monkeypatch.setattr(options, "damage", lambda option, path: None)
    monkeypatch.setattr(checks, "fasttext_labels", lambda path: ["x"])
    (tmp_path / "a.jsonl").write_text('{"body": "a text of a few words"}\n')
    (tmp_path / "m.bin").write_bytes(b"no model")
    rule = f"{{signal: fasttext_probability, model: {tmp_path}/m.bin, label: x, min: 0.5}}"
    (tmp_path / "r.yaml").write_text(
        f"name: x\ninputs: {{a: {{format: jsonl, path: {tmp_path}/a.jsonl, text: body}}}}\n"
        f"filter: [{{name: p, keep: {{quality: {rule}}}}}]\n{SHARD}"
    )
    run = Run(read_recipe(str(tmp_path / "r.yaml")), Store(str(tmp_path / "out")), say=lambda line: None)
    with pytest.raises(StageFailed) as error:
        run.run(["extract", "filter"])
    told = str(error.value)
    assert told.startswith("filter: the stage failed; nothing was published. The last error was:\n")
    assert "m.bin" in told
    assert len(told.splitlines()) < 10


def beginning(crawl: Path, share: float) -> tuple[bytes, int]:
    """Return the records of a WARC that begin in its first share, and how many of them are accounted for."""
    data, at, count = crawl.read_bytes(), 0, 0
    while at < share * len(data):
        member, head = zlib.decompressobj(31), b""
        while not member.eof:
            packed = data[at : at + 65536]
            content, at = member.decompress(packed), at + len(packed)
            head = head or content[:400]
        at -= len(member.unused_data)
        count += re.search(rb"WARC-Type: (?!request|warcinfo)", head) is not None
    return data[:at], count


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("share", [0.05, pytest.param(1.0, marks=pytest.mark.long)])
def test_the_real_crawl(spark: Any, shared: Path, root: Path, tmp_path: Path, share: float) -> None:
    """The recipe of the README on real pages, end to end: every ledger closes, every response is accounted for."""
    data, count = beginning(shared / "data" / "crawl_dev.warc.gz", share)
    (tmp_path / "crawl.warc.gz").write_bytes(data)
    crawl = f"inputs.crawl.path={tmp_path}/crawl.warc.gz"
    recipe = read_recipe(str(root / "curation/recipe/starters/web_en.yaml"), [crawl])
    manifests = Run(recipe, Store(str(tmp_path / "out")), say=lambda line: None).run()
    ledgers = [Ledger.from_json(each.ledger) for each in manifests]
    for before, after in pairwise(ledgers):
        after.check(before.total.states["kept"])
    assert ledgers[0].total.received.records == count
    if share == 1:
        records = (shared / "data" / "records_dev.jsonl").read_text().splitlines()
        assert count == len(records) + 258 + 4 + 2, "responses, metadata, revisits, resources"
    # Duplicates grow with the whole.
    assert 0.4 * count < ledgers[-1].total.states["kept"].records < 0.65 * count
    tokens = manifests[-1].ledger["tokens"]
    assert tokens["in"] == tokens["kept"] > 1_000_000 * share
