"""What a run leaves: config.yaml, metrics.jsonl, summary.json; and the line of progress."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import yaml

from training.config import Config
from training.parallel import Ranks
from training.plan import Plan


class Record:
    """Writes a run's directory, from its first rank; the others only keep count. A context manager."""

    def __init__(self, asked: Config, plan: Plan, place: Ranks, row_tokens: int, *, first_step: int) -> None:
        self.out, self.place, self.spikes = Path(asked.out), place, 0
        self._asked, self._plan, self._first_step = asked, plan, first_step
        self._step_tokens = asked.batch_rows * row_tokens
        self._first: dict[str, Any] = {}
        self._last: dict[str, Any] = {}
        self._began = self._last_time = time.perf_counter()
        self._stream: IO[str] | None = None

    def __enter__(self) -> Record:
        if self.place.is_first:
            self.out.mkdir(parents=True, exist_ok=True)
            plain = json.loads(json.dumps(asdict(self._asked)))  # tuples as lists
            (self.out / "config.yaml").write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
            self._stream = self._metrics().open("a", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream:
            self._stream.close()
            self._show("\n")

    def _metrics(self) -> Path:
        """Return the metrics file, cut back to the steps before this run's first: a killed run was ahead."""
        path = self.out / "metrics.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
        kept = [line for line in lines[: self._first_step] if line.endswith("\n")]
        aside = path.with_suffix(".incomplete")
        aside.write_text("".join(kept), encoding="utf-8")
        aside.rename(path)
        if kept:
            self._first, self._last = json.loads(kept[0]), json.loads(kept[-1])
        return path

    def step(self, step: int, **measured: Any) -> None:
        """Append one step to the metrics and renew the line of progress."""
        now = time.perf_counter()
        speed = self._step_tokens / (now - self._last_time)
        self._last_time = now
        line = {
            "step": step,
            **measured,
            "tokens": (step + 1) * self._step_tokens,
            "tokens_per_s": round(speed, 1),
        }
        self._first, self._last = self._first or line, line
        if self._stream is None:
            return
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()
        left_s = (self._plan.steps - step - 1) * (now - self._began) / (step + 1 - self._first_step)
        self._show(
            f"\r{line['phase']}  step {step + 1}/{self._plan.steps}  loss {line['loss']:.3f}  "
            f"{speed:,.0f} tokens/s  waited {line['data_wait_s']:.3f} s  {left_s:.0f} s left  "
        )

    def _show(self, text: str) -> None:
        """Write to the terminal, if there is one."""
        if sys.stderr.isatty():
            sys.stderr.write(text)
            sys.stderr.flush()

    def say(self, *lines: str) -> None:
        """Print lines for people, once for all ranks."""
        if self.place.is_first:
            for line in lines:
                print(line, file=sys.stderr)

    def finish(self, parameters: int) -> dict[str, Any]:
        """Write and return the summary, and say in one line how it ended: the first rank does.

        A loss is None where its step was taken before and the metrics of it are gone.
        """
        if not self.place.is_first:
            return {}
        steps = self._plan.steps
        losses = [line.get("loss") for line in (self._first, self._last)]
        summary = {
            "first_loss": losses[0],
            "last_loss": losses[1],
            "steps": steps,
            "tokens": steps * self._step_tokens,
            "parameters": parameters,
            "epochs": self._plan.epochs(),
            "spikes": self.spikes,
            "ranks": self.place.count,
            "seconds": round(time.perf_counter() - self._began, 3),
            "resumed_at": self._first_step,
        }
        (self.out / "summary.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
        did = "nothing left to do" if self._first_step == steps else f"{summary['seconds']:.0f} s"
        shown = " to ".join("unknown" if loss is None else f"{loss:.3f}" for loss in losses)
        print(f"{steps} steps, {summary['tokens']:,} tokens, loss {shown} ({did}): {self.out}")
        return summary
