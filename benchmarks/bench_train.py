"""The training loop: on a CPU beside a plain loop of the same model; on a GPU numerics, speed, memory, stalls.

The plain loop is what nanoGPT does: rows of a memory-mapped file, forward, cross-entropy, backward, clip, AdamW. Ours
does what a run does: plan, verified shards, a loader's thread, losses by source, watch, metrics, heartbeat, and between
steps the ranks' gathering and the collection of garbage, both every ten steps (by default every 50 and 200). Saves and
evals are in neither loop. Both have the same weights and rows of the same length, and take their steps in turns, on one
thread of torch. Judged are the processor time of the whole process and the clock: of each ten steps the sum of ours over
the sum of the plain loop's, of these ratios the median, so that what else the machine does hits both and is not judged.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import train_on_gpu
import yaml
from recording import record

from curation.accounting.manifest import Manifest
from curation.shards.mds import write_shard
from training.data.loader import Loader
from training.data.shards import ShardReader
from training.model import Decoder, initialize
from training.optim import make_optimizer
from training.parallel import Ranks, process_group
from training.report.pulse import Collector, Pulse
from training.run import Trainer
from training.settings.checks import RunSetup, prepare
from training.watch import Signals

ROWS, ROW_TOKENS, VOCAB, SHARD_ROWS, WARM = 4, 256, 8192, 400, 3
BETWEEN_STEPS, STRETCHES = 10, 5  # how often a run gathers and collects; so many such stretches are measured
MOST_OVERHEAD = 0.05


def publish(folder: Path, row_tokens: int = ROW_TOKENS, vocab: int = VOCAB, rows: int = SHARD_ROWS) -> None:
    """Write random rows, a document every hundred tokens or so, as shards with a manifest, and as one flat file."""
    random = np.random.default_rng(1)
    made = random.integers(1, vocab, (rows, row_tokens), np.uint16)
    made[random.random(made.shape) < 0.01] = 0
    place = folder / "shard" / "f0"
    (place / "web").mkdir(parents=True)
    info = write_shard(place / "web", 0, made)
    made.tofile(folder / "flat.bin")
    shard = {"file": f"web/{info.file}", "provenance": "none.parquet", "rows": rows, "bytes": info.bytes}
    shard["xxh64"] = json.loads(json.dumps(info.entry))["raw_data"]["hashes"]["xxh64"]
    detail = {
        "row_tokens": row_tokens,
        "dtype": "uint16",
        "tokenizer": {"file": "tokenizer.json", "digest": "none", "vocab": vocab, "eot_id": 0},
        "streams": {"web": {"rows": rows, "shards": [shard]}},
    }
    empty: dict[str, str] = {}
    manifest = Manifest(
        stage="shard", fingerprint="f0", config={}, inputs={}, resources=empty, versions=empty, output_version=1,
        detail=detail,
    )  # fmt: skip
    (place / "manifest.json").write_text(manifest.to_json())
    (folder / "shard" / "current.json").write_text('{"fingerprint": "f0"}')


def request(folder: Path, steps: int, **asked: object) -> RunSetup:
    """Return a run of `steps` steps over the shards in `folder`."""
    plain = {
        "data": [str(folder)], "out": str(folder / "out"), "batch_rows": ROWS, "lanes": 1, "max_epochs": 1e6,
        "phases": [{"name": "all", "steps": steps, "mix": {"web": 1}}],
        "model": {"width": 256, "layers": 6, "heads": 4, "kv_heads": 2},
        "checkpoint": {"every_steps": 10 * steps}, "evals": {"every_steps": 10 * steps},
        "watch": {"gather_every_steps": BETWEEN_STEPS, "collect_every_steps": BETWEEN_STEPS, "max_z": 1e6},
    }  # fmt: skip
    (folder / "config.yaml").write_text(yaml.safe_dump(plain | asked))
    return prepare(str(folder / "config.yaml"))


def ours(asked: RunSetup, place: Ranks) -> Iterator[None]:
    """Take a step of a whole run at a time."""
    with ExitStack() as stack:
        signals = stack.enter_context(Signals())
        pulse = stack.enter_context(Pulse(Path(asked.config.out), place, 600.0))
        run = Trainer(asked, place, signals, pulse)
        run.collector = stack.enter_context(Collector(asked.config.watch.collect_every_steps))
        for context in (run.logger, run.checkpoints):
            stack.enter_context(context)
        batches = stack.enter_context(
            Loader(
                run.plan, ShardReader(run.corpus, run.plan.names), rank=0, world_size=1, device=place.device
            )
        )
        began = time.perf_counter()
        for batch in batches:
            pulse.at(batch.drawn.step, "learning")
            run._step(batch)
            run.times.add(time.perf_counter() - began, batch.wait_s)
            began = time.perf_counter()
            if batch.drawn.step + 1 < run.plan.steps:
                run._after(batch)
            yield


def plain(asked: RunSetup, flat: Path) -> Iterator[None]:
    """Take a step of the plain loop at a time."""
    config = asked.config
    model = Decoder(config.model, VOCAB)
    initialize(model, config.seed)
    optimizer = make_optimizer(model, config.optimizer)
    data, random = np.memmap(flat, np.uint16, "r").reshape(-1, ROW_TOKENS), np.random.default_rng(1)
    positions = torch.arange(ROW_TOKENS).expand(ROWS, ROW_TOKENS)
    one_document = torch.zeros(ROWS, ROW_TOKENS, dtype=torch.int64)
    while True:
        rows = torch.from_numpy(data[random.integers(len(data), size=ROWS)].astype(np.int64))
        logits = model(rows, one_document, positions)
        F.cross_entropy(logits[:, :-1].flatten(0, 1), rows[:, 1:].flatten()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.optimizer.clip_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        yield


def beside() -> dict[str, Any]:
    """Return seconds of a step of each loop by either clock, and how much more ours takes."""
    torch.set_num_threads(1)
    clocks = {"processor": time.process_time, "clock": time.perf_counter}
    steps = WARM + BETWEEN_STEPS * STRETCHES
    taken = {(loop, clock): np.zeros(steps) for loop in ("ours", "plain") for clock in clocks}
    with tempfile.TemporaryDirectory() as name, process_group() as place:
        folder = Path(name)
        publish(folder)
        asked = request(folder, steps + 1)  # what a run does at its end is not measured
        loops = {
            "ours": ours(asked, Ranks(rank=0, world_size=1, device=place.device)),
            "plain": plain(asked, folder / "flat.bin"),
        }
        for step in range(steps):
            for loop in ("ours", "plain") if step % 2 else ("plain", "ours"):
                began = {clock: read() for clock, read in clocks.items()}
                next(loops[loop])
                for clock, read in clocks.items():
                    taken[loop, clock][step] = read() - began[clock]
        for each in loops.values():
            each.close()
    stretches = {key: of[WARM:].reshape(STRETCHES, BETWEEN_STEPS).sum(axis=1) for key, of in taken.items()}
    found: dict[str, Any] = {}
    for clock in clocks:
        mine, theirs = stretches["ours", clock], stretches["plain", clock]
        found[f"ours, {clock} s"] = float(np.median(mine)) / BETWEEN_STEPS
        found[f"plain, {clock} s"] = float(np.median(theirs)) / BETWEEN_STEPS
        found[f"overhead, {clock}"] = float(np.median(mine / theirs)) - 1
        found[f"overhead, {clock}, least and most of a stretch"] = [
            float(f(mine / theirs)) - 1 for f in (np.min, np.max)
        ]
    return found


def main() -> int:
    """Measure what can be measured here, and say what cannot."""
    found = beside()
    bars: dict[str, tuple[float, float]] = {}
    for clock in ("processor", "clock"):
        overhead = found[f"overhead, {clock}"]
        least, most = found[f"overhead, {clock}, least and most of a stretch"]
        bars[f"below 5 % overhead, {clock}"] = (MOST_OVERHEAD - overhead, 0.0)
        print(f"CPU, a step by the {clock:9}: ours {found[f'ours, {clock} s']:.3f} s, plain {found[f'plain, {clock} s']:.3f} s, "
              f"overhead {overhead:+.1%} (of {STRETCHES} stretches {least:+.1%} to {most:+.1%}; at most {MOST_OVERHEAD:.0%})")  # fmt: skip
    print(f"load of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    if torch.cuda.is_available():
        figures, on_gpu = train_on_gpu.measure()
        found |= figures
        bars |= on_gpu
    else:
        print(
            "no GPU here: numerics of attention and loss, compiling, tokens/s and MFU, stalls, memory and resume "
            "were not measured"
        )
    return record("train", found, bars, ["torch", "numpy"])


if __name__ == "__main__":
    sys.exit(main())
