"""The training loop: on a CPU beside a plain loop of the same model; on a GPU numerics, speed, memory, stalls.

The plain loop is what nanoGPT does: rows of a memory-mapped file, forward, cross-entropy, backward, clip, AdamW. Ours
does what a run does: plan, verified shards, a loader's thread, losses by source, watch, metrics, heartbeat. Both have the
same weights and rows of the same length, and take their steps in turns; processor time of the whole process counts.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import train_on_gpu
import yaml
from recording import record

from curation.accounting.manifest import Manifest
from curation.shards.mds import write_shard
from training.data.loader import Loader
from training.data.shards import Reader
from training.model import Decoder, initialize
from training.optim import make_optimizer
from training.parallel import Ranks, ranks
from training.report.pulse import Collector, Pulse
from training.request import Request, prepare
from training.run import Run
from training.watch import Signals

ROWS, ROW_TOKENS, VOCAB, SHARD_ROWS, WARM, STEPS = 4, 256, 8192, 400, 3, 12
MOST_OVERHEAD = 0.05


def publish(folder: Path, row_tokens: int = ROW_TOKENS, vocab: int = VOCAB, rows: int = SHARD_ROWS) -> None:
    """Write random rows, a document every hundred tokens or so, as shards with a manifest, and as one flat file."""
    random = np.random.default_rng(1)
    made = random.integers(1, vocab, (rows, row_tokens), np.uint16)
    made[random.random(made.shape) < 0.01] = 0
    place = folder / "shard" / "f0"
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


def request(folder: Path, steps: int, **asked: object) -> Request:
    """Return a run of `steps` steps over the shards in `folder`."""
    plain = {
        "data": [str(folder)], "out": str(folder / "out"), "batch_rows": ROWS, "lanes": 1, "max_epochs": 1e6,
        "phases": [{"name": "all", "steps": steps, "mix": {"web": 1}}],
        "model": {"width": 256, "layers": 6, "heads": 4, "kv_heads": 2},
        "checkpoint": {"every_steps": 10 * steps}, "evals": {"every_steps": 10 * steps},
    }  # fmt: skip
    (folder / "config.yaml").write_text(yaml.safe_dump(plain | asked))
    return prepare(str(folder / "config.yaml"))


def ours(asked: Request, place: Ranks) -> Iterator[None]:
    """Take a step of a whole run at a time."""
    with ExitStack() as stack:
        signals = stack.enter_context(Signals())
        pulse = stack.enter_context(Pulse(Path(asked.config.out), place, 600.0))
        run = Run(asked, place, signals, pulse)
        run.collector = stack.enter_context(Collector(asked.config.watch.collect_every_steps))
        for each in (run.record, run.checkpoints):
            stack.enter_context(each)
        batches = stack.enter_context(
            Loader(run.plan, Reader(run.corpus, run.plan.names), rank=0, ranks=1, device=place.device)
        )
        for batch in batches:
            pulse.at(batch.drawn.step, "learning")
            run._step(batch)
            if batch.drawn.step + 1 < run.plan.steps:
                run._after(batch)
            yield


def plain(asked: Request, flat: Path) -> Iterator[None]:
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


def beside() -> Mapping[str, float]:
    """Return processor seconds of a step of each loop, and how much more ours takes."""
    torch.set_num_threads(1)
    taken: dict[str, list[float]] = {"ours": [], "plain": []}
    with tempfile.TemporaryDirectory() as name, ranks() as place:
        folder = Path(name)
        publish(folder)
        asked = request(folder, WARM + STEPS)
        loops = {
            "ours": ours(asked, Ranks(rank=0, count=1, device=place.device)),
            "plain": plain(asked, folder / "flat.bin"),
        }
        for step in range(WARM + STEPS):
            for loop in ("ours", "plain") if step % 2 else ("plain", "ours"):
                began = time.process_time()
                next(loops[loop])
                if step >= WARM:
                    taken[loop].append(time.process_time() - began)
        for each in loops.values():
            each.close()
    median = {loop: statistics.median(times) for loop, times in taken.items()}
    return {
        "ours_s": median["ours"],
        "plain_s": median["plain"],
        "overhead": median["ours"] / median["plain"] - 1,
    }


def main() -> None:
    """Measure what can be measured here, and say what cannot."""
    found: dict[str, object] = dict(beside())
    bars = {"headroom below 5 % overhead": (MOST_OVERHEAD - float(str(found["overhead"])), 0.0)}
    print(f"CPU, a step in processor seconds: ours {found['ours_s']:.3f}, plain {found['plain_s']:.3f}, "
          f"overhead {found['overhead']:+.1%} (at most {MOST_OVERHEAD:.0%})")  # fmt: skip
    if torch.cuda.is_available():
        figures, on_gpu = train_on_gpu.measure()
        found |= figures
        bars |= on_gpu
    else:
        print(
            "no GPU here: numerics of attention and loss, compiling, tokens/s and MFU, stalls, memory and resume "
            "were not measured"
        )
    record("train", found, bars, ["torch", "numpy"])


if __name__ == "__main__":
    main()
