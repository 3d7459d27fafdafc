"""The training loop: batches, learning, and everything between two steps."""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from training.checkpoint import CheckpointError, Checkpoints, SavedCheckpoint
from training.data.loader import Batch, Loader
from training.data.shards import ShardReader
from training.evals import evaluate
from training.optim import make_optimizer, set_learning_rate
from training.parallel import Ranks, build
from training.report.logger import RunLogger
from training.report.pulse import Collector, Pulse
from training.report.speed import Times, peak_flops, slow
from training.report.spikes import write_spike
from training.schedule import learning_rate
from training.settings.checks import RunSetup, fits
from training.settings.sizes import flops_per_token
from training.step import StepResult, learn
from training.watch import Signals, SpikeDetector


class RunFailed(RuntimeError):
    """A run that stopped itself; the message says what to look at."""


class Stopped(Exception):
    """A run that a signal stopped after it had saved a checkpoint."""


class Trainer:
    """One rank of a run, from its checkpoint to its end."""

    def __init__(self, setup: RunSetup, ranks: Ranks, signals: Signals, pulse: Pulse) -> None:
        config, corpus, plan = setup.config, setup.corpus, setup.plan
        self.config, self.corpus, self.plan, self.evals = config, corpus, plan, setup.evals
        self.ranks, self.signals, self.pulse = ranks, signals, pulse
        self.model = build(config, corpus.vocab, ranks)
        self.optimizer = make_optimizer(self.model, config.optimizer)
        self.checkpoints = Checkpoints(Path(config.out), ranks, config.checkpoint, config.watch.timeout_s)
        self.spikes, self.times = SpikeDetector(config.watch), Times(ranks)
        self.skipped: set[int] = set()
        self.stopped_at = 0
        self.warnings: list[str] = []
        self._resume()
        peak = torch.tensor([peak_flops(ranks.device, config.precision)], device=ranks.device)
        self.logger = RunLogger(
            config,
            plan,
            ranks,
            corpus.row_tokens,
            first_step=plan.step,
            flops_per_token=flops_per_token(config.model, corpus.vocab, corpus.row_tokens),
            peak_flops=ranks.sum(peak).item(),
        )

    def _resume(self) -> None:
        """Continue from the newest undamaged checkpoint, or the fork's; `checks` made sure that it fits."""
        saved, warnings = self.checkpoints.latest()
        if saved is None and (fork := self.config.fork):
            saved, warnings = self.checkpoints.latest(int(fork["at"]), Path(fork["from"]) / "checkpoints")
            if saved is None or saved.manifest["step"] != int(fork["at"]):
                raise CheckpointError("\n".join(warnings))
        self.warnings += warnings
        if saved:
            self._restore(saved)

    def _restore(self, saved: SavedCheckpoint) -> None:
        """Set everything to the state in a checkpoint."""
        self.plan.resume(saved.manifest["plan"]["state"], saved.manifest["plan"]["past"])
        self.spikes.load(saved.manifest["watch"])
        self.skipped |= set(saved.manifest["skipped"])
        for name, digest in saved.manifest["evals"].items():
            if digest != (now := self.evals.digests.get(name, digest)):
                self.warnings.append(
                    f"evals: '{name}' is another text from step {self.plan.step} on ({digest}, now {now}): "
                    "its scores are not comparable with earlier ones, and its curve starts again"
                )
        self.checkpoints.restore(saved, self.model, self.optimizer)

    def train(self) -> dict[str, Any]:
        """Train from the present step to the end; return the summary."""
        watch = self.config.watch
        with self.logger as logger, Collector(watch.collect_every_steps) as self.collector, self.checkpoints:
            logger.say(*self.warnings)
            if watch.on_spike == "rewind" and self.checkpoints.latest()[0] is None:
                self._save(self.plan.step, self.plan.state())  # there must always be one to rewind to
            while (spike := self._train_until_spike()) is not None:
                self._rewind(spike)
            self.pulse.at(self.stopped_at or self.plan.steps, "finishing the last checkpoint")
            self.checkpoints.wait()
            logger.draw()
            if self.stopped_at:
                cause = self.signals.noted or "a signal to another rank"
                raise Stopped(
                    f"{cause}: saved after step {self.stopped_at} of {self.plan.steps}; "
                    f"the same command continues: {self.config.out}"
                )
            parameters = sum(p.numel() for p in self.model.parameters())
            return logger.finish(parameters, sorted(self.skipped))

    def _train_until_spike(self) -> int | None:
        """Train to the end or a signal (None), or to a spike that is to be rewound (its step)."""
        ranks, plan = self.ranks, self.plan
        self.pulse.at(
            plan.step, "waiting for data"
        )  # before the loader starts, whose thread advances the plan
        with Loader(
            plan,
            ShardReader(self.corpus, plan.names),
            rank=ranks.rank,
            world_size=ranks.world_size,
            device=ranks.device,
            micro_batches=self.config.micro_batches(ranks.world_size),
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
        """Learn from one batch or leave it out, and log it; return which."""
        step, rate, result = batch.drawn.step, learning_rate(batch.drawn.step, self.config), None
        action = "skip"
        if step not in self.skipped:
            result = learn(self.model, batch, self.plan, self.ranks, self.config)
            action = self._judge(result, batch)
        self.logger.paused(
            "save_s", self.checkpoints.staged()
        )  # the weights that are being copied may not change
        if action == "learn":
            set_learning_rate(self.optimizer, rate)
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if action != "rewind":
            self.logger.step(
                step,
                loss=result and result.loss,
                source_losses=result.source_losses if result else {},
                grad_norm=result and result.grad_norm,
                lr=rate,
                phase=self.config.phases[batch.drawn.phase].name,
                data_wait_s=batch.wait_s,
                skipped=action == "skip",
            )
        return action

    def _judge(self, result: StepResult, batch: Batch) -> str:
        """Write the page of a spike; return whether to `learn` from the batch, `skip` it, or `rewind`.

        Every rank judges the same two numbers, so either all of them gather or none.

        Raises:
            RunFailed: a number is not finite; the weights have not moved.
        """
        step = batch.drawn.step
        if not (why := self.spikes.judge(result.loss, result.grad_norm, batch.drawn.phase)):
            return "learn"
        path = self.logger.out / "spikes" / f"step-{step:08d}.html"
        parts = (result.token_losses, batch.tokens, batch.labels)
        gathered = [self.ranks.gather(part) for part in parts]
        if self.ranks.is_first:
            write_spike(path, why, batch.drawn, gathered, self.plan, self.corpus)
        if not (math.isfinite(result.loss) and math.isfinite(result.grad_norm)):
            raise RunFailed(f"step {step}: {why}; the optimizer has not moved. Its documents are in {path}")
        self.logger.say(f"step {step}: {why}; its documents are in {path}")
        self.logger.spikes += 1
        if self.config.watch.on_spike == "log":
            return "learn"
        self.skipped.add(step)
        return self.config.watch.on_spike

    def _rewind(self, spike: int) -> None:
        """Go back to a checkpoint before the batches that led to a spike, and leave them out.

        If none is that old, go back to the newest and leave out only the batches after it.
        """
        self.checkpoints.wait()
        first = max(spike - self.config.watch.skip_count + 1, 0)
        saved = self.checkpoints.latest(at_most=first)[0] or self.checkpoints.latest()[0]
        if saved is None:
            raise RunFailed(f"step {spike}: no checkpoint to rewind to in {self.checkpoints.folder}")
        self._restore(saved)
        first = max(first, self.plan.step)
        self.skipped |= set(range(first, spike + 1))
        self.logger.cut(self.plan.step)
        self.logger.say(f"step {spike}: back to step {self.plan.step}; steps {first} to {spike} are left out")

    def _after(self, batch: Batch) -> bool:
        """Gather times, evaluate and save where due; return whether a signal on any rank asks to stop."""
        done, checkpoints = batch.drawn.step + 1, self.checkpoints
        flags = torch.tensor([bool(self.signals.noted), self.ranks.is_first and checkpoints.due()])
        stop, due = self.ranks.sum(flags.to(self.ranks.device, torch.float32)).tolist()
        self.logger.paused("collect_s", self.collector.after(done))
        if done % self.config.watch.gather_every_steps == 0:
            times = self.times.gather()
            self.logger.rank_times(done, times, slow(times))
        if done % self.config.evals.every_steps == 0 or done == self.plan.steps:
            self._evaluate(done)
        if stop or due or checkpoints.falls_on(done) or done == self.plan.steps:
            self._save(done, batch.state)
        return bool(stop)

    def _evaluate(self, done: int) -> None:
        """Score the model after `done` steps."""
        self.pulse.at(done, "evaluating")
        began = time.perf_counter()
        scores, samples = evaluate(self.model, self.evals, self.ranks, seed=done)
        at = {"step": done, "tokens": done * self.config.batch_rows * self.corpus.row_tokens}
        for score in scores:
            self.logger.append("evals.jsonl", {**at, **score, "tokenizer": self.corpus.tokenizer_digest})
        for prompt, text in zip(self.evals.prompts, samples, strict=True):
            self.logger.append("samples.jsonl", {**at, "prompt": prompt, "text": text})
        self.logger.paused("eval_s", time.perf_counter() - began)

    def _save(self, done: int, state: dict[str, Any]) -> None:
        """Begin to save a checkpoint after `done` steps, with the state of the plan there."""
        self.pulse.at(done, "saving a checkpoint")
        facts = {
            "step": done,
            "config": asdict(self.config),
            "fits": fits(self.config, self.corpus),
            "plan": {"state": state, "past": self.plan.past(done)},
            "watch": self.spikes.state(),
            "evals": self.evals.digests,
            "skipped": sorted(self.skipped),
        }
        self.checkpoints.save(self.model, self.optimizer, facts)
        self.logger.paused("save_s", self.checkpoints.cost_s)
