"""The files of a run: config.yaml, *.jsonl, summary.json, curves.html; and its line of progress."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import yaml

from curation.files.whole import write_whole
from training.parallel import Ranks
from training.plan import Plan
from training.report.curves import write_curves
from training.report.learning import reached, read_curves
from training.settings import Config

_PAUSES = ("save_s", "collect_s", "eval_s")
_CLEAR_LINE = "\r\x1b[K"  # on a terminal, over the line of progress
_MAX_SILENT_S = 60.0  # between two lines of progress without a terminal


class RunLogger:
    """Writes a run's directory from its first rank; on the others it writes nothing. A context manager.

    `flops_per_token` (forward and backward) and `peak_flops` (a second, of all ranks) give the MFU, which is
    left out if `peak_flops` is 0.
    """

    def __init__(
        self,
        config: Config,
        plan: Plan,
        ranks: Ranks,
        row_tokens: int,
        *,
        first_step: int,
        flops_per_token: float = 0.0,
        peak_flops: float = 0.0,
    ) -> None:
        self.out, self.ranks, self.spikes = Path(config.out), ranks, 0
        self._config, self._plan, self._first_step = config, plan, first_step
        self._step_tokens = config.batch_rows * row_tokens
        self._mfu_per_speed = flops_per_token / peak_flops if peak_flops else 0.0
        self._pauses = dict.fromkeys(_PAUSES, 0.0)
        self._first: dict[str, Any] = {}
        self._last: dict[str, Any] = {}
        self._began = self._last_time = time.perf_counter()
        self._silent_s, self._next_line_at = 1.0, 0.0  # of a log; the silence doubles from line to line
        self._stream: IO[str] | None = None
        self._board: Any = None

    def __enter__(self) -> RunLogger:
        if self.ranks.is_first:
            self.out.mkdir(parents=True, exist_ok=True)
            plain = json.loads(json.dumps(asdict(self._config)))  # tuples as lists
            (self.out / "config.yaml").write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
            if self._config.tensorboard:
                self._board = self._open_board()
            self.cut(self._first_step)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream:
            self._stream.close()
            if sys.stderr.isatty():
                print(file=sys.stderr)
        if self._board:
            self._board.close()

    def _open_board(self) -> Any:
        """Return TensorBoard's writer, or None and print a line if it is not installed."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self.say(
                "tensorboard is not installed: pip install '.[tensorboard]'; metrics.jsonl alone is written"
            )
            return None
        return SummaryWriter(str(self.out / "tensorboard"), purge_step=self._first_step)

    def cut(self, step: int) -> None:
        """Cut the metrics back to the steps before `step`, since a killed or rewound run was ahead."""
        if not self.ranks.is_first:
            return
        if self._stream:
            self._stream.close()
        path = self.out / "metrics.jsonl"
        kept = _whole_lines(path)[:step]
        write_whole(path, "".join(kept).encode())
        self._first, self._last = (json.loads(kept[n]) if kept else {} for n in (0, -1))
        for name in ("ranks.jsonl", "evals.jsonl", "samples.jsonl"):
            if (other := self.out / name).exists():
                lines = [line for line in _whole_lines(other) if json.loads(line)["step"] <= step]
                write_whole(other, "".join(lines).encode())
        self._stream = path.open("a", encoding="utf-8")

    def step(self, step: int, **measured: Any) -> None:
        """Append one step to the metrics, with the pauses since the last, and renew the line of progress."""
        now = time.perf_counter()
        step_s = now - self._last_time
        self._last_time, speed = now, self._step_tokens / step_s
        line = {
            "step": step,
            **measured,
            "tokens": (step + 1) * self._step_tokens,
            "step_s": round(step_s, 6),
            "tokens_per_s": round(speed, 1),
            "mfu": round(speed * self._mfu_per_speed, 4) or None,
            **{name: round(seconds, 6) for name, seconds in self._pauses.items()},
        }
        self._pauses = dict.fromkeys(_PAUSES, 0.0)
        is_new_phase = line["phase"] != self._last.get("phase")
        self._first, self._last = self._first or line, line
        if self._stream is None:
            return
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()
        self._chart(line, step)
        if sys.stderr.isatty():
            print(f"{_CLEAR_LINE}{self._progress(line, now)}", end="", file=sys.stderr, flush=True)
        elif is_new_phase or now >= self._next_line_at or step + 1 == self._plan.steps:
            self.say(self._progress(line, now))
            self._next_line_at = now + self._silent_s
            self._silent_s = min(2 * self._silent_s, _MAX_SILENT_S)

    def _chart(self, values: Mapping[str, Any], step: int, prefix: str = "") -> None:
        """Give TensorBoard, if it is used, the numbers of a line: `loss`, `source_losses/web`."""
        for name, value in values.items() if self._board else ():
            if isinstance(value, Mapping):
                self._chart(value, step, f"{prefix}{name}/")
            elif isinstance(value, float):
                self._board.add_scalar(f"{prefix}{name}", value, step)

    def _progress(self, line: Mapping[str, Any], now: float) -> str:
        """Return a step as one line for people."""
        left = self._plan.steps - line["step"] - 1
        left_s = left * (now - self._began) / (line["step"] + 1 - self._first_step)
        loss = "skipped" if line["loss"] is None else f"loss {line['loss']:.3f}"
        mfu = f"{line['mfu']:.1%} MFU  ".replace("%", " %") if line["mfu"] else ""
        return (
            f"{line['phase']}  step {line['step'] + 1}/{self._plan.steps}  {loss}  "
            f"{line['tokens_per_s']:,.0f} tokens/s  {mfu}"
            f"waited {100 * line['data_wait_s'] / line['step_s']:.1f} %  {clock(left_s)} left"
        )

    def paused(self, name: str, seconds: float) -> None:
        """Add to a pause since the last step; it is written with the next."""
        self._pauses[name] += seconds

    def rank_times(self, step: int, times: Mapping[str, Sequence[float]], slow: Sequence[str]) -> None:
        """Append each rank's times to ranks.jsonl, and print which are slow."""
        self.append("ranks.jsonl", {"step": step, **times, "slow": list(slow)})
        self.say(*(f"step {step}: {line}" for line in slow))

    def append(self, name: str, line: Mapping[str, Any]) -> None:
        """Append a line of JSON to a file of the run, on the first rank."""
        if self.ranks.is_first:
            with (self.out / name).open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line, ensure_ascii=False) + "\n")
            if name == "evals.jsonl":  # at the step before, which a run resumed here keeps
                self._chart({"evals": {line["set"]: line}}, line["step"] - 1)

    def say(self, *lines: str) -> None:
        """Print lines to stderr, on the first rank."""
        if self.ranks.is_first:
            for line in lines:
                print(_CLEAR_LINE * sys.stderr.isatty() + line, file=sys.stderr, flush=True)

    def draw(self) -> None:
        """Write curves.html of the run so far, if it has taken a step."""
        if self.ranks.is_first and self._last:
            write_curves(self.out)

    def finish(self, parameters: int, skipped: Sequence[int]) -> dict[str, Any]:
        """Write and return the summary, and print one line about the end, on the first rank.

        A loss is None if its step was left out or its metrics are lost.
        """
        if not self.ranks.is_first:
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
            "ranks": self.ranks.world_size,
            "seconds": round(time.perf_counter() - self._began, 3),
            "resumed_at": self._first_step,
            "skipped": skipped,
            "evals": self._learned(),
        }
        (self.out / "summary.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
        time_text = "nothing left to do" if self._first_step == steps else f"{summary['seconds']:.0f} s"
        loss_text = " to ".join("unknown" if loss is None else f"{loss:.3f}" for loss in losses)
        print(f"{steps} steps, {summary['tokens']:,} tokens, loss {loss_text} ({time_text}): {self.out}")
        return summary

    def _learned(self) -> dict[str, Any]:
        """Return each set's last score and after how many tokens it reached each level."""
        config = self._config.evals
        curves = read_curves(self.out) if config.texts or config.tasks else {}
        return {
            name: {"bits_per_byte": curve.values[-1], **reached(curve, config.levels)}
            for name, curve in curves.items()
        }


def clock(seconds: float) -> str:
    """Return a duration for people.

    >>> clock(59.9), clock(3725), clock(400_000)
    ('0:59', '1:02:05', '4 d 15:06:40')
    """
    minutes, s = divmod(int(seconds), 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    return (f"{days} d " if days else "") + (f"{h}:{m:02}:{s:02}" if hours else f"{m}:{s:02}")


def _whole_lines(path: Path) -> list[str]:
    """Return the lines of a file, without a last one that a kill cut short."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    return [line for line in lines if line.endswith("\n")]
