"""The loop: batches, learning, and everything that happens between two steps."""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from training.checkpoint import CheckpointError, Checkpoints, Saved
from training.data.loader import Batch, Loader
from training.data.shards import Reader
from training.evals import evaluate
from training.optim import learning_rate, make_optimizer
from training.parallel import Ranks, build
from training.report.pulse import Collector, Pulse
from training.report.record import Record
from training.report.speed import Times, peak_flops, slow
from training.report.spikes import write_spike
from training.settings.checks import Request, fits
from training.settings.sizes import flops_per_token
from training.step import Measured, learn
from training.watch import Signals, Watch


class RunFailed(RuntimeError):
    """A run that stopped on purpose, with what to look at."""


class Stopped(Exception):
    """A run that a signal stopped, after it had saved."""


class Run:
    """One process's part of a run, from its checkpoint to its end."""

    def __init__(self, request: Request, place: Ranks, signals: Signals, pulse: Pulse) -> None:
        asked, corpus, plan = request.config, request.corpus, request.plan
        self.asked, self.corpus, self.plan, self.evals = asked, corpus, plan, request.evals
        self.place, self.signals, self.pulse = place, signals, pulse
        self.model = build(asked, corpus.vocab, place)
        self.optimizer = make_optimizer(self.model, asked.optimizer)
        self.checkpoints = Checkpoints(Path(asked.out), place, asked.checkpoint, asked.watch.timeout_s)
        self.watch, self.times = Watch(asked.watch), Times(place)
        self.skipped: set[int] = set()
        self.stopped_at = 0
        self.warnings: list[str] = []
        self._resume()
        peak = torch.tensor([peak_flops(place.device, asked.precision)], device=place.device)
        self.record = Record(
            asked,
            plan,
            place,
            corpus.row_tokens,
            first_step=plan.step,
            flops_per_token=flops_per_token(asked.model, corpus.vocab, corpus.row_tokens),
            peak_flops=place.sum(peak).item(),
        )

    def _resume(self) -> None:
        """Continue from the newest whole checkpoint, or from the fork's; `request` has found that it fits."""
        saved, warnings = self.checkpoints.latest()
        if saved is None and (fork := self.asked.fork):
            saved, warnings = self.checkpoints.latest(int(fork["at"]), Path(fork["from"]) / "checkpoints")
            if saved is None or saved.manifest["step"] != int(fork["at"]):
                raise CheckpointError("\n".join(warnings))
        self.warnings += warnings
        if saved:
            self._take(saved)

    def _take(self, saved: Saved) -> None:
        """Go to where a checkpoint was made."""
        self.plan.resume(saved.manifest["plan"]["state"], saved.manifest["plan"]["past"])
        self.watch.load(saved.manifest["watch"])
        self.skipped |= set(saved.manifest["skipped"])
        for name, digest in saved.manifest["evals"].items():
            if digest != (now := self.evals.digests.get(name, digest)):
                self.warnings.append(
                    f"evals: '{name}' is another text from step {self.plan.step} on ({digest}, now {now}): "
                    "its scores are not comparable with those before, and its curve begins anew"
                )
        self.checkpoints.restore(saved, self.model, self.optimizer)

    def go(self) -> dict[str, Any]:
        """Train to the end, from wherever it takes up; return the summary."""
        watch = self.asked.watch
        with self.record as record, Collector(watch.collect_every_steps) as self.collector, self.checkpoints:
            record.say(*self.warnings)
            if watch.on_spike == "rewind" and self.checkpoints.latest()[0] is None:
                self._save(self.plan.step, self.plan.state())  # so that there is always one to go back to
            while (spike := self._train()) is not None:
                self._rewind(spike)
            self.pulse.at(self.stopped_at or self.plan.steps, "finishing the last checkpoint")
            self.checkpoints.wait()
            record.draw()
            if self.stopped_at:
                who = self.signals.noted or "a signal to another rank"
                raise Stopped(
                    f"{who}: saved after step {self.stopped_at} of {self.plan.steps}; "
                    f"the same command continues: {self.asked.out}"
                )
            parameters = sum(p.numel() for p in self.model.parameters())
            return record.finish(parameters, sorted(self.skipped))

    def _train(self) -> int | None:
        """Train until the end or a signal (None), or until a spike that is to be rewound: its step."""
        place, plan = self.place, self.plan
        self.pulse.at(plan.step, "waiting for data")  # before the loader, whose thread moves the plan ahead
        with Loader(
            plan,
            Reader(self.corpus, plan.names),
            rank=place.rank,
            ranks=place.count,
            device=place.device,
            micro_batches=self.asked.micro_batches(place.count),
        ) as batches:
            began = time.perf_counter()
            for batch in batches:
                self.pulse.at(batch.drawn.step, "learning")
                if self._step(batch) == "rewind":
                    return batch.drawn.step
                self.times.add(time.perf_counter() - began, batch.wait_s)
                began = time.perf_counter()
                if self._after(batch) and batch.drawn.step + 1 < plan.steps:
                    self.stopped_at = batch.drawn.step + 1
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
        self.record.paused("save_s", self.checkpoints.staged())  # what is being saved may not move
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
        path = self.record.out / "spikes" / f"step-{step:08d}.html"
        seen = [self.place.gather(each) for each in (measured.token_losses, batch.tokens, batch.labels)]
        if self.place.is_first:
            write_spike(path, why, batch.drawn, seen, self.plan, self.corpus)
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
        """Do what is due between two steps; return whether a signal asks to stop, on any rank."""
        done, checkpoints = batch.drawn.step + 1, self.checkpoints
        flags = torch.tensor([bool(self.signals.noted), self.place.is_first and checkpoints.due()])
        stop, due = self.place.sum(flags.to(self.place.device, torch.float32)).tolist()
        self.record.paused("collect_s", self.collector.after(done))
        if done % self.asked.watch.gather_every_steps == 0:
            times = self.times.gather()
            self.record.ranks(done, times, slow(times))
        if done % self.asked.evals.every_steps == 0 or done == self.plan.steps:
            self._evaluate(done)
        if stop or due or checkpoints.falls_on(done) or done == self.plan.steps:
            self._save(done, batch.state)
        return bool(stop)

    def _evaluate(self, done: int) -> None:
        """Score the model after so many steps."""
        self.pulse.at(done, "evaluating")
        began = time.perf_counter()
        scores, samples = evaluate(self.model, self.evals, self.place, seed=done)
        at = {"step": done, "tokens": done * self.asked.batch_rows * self.corpus.row_tokens}
        for score in scores:
            self.record.append("evals.jsonl", {**at, **score, "tokenizer": self.corpus.tokenizer_digest})
        for prompt, text in zip(self.evals.prompts, samples, strict=True):
            self.record.append("samples.jsonl", {**at, "prompt": prompt, "text": text})
        self.record.paused("eval_s", time.perf_counter() - began)

    def _save(self, done: int, state: dict[str, Any]) -> None:
        """Begin to save a checkpoint after so many steps, with the state of the plan there."""
        self.pulse.at(done, "saving a checkpoint")
        facts = {
            "step": done,
            "config": asdict(self.asked),
            "fits": fits(self.asked, self.corpus),
            "plan": {"state": state, "past": self.plan.past(done)},
            "watch": self.watch.state(),
            "evals": self.evals.digests,
            "skipped": sorted(self.skipped),
        }
        self.checkpoints.save(self.model, self.optimizer, facts)
        self.record.paused("save_s", self.checkpoints.cost_s)
