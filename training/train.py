"""The training loop: `python -m training.train CONFIG [--set KEY=VALUE ...]`, alone or under `torchrun`.

The same command on a directory that holds a checkpoint continues it, on any number of ranks. It exits with
0 when done, 1 when the run failed, and 2 when the request was wrong.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from curation.accounting.manifest import MissingManifest
from curation.recipe.config import ConfigError
from training.checkpoint import Checkpoints
from training.config import Config, check_sources, read_config
from training.corpus import Corpus, ShardError, open_corpus
from training.explain import make_plan
from training.loader import Batch, Loader
from training.model import Decoder
from training.optim import learning_rate, make_optimizer
from training.parallel import Ranks, build, ranks
from training.plan import Plan, PlanError, difference
from training.record import Record
from training.shards import Reader
from training.step import Measured, learn, micro_batches
from training.watch import Watch, write_spike


class RunFailed(RuntimeError):
    """A run that stopped on purpose, with what to look at."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    parser.add_argument("config")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    request = parser.parse_args(arguments)
    try:
        asked = read_config(request.config, request.overrides)
        corpus = open_corpus(asked.data, asked.cache)
        check_sources(request.config, request.overrides, asked, list(corpus.sources))
        plan = make_plan(asked, corpus)
        with ranks() as place:
            train(asked, corpus, plan, place)
    except (ConfigError, PlanError, MissingManifest) as error:
        return _tell(error, 2)
    except (ShardError, RunFailed) as error:
        return _tell(error, 1)
    return 0


def _tell(error: Exception, code: int) -> int:
    """Print an error: what every rank finds from the first rank alone, a fault of the shards from each."""
    if isinstance(error, ShardError) or os.environ.get("RANK", "0") == "0":
        print(error, file=sys.stderr)
    return code


def train(asked: Config, corpus: Corpus, plan: Plan, place: Ranks) -> dict[str, Any]:
    """Train from the newest checkpoint, or from nothing, to the end of the curriculum; return the summary."""
    out = Path(asked.out)
    plan.slots(place.rank, place.count)  # refuses a number of ranks before anything is built
    model = build(asked, corpus.vocab, place)
    optimizer = make_optimizer(model, asked.optimizer)
    checkpoints = Checkpoints(out, place, asked.checkpoint.keep_count)
    fits = {"model": asdict(asked.model), "vocab": corpus.vocab, "tokenizer": corpus.tokenizer_digest}
    warnings = resume(checkpoints, model, optimizer, plan, fits)
    reader, watch = Reader(corpus, plan.names), Watch(asked.watch)
    with (
        Record(asked, plan, place, corpus.row_tokens, first_step=plan.step) as record,
        Loader(
            plan,
            reader,
            rank=place.rank,
            ranks=place.count,
            device=place.device,
            micro_batches=micro_batches(asked, place.count),
        ) as batches,
    ):
        record.say(*warnings)
        for batch in batches:
            step, rate = batch.drawn.step, learning_rate(batch.drawn.step, asked)
            measured = learn(model, batch, plan, place, asked)
            look(watch, measured, batch, plan, reader, record)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            record.step(
                step,
                loss=measured.loss,
                source_losses=measured.source_losses,
                grad_norm=measured.grad_norm,
                lr=rate,
                phase=asked.phases[batch.drawn.phase].name,
                data_wait_s=batch.wait_s,
            )
            every = asked.checkpoint.every_steps or plan.steps
            if (step + 1) % every == 0 or step + 1 == plan.steps:
                data = {"state": batch.state, "past": plan.past(step + 1)}
                checkpoints.save(model, optimizer, {"step": step + 1, "fits": fits, "plan": data})
        return record.finish(sum(p.numel() for p in model.parameters()))


def resume(
    checkpoints: Checkpoints,
    model: Decoder,
    optimizer: torch.optim.Optimizer,
    plan: Plan,
    fits: dict[str, Any],
) -> list[str]:
    """Continue from the newest whole checkpoint, if there is one; return why newer ones were passed over.

    Raises:
        PlanError: the checkpoint is of another model or another past.
    """
    saved, warnings = checkpoints.latest()
    if saved is None:
        return warnings
    if differences := difference(saved.manifest["fits"], fits):
        lines = "\n".join(f"  {line}" for line in differences)
        raise PlanError(f"{saved.directory}: a checkpoint of another model:\n{lines}\nchoose another `out`")
    data = saved.manifest["plan"]
    try:
        plan.resume(data["state"], data["past"])
    except PlanError as error:
        raise PlanError(f"{saved.directory}: {error}") from None
    checkpoints.restore(saved, model, optimizer)
    return warnings


def look(watch: Watch, measured: Measured, batch: Batch, plan: Plan, reader: Reader, record: Record) -> None:
    """Write down a batch that stands out; stop if it is not finite, before the weights move.

    Every rank judges the same two numbers, so all of them come to the gathering or none does.
    """
    if not (why := watch.judge(measured.loss, measured.grad_norm)):
        return
    path = record.out / "spikes" / f"step-{batch.drawn.step:08d}.json"
    losses = record.place.gather(measured.token_losses).cpu().numpy()
    if record.place.is_first:
        write_spike(path, why, batch.drawn, losses, plan, reader)
    if not (math.isfinite(measured.loss) and math.isfinite(measured.grad_norm)):
        raise RunFailed(
            f"step {batch.drawn.step}: {why}; the optimizer has not moved. Its documents are in {path}"
        )
    record.say(f"step {batch.drawn.step}: {why}; its documents are in {path}")
    record.spikes += 1


if __name__ == "__main__":
    sys.exit(main())
