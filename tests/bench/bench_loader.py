"""CPU of a 2,048-token sample: this project's plan and reader beside StreamingDataset's iteration and a memmap.

All give int64 batches of 240 rows (half a million tokens), and then of 48, in shuffled order, from warm pages, in CPU seconds of
this process (StreamingDataset's threads among them), in turns, best of five. The memmap is what nanoGPT does: a flat file, random rows, a cast.
Then how long a resume takes at the middle of 30 million rows, and the start of a billion, both from nothing.
"""

from __future__ import annotations

import json
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from recording import record

from curation.shards.mds import import_streaming, index_bytes, write_shard
from training.config import Phase
from training.data.corpus import Corpus, Shard
from training.data.shards import Reader
from training.plan import Plan, Source

ROW_TOKENS, SHARD_ROWS, SHARDS, LANES, ROUNDS = 2048, 1000, 12, 48, 5
BATCHES = (240, 48)


def prepare(folder: Path) -> Corpus:
    """Write random rows as MDS shards and as one flat file; return them as a corpus."""
    rng, entries, shards = np.random.default_rng(1), [], []
    with (folder / "flat.bin").open("wb") as flat:
        for number in range(SHARDS):
            rows = rng.integers(0, 50_000, (SHARD_ROWS, ROW_TOKENS), np.uint16)
            info = write_shard(folder / "web", number, rows)
            flat.write(rows.tobytes())
            entries.append(info.entry)
            path = folder / "web" / info.file
            shards.append(
                Shard(path=path, provenance=path, rows=info.rows, size_bytes=info.bytes, xxh64=info.xxh64)
            )
    (folder / "web" / "index.json").write_bytes(index_bytes(entries))
    return Corpus(
        row_tokens=ROW_TOKENS, dtype="uint16", vocab=50_000, eot_id=0, tokenizer_digest="", tokenizer="",
        sources={"web": tuple(shards)},
    )  # fmt: skip


def ours(corpus: Corpus, batch: int) -> Iterator[object]:
    """Yield batches as the loader's thread makes them: draw, locate, read."""
    phases = [Phase(name="p", steps=SHARDS * SHARD_ROWS // batch, mix={"web": 1})]
    plan = Plan(corpus.plan_sources(["web"]), phases, batch_rows=batch, lanes=LANES, seed=1)
    reader = Reader(corpus, ["web"])
    while plan.step < plan.steps:
        yield reader.read(plan.locate(plan.draw(), range(batch)))


def memmap(folder: Path, batch: int) -> Iterator[object]:
    """Yield batches from the flat file."""
    data = np.memmap(folder / "flat.bin", np.uint16, "r").reshape(-1, ROW_TOKENS)
    order = np.random.default_rng(1).permutation(SHARDS * SHARD_ROWS)
    for begin in range(0, SHARDS * SHARD_ROWS, batch):
        out = np.empty((batch, ROW_TOKENS), np.int64)
        for place, row in enumerate(order[begin : begin + batch]):
            out[place] = data[row]
        yield out


def streaming(folder: Path, batch: int) -> Iterator[object]:
    """Yield batches from mosaicml-streaming's dataset, shuffled by its default."""
    dataset = import_streaming().StreamingDataset(
        local=str(folder / "web"), batch_size=batch, shuffle=True, shuffle_seed=1, num_canonical_nodes=1
    )
    rows = []
    for sample in dataset:
        rows.append(sample["tokens"].astype(np.int64))
        if len(rows) == batch:
            yield np.stack(rows)
            rows = []


def cost(batches: Callable[[int], Iterator[object]], batch: int) -> float:
    """Return the CPU seconds of a sample, after the first batch."""
    turn = batches(batch)
    next(turn)
    start = time.process_time()
    count = sum(1 for _ in turn)
    return (time.process_time() - start) / (count * batch)


def resumes() -> tuple[float, float]:
    """Return CPU seconds from nothing to the first located batch: at 15 of 30 million rows, and of a billion."""
    phases = [Phase(name="p", steps=10**7, mix={"a": 1, "b": 2})]

    def plan(rows: int) -> Plan:
        shards = (16_367,) * (rows // 2 // 16_367)
        sources = [Source(name=name, digest="x", shard_rows=shards) for name in "ab"]
        return Plan(sources, phases, batch_rows=48, lanes=48, seed=1)

    half = plan(30_000_000)
    half.step = 15_000_000 // 48
    state, past = half.state(), half.past(half.step)
    start = time.process_time()
    again = plan(30_000_000)
    again.resume(json.loads(json.dumps(state)), past)
    again.locate(again.draw(), range(48))
    middle = time.process_time()
    large = plan(1_000_000_000)
    large.locate(large.draw(), range(48))
    return middle - start, time.process_time() - middle


def main() -> None:
    """Measure, print a table, write build/bench/loader.json."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = prepare(folder)
        ways = {
            "ours": partial(ours, corpus),
            "memmap": partial(memmap, folder),
            "StreamingDataset": partial(streaming, folder),
        }
        costs = {(way, batch): float("inf") for batch in BATCHES for way in ways}
        for _ in range(ROUNDS):
            costs = {key: min(least, cost(ways[key[0]], key[1])) for key, least in costs.items()}
    resume_s, billion_s = resumes()
    for (way, batch), each in costs.items():
        print(f"{way:18} batches of {batch:4} rows {each * 1e6:10.1f} us of CPU a sample")
    print(f"resume at the middle of 30 M rows {resume_s:.3f} s, start of a billion rows {billion_s:.3f} s")
    bars = {}
    for batch in BATCHES:
        mine = costs["ours", batch]
        bars[f"times_cheaper_than_streaming_at_{batch}"] = (costs["StreamingDataset", batch] / mine, 20.0)
        bars[f"memmap_over_ours_at_{batch}"] = (costs["memmap", batch] / mine, 1 / 1.3)
    bars |= {
        "resumes_per_s": (1 / resume_s, 5.0),
        "billion_starts_per_s": (1 / billion_s, 0.5),
    }
    figures = {f"{way}_{batch}_us": each * 1e6 for (way, batch), each in costs.items()}
    packages = ("mosaicml-streaming", "numpy", "xxhash")
    record("loader", {**figures, "resume_s": resume_s, "billion_s": billion_s}, bars, packages)


if __name__ == "__main__":
    main()
