"""Shards as Spark writes them: the same bytes for any layout, read by the reference, whole after any fault."""

from __future__ import annotations

import errno
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.recipe.sections.shard import Shard, Split
from curation.shards.pack import Layout
from curation.shards.tokens import encode_batch, load_tokenizer, train_tokenizer
from curation.spark import sinks
from curation.spark.sinks import SHARDS, ShardWriter
from curation.spark.stages import shard as sharding
from curation.spark.store import SCRATCH, Store, url_to_fs

EOT = 0


def files(folder: Path) -> dict[str, bytes]:
    """Every file of the streams, by its path."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and SCRATCH not in path.parts
    }


# The protocol, as Spark drives it: attempts write, the driver commits what was accepted.

STREAM = Layout(stream_tokens=0, row_tokens=8, rows_per_shard=4, eot_id=EOT, dtype="uint16")


def work(pack: str) -> tuple[dict[str, Layout], list[list[dict[str, Any]]]]:
    """Return the layout of one stream, and the rows of each of two tasks: every other shard."""
    rng, start, documents = np.random.default_rng(1), 0, []
    for number in range(50):
        ids = rng.integers(1, 99, rng.integers(0, 90 if number % 9 == 0 else 12), np.uint16)
        documents.append((start, f"d{number}", ids))
        start += len(ids) + 1
    layout = Layout(
        stream_tokens=start, row_tokens=8, rows_per_shard=4, eot_id=EOT, dtype="uint16", pack=pack
    )
    tasks: list[list[dict[str, Any]]] = [[], []]
    for begin, name, ids in documents:
        shards = range(begin // 32, (begin + len(ids)) // 32 + 1)
        for shard in shards if pack == "concat" else shards[:1]:
            row = {"stream": "web", "shard": shard, "start": begin, "id": name, "tokens": ids.tobytes()}
            tasks[shard % 2].append(row)
    return {"web": layout}, [sorted(rows, key=lambda row: (row["shard"], row["start"])) for rows in tasks]


def batches(rows: list[dict[str, Any]]) -> Iterator[pa.RecordBatch]:
    return iter(pa.Table.from_pylist(rows).to_batches(max_chunksize=3))


@pytest.fixture(params=["concat", "best_fit"])
def pack(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def whole(pack: str, tmp_path: Path) -> dict[str, bytes]:
    """The files of a run without a fault."""
    layouts, tasks = work(pack)
    writer = ShardWriter(str(tmp_path / "whole"), layouts)
    writer.commit([writer.write(batches(rows)) for rows in tasks])
    return files(tmp_path / "whole")


@pytest.mark.slow
def test_without_a_fault_there_are_shards_without_gaps(whole: dict[str, bytes]) -> None:
    index, told = json.loads(whole["web/index.json"]), json.loads(whole[SHARDS])["web"]
    names = [f"shard.{n:05}.mds" for n in range(len(index["shards"]))]
    assert [entry["raw_data"]["basename"] for entry in index["shards"]] == names
    assert [shard["file"] for shard in told["shards"]] == [f"web/{name}" for name in names]
    assert whole.keys() == {
        SHARDS, "web/index.json", *(f"web/{n}" for n in names), *(f"web/{n[:-4]}.parquet" for n in names)
    }  # fmt: skip
    assert (
        told["tokens"] + told["padding"] == 8 * told["rows"] == 8 * sum(e["samples"] for e in index["shards"])
    )


def test_a_dead_attempt_a_retry_and_a_twin_leave_one_copy(
    pack: str, whole: dict[str, bytes], tmp_path: Path
) -> None:
    layouts, tasks = work(pack)
    writer = ShardWriter(str(tmp_path / "out"), layouts)

    def dies(rows: list[dict[str, Any]]) -> Iterator[pa.RecordBatch]:
        yield from list(batches(rows))[:4]
        raise RuntimeError("executor lost")

    for rows in tasks:
        with pytest.raises(RuntimeError, match="executor lost"):
            writer.write(dies(rows))
    accepted = [writer.write(batches(rows)) for rows in tasks]  # the retries
    writer.write(batches(tasks[0]))  # a speculative twin, which Spark did not accept
    assert len(list((tmp_path / "out" / SCRATCH / "attempts").iterdir())) >= 3
    writer.commit([accepted[1], None, accepted[0]])
    assert files(tmp_path / "out") == whole
    assert not (tmp_path / "out" / SCRATCH / "attempts").exists()


def test_a_lost_task_is_never_taken_for_the_whole(pack: str, tmp_path: Path) -> None:
    layouts, tasks = work(pack)
    writer = ShardWriter(str(tmp_path), layouts)
    with pytest.raises(
        RuntimeError, match=r"stream 'web' has \d+ shards of \d+ rows with \d+ tokens; expected"
    ):
        writer.commit([writer.write(batches(tasks[0]))])
    assert files(tmp_path) == {}


def test_a_twin_that_still_writes_neither_stops_the_commit_nor_comes_back(
    whole: dict[str, bytes], pack: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layouts, tasks = work(pack)
    writer, busy = ShardWriter(str(tmp_path / "out"), layouts), [True, True]
    attempts, remove = tmp_path / "out" / SCRATCH / "attempts", sinks.remove

    def removes(path: str) -> None:
        if busy and busy.pop():
            raise OSError(errno.ENOTEMPTY, "Directory not empty")
        remove(path)

    def is_late(rows: list[dict[str, Any]]) -> Iterator[pa.RecordBatch]:
        monkeypatch.setattr(sinks, "remove", removes)
        writer.commit(messages)
        yield from batches(rows)

    messages = [writer.write(batches(rows)) for rows in tasks]
    with pytest.raises(FileNotFoundError):
        writer.write(is_late(tasks[0]))
    assert files(tmp_path / "out") == whole
    assert not attempts.exists()
    assert not busy


def test_a_remote_output_holds_the_same_files(pack: str, whole: dict[str, bytes]) -> None:
    layouts, tasks = work(pack)
    url = f"memory://{pack}-{uuid.uuid4().hex}"
    writer = ShardWriter(url, layouts)
    writer.commit([writer.write(batches(rows)) for rows in tasks])
    memory, root = url_to_fs(url)
    assert {name[len(root) + 1 :]: memory.cat_file(name) for name in memory.find(root)} == whole


def disk_is_full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("place", ["while a task writes", "while the driver moves"])
def test_a_full_disk_or_a_killed_driver_publishes_nothing_and_a_rerun_is_whole(
    pack: str, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    layouts, tasks = work(pack)
    store = Store(str(tmp_path / "run"))
    path = store.begin("shard", "f0")
    writer = ShardWriter(path, layouts)
    with monkeypatch.context() as broken:
        if place == "while a task writes":
            broken.setattr(sinks, "write_shard", disk_is_full)
            with pytest.raises(OSError, match="No space left"):
                writer.write(batches(tasks[0]))
        else:
            messages, write_text = [writer.write(batches(rows)) for rows in tasks], sinks.write_text
            broken.setattr(
                sinks, "write_text", lambda to, text: disk_is_full() if SHARDS in to else write_text(to, text)
            )
            with pytest.raises(OSError, match="No space left"):
                writer.commit(messages)
            assert "web/index.json" in files(Path(path))  # yet nobody reads it: there is no manifest
    assert store.find("shard", "f0") is None
    writer = ShardWriter(store.begin("shard", "f0"), layouts)  # a rerun, without the first's last words
    writer.commit([writer.write(batches(rows)) for rows in tasks])
    assert files(Path(path)) == whole


# Through Spark.

LANGUAGES = ("en", "de")
SPLITS = (
    "source",
    Split(name="quality", measure="q.hq", bounds=(0.3, 0.7)),
    Split(name="topic", largest=("t.sport", "t.science")),
)


def documents() -> pa.Table:
    """Return sixty documents of two sources with measures, one without text and one longer than a shard."""
    rng = np.random.default_rng(5)
    rows = []
    for number in range(60):
        words = {0: 0, 1: 900}.get(number, int(rng.integers(1, 60)))
        text = " ".join(rng.choice(["river", "stone", "light", "bridge", "漢字"], words))
        hq, sport, science = (float(x) for x in rng.random(3))
        rows.append(
            {
                "source": ("web", "notes")[number % 2],
                "language": LANGUAGES[number % 3 == 0] if number else None,
                "id": f"{number:032x}",
                "characters": len(text),
                "text": text,
                "measures": [("q.hq", hq), ("t.sport", sport), ("t.science", science)] if number else [],
            }
        )
    schema = pa.schema(
        [
            *[(name, pa.string()) for name in ("source", "language", "id", "text")],
            ("characters", pa.int64()),
            ("measures", pa.map_(pa.string(), pa.float64())),
        ]
    )
    return pa.Table.from_pylist(rows, schema)


def stream_of(row: dict[str, Any]) -> str:
    """Return the stream of a document under SPLITS, by plain Python."""
    measures = dict(row["measures"])
    if not measures:
        return f"{row['source']}.quality_unknown.unknown"
    band = sum(measures["q.hq"] >= bound for bound in (0.3, 0.7))
    topic = max(("sport", "science"), key=lambda name: measures[f"t.{name}"])
    return f"{row['source']}.quality_{band}.{topic}"


@pytest.mark.spark
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # the reference reader's own
@pytest.mark.parametrize(("how", "by"), [("concat", SPLITS), ("best_fit", ("source",))])
def test_any_layout_gives_the_same_bytes_which_the_reference_reads(
    spark: Any, tmp_path: Path, streaming: Any, how: Any, by: Any
) -> None:
    table = documents()
    (tmp_path / "t.json").write_bytes(train_tokenizer(table["text"].to_pylist(), 300))
    settings = Shard(tokenizer="", row_tokens=32, shard_mib=0.002, seed=3, by=by, pack=how)
    found = []
    for partitions, order in ((1, np.arange(60)), (3, np.random.default_rng(1).permutation(60))):
        path = tmp_path / f"out{partitions}"
        frame = spark.createDataFrame(table.take(pa.array(order))).repartition(partitions)
        sharding.write(frame, settings, str(tmp_path / "t.json"), str(path))
        found.append(files(path))
        counted = sharding.account(spark, str(path))
        ledger, detail = counted.ledger, counted.detail
        ledger.check()
        for name in ("padding", "cuts"):
            assert ledger.tokens[name] == sum(stream[name] for stream in detail["streams"].values()) > 0
    assert found[0] == found[1]
    tokenizer = load_tokenizer(tmp_path / "t.json")
    rows = table.to_pylist()
    streams = {row["id"]: row["source"] if by == ("source",) else stream_of(row) for row in rows}
    assert set(detail["streams"]) == set(streams.values())
    ids = {
        row["id"]: [*each.tolist(), tokenizer.eot_id]
        for row, each in zip(rows, encode_batch(tokenizer, table["text"].to_pylist()), strict=True)
    }
    seen: dict[str, dict[int, int]] = {name: {} for name in ids}
    for stream, told in detail["streams"].items():
        reference = streaming.StreamingDataset(
            remote=str(path / stream),
            local=str(tmp_path / "cache" / stream),
            batch_size=1,
            validate_hash="xxh64",
        )
        assert len(reference) == told["rows"]
        first = 0
        for shard in told["shards"]:
            held = np.zeros(shard["rows"], int)
            for piece in pq.read_table(path / shard["provenance"]).to_pylist():
                begin = held[piece["row"]]
                held[piece["row"]] += piece["length"]
                tokens = reference[first + piece["row"]]["tokens"][begin : begin + piece["length"]].tolist()
                seen[piece["id"]] |= dict(enumerate(tokens, piece["start"]))
                assert streams[piece["id"]] == stream
            first += shard["rows"]
    assert {name: [tokens[n] for n in range(len(tokens))] for name, tokens in seen.items()} == ids
    if how == "best_fit":  # cuts only what is longer than a row
        cuts = sum((len(tokens) - 1) // 32 for tokens in ids.values())
        assert sum(stream["cuts"] for stream in detail["streams"].values()) == cuts
