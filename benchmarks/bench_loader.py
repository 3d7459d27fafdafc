"""CPU of a 2,048-token sample: this project's Loader and its reader beside StreamingDataset and a memmap; then a resume.

Rows with a document every 700 tokens or so, int64 batches of 240 rows (half a million tokens), and then of 48, in
shuffled order, from warm pages, in CPU seconds of this process (all threads), in turns, best of five. What is compared:
- `reader` (plan and reader), `memmap` and `StreamingDataset` give tokens and nothing else. The memmap is what nanoGPT does:
  a flat file, random rows, a cast.
- `Loader` is what training uses, whole: thread, queue, tensors, and labels, documents, positions, cu_seqlens, sources
  beside the tokens. `memmap+` and `StreamingDataset+` derive the same from theirs, by our `segments`, in this thread.
The bars of the issue are the first three's: 1/20 of StreamingDataset, 1.3 of the memmap. The Loader writes four arrays of int64
where those write one, and has batches ahead in memory; its bars hold it against the same work.

A resume begins with nothing but imports and ends with the first batch, in the middle of 30 million rows of 1,000 shards
(one file under a thousand names); ours opens the corpus by its manifest. The start of a billion rows is the plan's alone.
Ends with status 1 where a bar is missed.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from recording import record
from reference_reader import import_streaming

from curation.accounting.manifest import Manifest
from curation.shards.mds import index_bytes, write_shard
from training.data.corpus import Corpus, ShardFile, open_corpus
from training.data.loader import Loader
from training.data.segment import documents_bound, segments
from training.data.shards import ShardReader
from training.plan import Plan, SourceRows
from training.settings import Phase

ROW_TOKENS, SHARD_ROWS, SHARDS, LANES, ROUNDS = 2048, 1000, 12, 48, 5
BATCHES = (240, 48)
AHEAD = 4  # batches that the Loader's thread may have made before the clock starts: taken as not made at all
SHORT_TOKENS, MANY_SHARDS, MANY_ROWS = 8, 1000, 30_000  # of a resume


def prepare(folder: Path) -> Corpus:
    """Write random rows as MDS shards and as one flat file; return them as a corpus."""
    rng, entries, shards = np.random.default_rng(1), [], []
    (folder / "web").mkdir()
    with (folder / "flat.bin").open("wb") as flat:
        for number in range(SHARDS):
            rows = rng.integers(1, 50_000, (SHARD_ROWS, ROW_TOKENS), np.uint16)
            rows[rng.random(rows.shape) < 1 / 700] = 0
            info = write_shard(folder / "web", number, rows)
            flat.write(rows.tobytes())
            entries.append(info.entry)
            path = folder / "web" / info.file
            shards.append(
                ShardFile(path=path, provenance=path, rows=info.rows, size_bytes=info.bytes, xxh64=info.xxh64)
            )
    (folder / "web" / "index.json").write_bytes(index_bytes(entries))
    return Corpus(
        row_tokens=ROW_TOKENS, dtype="uint16", vocab=50_000, eot_id=0, tokenizer_digest="", tokenizer="",
        sources={"web": tuple(shards)},
    )  # fmt: skip


def plan_of(corpus: Corpus, batch: int, steps: int) -> Plan:
    """Return a plan of one source."""
    phases = [Phase(name="p", steps=steps, mix={"web": 1})]
    return Plan(corpus.plan_sources(["web"]), phases, batch_rows=batch, lanes=LANES, seed=1)


def reader(corpus: Corpus, batch: int) -> Iterator[object]:
    """Yield the tokens of batches: draw, locate, read."""
    plan, shards = plan_of(corpus, batch, SHARDS * SHARD_ROWS // batch), ShardReader(corpus, ["web"])
    while plan.step < plan.steps:
        yield shards.read(plan.locate(plan.draw(), range(batch)))


def loader(corpus: Corpus, batch: int) -> Iterator[object]:
    """Yield batches as training gets them."""
    plan = plan_of(corpus, batch, SHARDS * SHARD_ROWS // batch)
    with Loader(
        plan, ShardReader(corpus, ["web"]), rank=0, world_size=1, device=torch.device("cpu")
    ) as batches:
        yield from batches


def memmap(folder: Path, batch: int) -> Iterator[np.ndarray]:
    """Yield batches from the flat file."""
    data = np.memmap(folder / "flat.bin", np.uint16, "r").reshape(-1, ROW_TOKENS)
    order = np.random.default_rng(1).permutation(SHARDS * SHARD_ROWS)
    for begin in range(0, SHARDS * SHARD_ROWS, batch):
        out = np.empty((batch, ROW_TOKENS), np.int64)
        for place, row in enumerate(order[begin : begin + batch]):
            out[place] = data[row]
        yield out


def streaming(folder: Path, batch: int, at: int = 0) -> Iterator[np.ndarray]:
    """Yield batches from mosaicml-streaming's dataset, shuffled by its default, from row `at` of the epoch on."""
    dataset = import_streaming().StreamingDataset(
        local=str(folder / "web"), batch_size=batch, shuffle=True, shuffle_seed=1, num_canonical_nodes=1
    )
    if at:
        dataset.load_state_dict(dataset.state_dict(at, from_beginning=True) | {"epoch": 0})
    rows = []
    for sample in dataset:
        rows.append(sample["tokens"].astype(np.int64))
        if len(rows) == batch:
            yield np.stack(rows)
            rows = []


def derived(way: Callable[[int], Iterator[np.ndarray]], batch: int) -> Iterator[object]:
    """Yield batches with all that the Loader gives beside tokens."""
    for tokens in way(batch):
        found = segments(tokens, 0)
        bound = documents_bound(batch, ROW_TOKENS)
        yield found.labels(tokens), found.numbers_and_positions(), found.cumulative_lengths(1, bound)


def cost(batches: Callable[[int], Iterator[object]], batch: int, ahead: int) -> float:
    """Return the CPU seconds of a sample, after the first batch."""
    turn = batches(batch)
    next(turn)
    start = time.process_time()
    count = sum(1 for _ in turn) - ahead
    return (time.process_time() - start) / (count * batch)


def publish_many(folder: Path) -> int:
    """Publish one shard of short rows under a thousand names, for both readers; return the rows of all."""
    rows = np.random.default_rng(2).integers(1, 50_000, (MANY_ROWS, SHORT_TOKENS), np.uint16)
    place = folder / "shard" / "f0" / "web"
    place.mkdir(parents=True)
    info = write_shard(place, 0, rows)
    entries, shards = [], []
    for number in range(MANY_SHARDS):
        name = f"shard.{number:05d}.mds"
        if number:
            os.link(place / info.file, place / name)
        entry = json.loads(json.dumps(info.entry))
        entry["raw_data"]["basename"] = name
        entries.append(entry)
        facts = {"rows": info.rows, "bytes": info.bytes, "xxh64": info.xxh64}
        shards.append({"file": f"web/{name}", "provenance": "none.parquet", **facts})
    (place / "index.json").write_bytes(index_bytes(entries))
    detail = {
        "row_tokens": SHORT_TOKENS, "dtype": "uint16",
        "tokenizer": {"file": "tokenizer.json", "digest": "none", "vocab": 50_000, "eot_id": 0},
        "streams": {"web": {"rows": MANY_SHARDS * MANY_ROWS, "shards": shards}},
    }  # fmt: skip
    empty: dict[str, str] = {}
    manifest = Manifest(
        stage="shard", fingerprint="f0", config={}, inputs={}, resources=empty, versions=empty, output_version=1,
        detail=detail,
    )  # fmt: skip
    (place.parent / "manifest.json").write_text(manifest.to_json())
    (folder / "shard" / "current.json").write_text('{"fingerprint": "f0"}')
    return MANY_SHARDS * MANY_ROWS


def resumes(folder: Path) -> tuple[float, float]:
    """Return CPU seconds to the first batch in the middle of 30 million rows: (ours, StreamingDataset's)."""
    half, batch, name = publish_many(folder) // 2, 48, str(folder)
    before = plan_of(open_corpus([name]), batch, 10**7)
    before.step = half // batch
    saved = json.dumps([before.state(), before.past(before.step)])
    import_streaming()
    found = []
    for _ in range(3):
        start = time.process_time()
        corpus = open_corpus([name])
        plan = plan_of(corpus, batch, 10**7)
        plan.resume(*json.loads(saved))
        with Loader(
            plan, ShardReader(corpus, ["web"]), rank=0, world_size=1, device=torch.device("cpu")
        ) as batches:
            next(iter(batches))
            between = time.process_time()
        began = time.process_time()
        next(streaming(folder / "shard" / "f0", batch, at=half))
        found.append((between - start, time.process_time() - began))
    ours, theirs = (min(each) for each in zip(*found, strict=True))
    return ours, theirs


def billion() -> float:
    """Return CPU seconds from nothing to the first located batch of a billion rows."""
    shards = (16_367,) * (10**9 // 2 // 16_367)
    sources = [SourceRows(name=name, digest="x", shard_rows=shards) for name in "ab"]
    start = time.process_time()
    phases = [Phase(name="p", steps=10**7, mix={"a": 1, "b": 2})]
    plan = Plan(sources, phases, batch_rows=48, lanes=48, seed=1)
    plan.locate(plan.draw(), range(48))
    return time.process_time() - start


def main() -> int:
    """Measure, print a table, write build/bench/loader.json; return 1 where a bar is missed."""
    warnings.simplefilter("ignore")
    billion_s = billion()
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as many:
        folder = Path(name)
        resume_s, their_resume_s = resumes(Path(many))
        corpus = prepare(folder)
        ways = {
            "reader": partial(reader, corpus),
            "memmap": partial(memmap, folder),
            "StreamingDataset": partial(streaming, folder),
            "Loader": partial(loader, corpus),
            "memmap+": partial(derived, partial(memmap, folder)),
            "StreamingDataset+": partial(derived, partial(streaming, folder)),
        }
        costs = {(way, batch): float("inf") for batch in BATCHES for way in ways}
        for _ in range(ROUNDS):
            for (way, batch), least in costs.items():
                costs[way, batch] = min(least, cost(ways[way], batch, AHEAD if way == "Loader" else 0))
    for (way, batch), each in costs.items():
        print(f"{way:18} batches of {batch:4} rows {each * 1e6:10.1f} us of CPU a sample")
    print(
        f"resume in the middle of 30 M rows, to the first batch {resume_s:.3f} s, StreamingDataset {their_resume_s:.3f} s"
    )
    print(
        f"start of a billion rows {billion_s:.3f} s; load {' '.join(f'{each:.1f}' for each in os.getloadavg())}"
    )
    bars = {}
    for batch in BATCHES:
        tokens, whole = costs["reader", batch], costs["Loader", batch]
        bars[f"streaming_over_reader_at_{batch}"] = (costs["StreamingDataset", batch] / tokens, 20.0)
        bars[f"memmap_over_reader_at_{batch}"] = (costs["memmap", batch] / tokens, 1 / 1.3)
        bars[f"streaming+_over_loader_at_{batch}"] = (costs["StreamingDataset+", batch] / whole, 5.0)
        bars[f"memmap+_over_loader_at_{batch}"] = (costs["memmap+", batch] / whole, 1 / 2.0)
    bars |= {"resumes_per_s": (1 / resume_s, 5.0), "billion_starts_per_s": (1 / billion_s, 0.5)}
    figures = {f"{way}_{batch}_us": each * 1e6 for (way, batch), each in costs.items()}
    figures |= {"resume_s": resume_s, "streaming_resume_s": their_resume_s, "billion_s": billion_s}
    packages = ("mosaicml-streaming", "numpy", "torch", "xxhash")
    return record("loader", {**figures, "load": os.getloadavg()}, bars, packages)


if __name__ == "__main__":
    sys.exit(main())
