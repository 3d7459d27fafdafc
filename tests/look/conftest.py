"""A small run directory, written as the stages write it, without Spark."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.accounting.fingerprint import canonical
from curation.accounting.ledger import Ledger
from curation.accounting.manifest import Manifest
from curation.accounting.settle import settle
from curation.accounting.tally import tally
from curation.document import DOCUMENT
from curation.filters.judge import judge_batch
from curation.filters.rules import Edit, Pass, Rule
from curation.spark.store import sizes

FINGERPRINT = "0123456789abcdef"
ORDER = ("extract", "stamped", "lines", "filter", "select", "dedup", "sites", "decontaminate", "shard")
HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"></pre></details>"
    "<a href='javascript:alert(1)'>x</a> {{ 7 * 7 }} \u202etxet desrever\u202c \x1b[31mred\x00"
)
WORDS = "the quick brown fox jumps over the lazy dog and then it rests under an old oak tree for a while"


def document(number: int, **changes: Any) -> dict[str, Any]:
    """One row in the DOCUMENT schema; `changes` replace its columns."""
    text = changes.get("text", f"{WORDS} {number}")
    row = dict.fromkeys(DOCUMENT.names)
    row |= {
        "id": f"{number:032x}",
        "source": "web" if number % 2 else "docs",
        "url": f"https://pages.example/{number}",
        "captured_at": "2025-01-06T08:00:00Z",
        "file": "input/web.warc.gz",
        "offset": number * 1000,
        "length": 900,
        "title": f"Page {number}",
        "language": "en",
        "text": text,
        "characters_in": len(text or ""),
        "characters": len(text or ""),
        "edits": [],
        "measures": [],
        "reasons": [],
    }
    return row | changes


def reason(name: str, state: str, value: float | None = None, **bounds: Any) -> dict[str, Any]:
    return {"name": name, "state": state, "value": value, "min": None, "max": None, "detail": None} | bounds


def relist(path: Path) -> None:
    """Make the manifest of an output name the files that are there."""
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"] = sizes(str(path))
    (path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def publish(directory: Path, stage: str, rows: Sequence[Mapping[str, Any]], **manifest: Any) -> Path:
    """Write settled rows, their ledger and manifest, and the pointer, as the store does."""
    path = directory / stage / FINGERPRINT
    path.mkdir(parents=True)
    settled = settle(pa.RecordBatch.from_pylist(list(rows), schema=DOCUMENT), 1.0) if rows else None
    if settled is not None:
        pq.write_to_dataset(pa.Table.from_batches([settled]), str(path / "rows"), partition_cols=["state"])
        manifest |= {"ledger": tally(stage, settled).to_json(), "rows": len(rows)}
    before = [name for name in ORDER[: ORDER.index(stage)] if (directory / name).exists()]
    inputs = {before[-1]: FINGERPRINT} if before else {}
    made = {"config": {}, "inputs": inputs, "resources": {}, "versions": {}, "output_version": 1} | manifest
    made["files"] = sizes(str(path))
    text = Manifest(stage=stage, fingerprint=FINGERPRINT, **made).to_json()
    (path / "manifest.json").write_text(text, encoding="utf-8")
    pointer = json.dumps({"fingerprint": FINGERPRINT})
    (directory / stage / "current.json").write_text(pointer, encoding="utf-8")
    return path


RULES = [
    {"name": "word_count", "signal": "word_count", "min": 5.0, "max": "inf", "options": {}},
    {"name": "mean_word_length", "signal": "mean_word_length", "min": 3.0, "max": 40.0, "options": {}},
]


def _measured(row: Mapping[str, Any]) -> dict[str, Any]:
    words = row["text"].split()
    values = {
        "gopher.word_count": float(len(words)),
        "gopher.mean_word_length": sum(map(len, words)) / max(1, len(words)),
    }
    broken = []
    if len(words) < 5:
        broken.append(reason("gopher.word_count", "dropped", float(len(words)), min=5.0))
    return {**row, "measures": list(values.items()), "reasons": broken, "edits": [("house.mask_pii", 0)]}


def write_run(directory: Path) -> Path:
    """A run of 12 pages: 2 fail in extract, 3 are dropped by a rule, 2 merged, 5 kept."""
    bad = [
        document(1, text=None, reasons=[reason("extract.timeout", "failed", 10.2, max=10.0, detail="hung")]),
        document(
            2, text=None, url="", reasons=[reason("extract.status", "dropped", 404.0, min=200, max=299)]
        ),
    ]
    cells = [("extract.table_cells_seen", 1200.0), ("extract.table_cells_kept", 1100.0)]
    good = [*(document(n) for n in range(3, 7)), document(7, measures=cells)]
    good += [document(n, text=f"short {n}") for n in (8, 9)]
    good += [document(10, text=HOSTILE, title=HOSTILE, url="javascript:alert(1)")]
    good += [document(11, text=f"{WORDS} again"), document(12, text=f"{WORDS} 3")]
    good[-1]["url"] = good[0]["url"]  # captured twice
    inputs = {name: {"format": "warc"} for name in ("web", "docs")}
    publish(directory, "extract", bad + good, config={"inputs": inputs})
    judged = [_measured(row) for row in good]
    publish(directory, "filter", judged, config={"filter": [{"name": "gopher", "only": [], "rules": RULES}]})
    pairs = [
        {
            "id": 11,
            "kept_id": 3,
            "jaccard": 0.85,
            "bands_shared": 4,
            "cluster_size": 3,
            "reason": "dedup.near",
        },
        {
            "id": 12,
            "kept_id": 3,
            "jaccard": 1.0,
            "bands_shared": None,
            "cluster_size": 3,
            "reason": "dedup.exact",
        },
    ]
    merges = {f"{pair['id']:032x}": pair for pair in pairs}
    rows = [{**row, "edits": []} for row in judged if not row["reasons"]]
    for row in rows:
        if pair := merges.get(row["id"]):
            row["merged_into"] = f"{pair['kept_id']:032x}"
            row["reasons"] = [reason(pair["reason"], "merged", pair["jaccard"], max=0.8)]
    path = publish(directory, "dedup", rows)
    (path / "clusters").mkdir()
    named = [pair | {key: f"{pair[key]:032x}" for key in ("id", "kept_id")} for pair in pairs]
    table = pa.Table.from_pylist(named)
    for name, kind in (("containment", pa.float64()), ("kept_in", pa.string())):
        table = table.append_column(name, pa.nulls(len(named), kind))
    pq.write_table(table, path / "clusters" / "part-0.parquet")
    _write_shards(directory)
    return directory


def _write_shards(directory: Path) -> None:
    shard = {"file": "web/shard.00000.mds", "provenance": "web/shard.00000.parquet", "rows": 2, "bytes": 512}
    stream = {
        "rows": 2,
        "tokens": 200,
        "padding": 56,
        "documents": 3,
        "shards": [{**shard, "xxh64": "0" * 16}],
    }
    detail = {"row_tokens": 128, "dtype": "uint16", "streams": {"web": stream}}
    path = publish(directory, "shard", [], detail=detail)
    (path / "web").mkdir()
    rows = [
        {"row": 1, "id": f"{3:032x}", "start": 28, "length": 60},
        {"row": 0, "id": f"{3:032x}", "start": 0, "length": 28},
        {"row": 0, "id": f"{5:032x}", "start": 0, "length": 100},
    ]
    pq.write_table(pa.Table.from_pylist(rows), path / "web" / "shard.00000.parquet")


def write_metrics(folder: Path) -> Path:
    """The metrics of a training run with two phases."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        {"step": n, "loss": 8.0 - n / 20, "phase": "warm" if n < 40 else "main & <late>"}
        for n in range(1, 101)
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "metrics.jsonl").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("small_run"))


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    return write_metrics(tmp_path / "train")


PASSES = (
    Pass(
        name="gopher",
        edits=(),
        rules=(
            Rule(name="word_count", signal="word_count", min=5),
            Rule(name="mean_word_length", signal="mean_word_length", min=2, max=8),
        ),
        only=("web",),
    ),
    Pass(
        name="house",
        edits=(Edit(name="mask_pii"),),
        rules=(Rule(name="line_count", signal="line_count", max=4),),
    ),
)
JUDGED_RECIPE = """\
name: judged
inputs:
  web: {format: jsonl, path: web.jsonl, text: text}
  docs: {format: jsonl, path: docs.jsonl, text: text}
filter:
  - name: gopher
    only: [web]
    keep:
      word_count: {min: 5}    # ours
      mean_word_length: {min: 2, max: 8}
  - {name: house, edit: [mask_pii], keep: {line_count: {max: 4}}}
shard: {tokenizer: t.json}
"""


def _texts(count: int) -> list[tuple[str, str, str]]:
    """(source, language, text): most of one to four lines of a few short words, some that break each rule."""
    chance, made = random.Random(4), []
    for n in range(count):
        longest, lines = chance.choice([4, 6, 9, 14]), chance.choice([1, 1, 2, 3, 6])
        words = ["x" * chance.randint(1, longest) for _ in range(chance.choice([1, 3, 7, 20]))]
        parts = [" ".join(words)] + [chance.choice(words) for _ in range(lines - 1)]
        parts += ["write to someone@example.org"] if n % 7 == 0 else []
        made.append((("web", "docs", "web")[n % 3], ("en", "de", "")[n % 5 % 3], "\n".join(parts)))
    return made


TEXTS = _texts(150)


def write_judged(
    directory: Path,
    *,
    measure: str = "all",
    texts: Sequence[tuple[str, str, str]] = TEXTS,
    passes: Sequence[Pass] = PASSES,
) -> Path:
    """A run of a filter stage alone, its texts judged by the passes as the stage does it."""
    rows = [
        document(n, source=source, language=language, text=text)
        for n, (source, language, text) in enumerate(texts)
    ]
    batch = pa.RecordBatch.from_pylist(rows, schema=DOCUMENT)
    judged = judge_batch(batch, passes, measure_all=measure == "all").to_pylist()
    config = {"filter": canonical(passes), "measure": measure, "dropped_text_rate": 1.0}
    path = publish(directory, "filter", judged, config=config, ledger=Ledger("filter").to_json())
    (path / "rows").mkdir(exist_ok=True)
    return directory


@pytest.fixture(scope="session")
def judging() -> SimpleNamespace:
    """What a run that was judged here is made of, and how to write it."""
    return SimpleNamespace(
        passes=PASSES,
        texts=TEXTS,
        recipe=JUDGED_RECIPE,
        write=write_judged,
        publish=publish,
        document=document,
        relist=relist,
    )


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with `measure: all`."""
    return write_judged(tmp_path_factory.mktemp("judged"))


@pytest.fixture(scope="session")
def in_order(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with `measure: needed`."""
    return write_judged(tmp_path_factory.mktemp("in_order"), measure="needed")
