"""The training loop: `python -m training.train CONFIG [--set KEY=VALUE ...]`, alone or under `torchrun`.

The same command on a directory that holds a checkpoint continues it, on any number of ranks. It exits with
0 when done, 1 when the run failed, 2 when the request was wrong, and 3 when SIGTERM or SIGINT stopped it
after it had saved: the same command continues.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from training.checkpoint import CheckpointError, Checkpoints, Saved
from training.config import Config
from training.corpus import Corpus, ShardError
from training.dry_run import describe
from training.loader import Batch, Loader
from training.optim import learning_rate, make_optimizer
from training.parallel import Ranks, build, ranks
from training.plan import Plan, PlanError
from training.pulse import Collector, Pulse, Signals, Times, slow
from training.record import Record
from training.request import Refused, fits, prepare
from training.shards import Reader
from training.spikes import write_spike
from training.step import Measured, learn
from training.watch import Watch


class RunFailed(RuntimeError):
    """A run that stopped on purpose, with what to look at."""


class Stopped(Exception):
    """A run that a signal stopped, after it had saved."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    parser.add_argument("config")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--dry-run", action="store_true", help="say what the run comes to, and end")
    count = int(os.environ.get("WORLD_SIZE", "1"))
    parser.add_argument("--ranks", type=int, default=count, help="of a dry run; torchrun says it otherwise")
    line = parser.parse_args(arguments)
    try:
        request = prepare(line.config, line.overrides, line.ranks if line.dry_run else count)
        if line.dry_run:
            print(describe(request, line.ranks))
            return 0
        with ranks(request.config.watch.timeout_s) as place:
            train(request.config, request.corpus, request.plan, place)
    except (Refused, PlanError) as error:
        return _tell(error, 2)
    except (ShardError, RunFailed, CheckpointError) as error:
        return _tell(error, 1)
    except Stopped as error:
        return _tell(error, 3)
    return 0


def _tell(error: Exception, code: int) -> int:
    """Print an error: what every rank finds from the first rank alone, a fault of the shards from each."""
    if isinstance(error, ShardError) or os.environ.get("RANK", "0") == "0":
        print(error, file=sys.stderr)
    return code


def train(asked: Config, corpus: Corpus, plan: Plan, place: Ranks) -> dict[str, Any]:
    """Train from the newest checkpoint, or from nothing, to the end of the curriculum; return the summary.

    Raises:
        RunFailed: also where another rank ended or did not come within `timeout_s`, with its name.
    """
    plan.slots(place.rank, place.count)  # refuses a number of ranks before anything is built
    with Signals() as signals, Pulse(Path(asked.out), place, asked.watch.timeout_s) as pulse:
        try:
            return Run(asked, corpus, plan, place, signals, pulse).go()
        except (RunFailed, ShardError, CheckpointError):
            raise
        except RuntimeError as error:  # torch raises no narrower one for a rank that does not answer
            if missing := pulse.missing_after(error):
                raise RunFailed(f"{missing}\n({error})") from error
            raise


class Run:
    """One process's part of a run, from its checkpoint to its end."""

    def __init__(
        self, asked: Config, corpus: Corpus, plan: Plan, place: Ranks, signals: Signals, pulse: Pulse
    ) -> None:
        self.asked, self.corpus, self.plan, self.place = asked, corpus, plan, place
        self.signals, self.pulse = signals, pulse
        self.model = build(asked, corpus.vocab, place)
        self.optimizer = make_optimizer(self.model, asked.optimizer)
        self.checkpoints = Checkpoints(Path(asked.out), place, asked.checkpoint, asked.watch.timeout_s)
        self.watch, self.times = Watch(asked.watch), Times(place)
        self.skipped: set[int] = set()
        self.fits = fits(asked, corpus)
        self.warnings = self._resume()
        self.record = Record(asked, plan, place, corpus.row_tokens, first_step=plan.step)

    def _resume(self) -> list[str]:
        """Continue from the newest whole checkpoint, if there is one; return what to say about it.

        Raises:
            PlanError: the checkpoint is of another model or another past.
        """
        saved, warnings = self.checkpoints.latest()
        if saved is None and (fork := self.asked.fork):
            saved, warnings = self.checkpoints.latest(int(fork["at"]), Path(fork["from"]) / "checkpoints")
            if saved is None or saved.manifest["step"] != int(fork["at"]):
                raise CheckpointError("\n".join(warnings))
        if saved is None:
            return warnings
        try:
            self._take(saved)
        except PlanError as error:
            raise PlanError(f"{saved.directory}: {error}") from None
        return warnings

    def _take(self, saved: Saved) -> None:
        """Go to where a checkpoint was made."""
        self.plan.resume(saved.manifest["plan"]["state"], saved.manifest["plan"]["past"])
        self.watch.load(saved.manifest["watch"])
        self.skipped |= set(saved.manifest["skipped"])
        self.checkpoints.restore(saved, self.model, self.optimizer)

    def go(self) -> dict[str, Any]:
        """Train to the end, from wherever it takes up; return the summary."""
        watch = self.asked.watch
        with self.record as record, Collector(watch.collect_every_steps) as self.collector, self.checkpoints:
            record.say(*self.warnings)
            if watch.on_spike == "rewind" and not self.plan.step:
                self._save(0, self.plan.state())  # so that there is always one to go back to
            while (spike := self._train()) is not None:
                self._rewind(spike)
            self.pulse.at(self.plan.step, "finishing the last checkpoint")
            self.checkpoints.wait()
            if self.signals.noted:
                raise Stopped(f"{self.signals.noted}: saved; the same command continues: {self.asked.out}")
            return record.finish(
                sum(p.numel() for p in self.model.parameters()), {"skipped": sorted(self.skipped)}
            )

    def _train(self) -> int | None:
        """Train until the end or a signal (None), or until a spike that is to be rewound: its step."""
        place, plan = self.place, self.plan
        with Loader(
            plan,
            Reader(self.corpus, plan.names),
            rank=place.rank,
            ranks=place.count,
            device=place.device,
            micro_batches=self.asked.micro_batches(place.count),
        ) as batches:
            began = time.perf_counter()
            self.pulse.at(plan.step, "waiting for data")
            for batch in batches:
                self.pulse.at(batch.drawn.step, "learning")
                if self._step(batch) == "rewind":
                    return batch.drawn.step
                self.times.add(time.perf_counter() - began, batch.wait_s)
                began = time.perf_counter()
                if self._after(batch):
                    break
                self.pulse.at(batch.drawn.step + 1, "waiting for data")
        return None

    def _step(self, batch: Batch) -> str:
        """Learn from one batch and record it, or leave it out; return what was done."""
        step, rate, measured = batch.drawn.step, learning_rate(batch.drawn.step, self.asked), None
        action = "skip"
        if step not in self.skipped:
            measured = learn(self.model, batch, self.plan, self.place, self.asked)
            action = self._look(measured, batch)
        self.checkpoints.staged()  # what is being saved may not move
        if action == "learn":
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if action != "rewind":
            self.record.step(
                step,
                loss=measured and measured.loss,
                source_losses=measured.source_losses if measured else {},
                grad_norm=measured and measured.grad_norm,
                lr=rate,
                phase=self.asked.phases[batch.drawn.phase].name,
                data_wait_s=batch.wait_s,
                skipped=action == "skip",
            )
        return action

    def _look(self, measured: Measured, batch: Batch) -> str:
        """Write down a batch that stands out; return whether to `learn` from it, `skip` it, or `rewind`.

        Every rank judges the same two numbers, so all of them come to the gathering or none does.

        Raises:
            RunFailed: it is not finite; the weights have not moved.
        """
        step = batch.drawn.step
        if not (why := self.watch.judge(measured.loss, measured.grad_norm, batch.drawn.phase)):
            return "learn"
        path = self.record.out / "spikes" / f"step-{step:08d}.json"
        losses = self.place.gather(measured.token_losses).cpu().numpy()
        if self.place.is_first:
            write_spike(path, why, batch.drawn, losses, self.plan, self.corpus)
        if not (math.isfinite(measured.loss) and math.isfinite(measured.grad_norm)):
            raise RunFailed(f"step {step}: {why}; the optimizer has not moved. Its documents are in {path}")
        self.record.say(f"step {step}: {why}; its documents are in {path}")
        self.record.spikes += 1
        if self.asked.watch.on_spike == "log":
            return "learn"
        self.skipped.add(step)
        return self.asked.watch.on_spike

    def _rewind(self, spike: int) -> None:
        """Go back to before the batches that led to a spike, to leave them out on the way.

        Where no checkpoint is that old, to the newest, and only what comes after it is left out.
        """
        self.checkpoints.wait()
        first = max(spike - self.asked.watch.skip_count + 1, 0)
        saved = self.checkpoints.latest(at_most=first)[0] or self.checkpoints.latest()[0]
        if saved is None:
            raise RunFailed(f"step {spike}: no checkpoint to rewind to in {self.checkpoints.folder}")
        self._take(saved)
        first = max(first, self.plan.step)
        self.skipped |= set(range(first, spike + 1))
        self.record.cut(self.plan.step)
        self.record.say(f"step {spike}: back to step {self.plan.step}; steps {first} to {spike} are left out")

    def _after(self, batch: Batch) -> bool:
        """Do what is due between two steps; return whether a signal asks to stop."""
        done, checkpoints = batch.drawn.step + 1, self.checkpoints
        flags = torch.tensor([bool(self.signals.noted), self.place.is_first and checkpoints.due()])
        stop, due = self.place.sum(flags.to(self.place.device, torch.float32)).tolist()
        self.record.paused("collect_s", self.collector.after(done))
        if done % self.asked.watch.gather_every_steps == 0:
            times = self.times.gather()
            self.record.ranks(done, times, slow(times))
        if stop or due or checkpoints.falls_on(done) or done == self.plan.steps:
            self._save(done, batch.state)
        return bool(stop)

    def _save(self, done: int, state: dict[str, Any]) -> None:
        """Begin to save a checkpoint after so many steps, with the state of the plan there."""
        self.pulse.at(done, "saving a checkpoint")
        facts = {
            "step": done,
            "config": asdict(self.asked),
            "fits": self.fits,
            "plan": {"state": state, "past": self.plan.past(done)},
            "watch": self.watch.state(),
            "skipped": sorted(self.skipped),
        }
        self.checkpoints.save(self.model, self.optimizer, facts)
        self.record.paused("save_s", self.checkpoints.cost_s)


if __name__ == "__main__":
    sys.exit(main())
