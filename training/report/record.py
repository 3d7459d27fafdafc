"""What a run leaves: config.yaml, *.jsonl, summary.json, curves.html; and the line of progress."""

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
from training.settings.config import Config

_PAUSES = ("save_s", "collect_s", "eval_s")
_ANEW = "\r\x1b[K"  # over the line of progress, on a terminal
_MOST_SILENT_S = 60.0  # between two lines of progress where there is no terminal


class Record:
    """Writes a run's directory, from its first rank; the others only keep count. A context manager.

    `flops_per_token` (forward and backward) and `peak_flops` (a second, of all ranks) give the share of the
    devices' peak that the run uses (MFU); 0 where a peak is not known, and nothing is said.
    """

    def __init__(
        self,
        asked: Config,
        plan: Plan,
        place: Ranks,
        row_tokens: int,
        *,
        first_step: int,
        flops_per_token: float = 0.0,
        peak_flops: float = 0.0,
    ) -> None:
        self.out, self.place, self.spikes = Path(asked.out), place, 0
        self._asked, self._plan, self._first_step = asked, plan, first_step
        self._step_tokens = asked.batch_rows * row_tokens
        self._mfu_per_speed = flops_per_token / peak_flops if peak_flops else 0.0
        self._pauses = dict.fromkeys(_PAUSES, 0.0)
        self._first: dict[str, Any] = {}
        self._last: dict[str, Any] = {}
        self._began = self._last_time = time.perf_counter()
        self._silent_s, self._tell_at = 1.0, 0.0  # of a log: doubles from line to line; when the next is due
        self._stream: IO[str] | None = None
        self._board: Any = None

    def __enter__(self) -> Record:
        if self.place.is_first:
            self.out.mkdir(parents=True, exist_ok=True)
            plain = json.loads(json.dumps(asdict(self._asked)))  # tuples as lists
            (self.out / "config.yaml").write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
            if self._asked.tensorboard:
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
        """Return TensorBoard's writer, or None, in words, where it is not installed."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self.say(
                "tensorboard is not installed: pip install '.[tensorboard]'; metrics.jsonl alone is written"
            )
            return None
        return SummaryWriter(str(self.out / "tensorboard"), purge_step=self._first_step)

    def cut(self, step: int) -> None:
        """Cut the metrics back to the steps before `step`: a killed run was ahead, a rewound one is."""
        if not self.place.is_first:
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
        """Append one step to the metrics, with what held it up since the last, and renew the progress."""
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
        begins = line["phase"] != self._last.get("phase")
        self._first, self._last = self._first or line, line
        if self._stream is None:
            return
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()
        self._chart(line, step)
        if sys.stderr.isatty():
            print(f"{_ANEW}{self._progress(line, now)}", end="", file=sys.stderr, flush=True)
        elif begins or now >= self._tell_at or step + 1 == self._plan.steps:
            self.say(self._progress(line, now))
            self._tell_at = now + self._silent_s
            self._silent_s = min(2 * self._silent_s, _MOST_SILENT_S)

    def _chart(self, values: Mapping[str, Any], step: int, where: str = "") -> None:
        """Give TensorBoard, if there is one, the numbers of a line: `loss`, `source_losses/web`."""
        for name, value in values.items() if self._board else ():
            if isinstance(value, Mapping):
                self._chart(value, step, f"{where}{name}/")
            elif isinstance(value, float):
                self._board.add_scalar(f"{where}{name}", value, step)

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
        """Note what held the training up since the last step; it goes with the next."""
        self._pauses[name] += seconds

    def ranks(self, step: int, times: Mapping[str, Sequence[float]], told: Sequence[str]) -> None:
        """Append each rank's times to ranks.jsonl, and say who is slow."""
        self.append("ranks.jsonl", {"step": step, **times, "slow": list(told)})
        self.say(*(f"step {step}: {line}" for line in told))

    def append(self, name: str, line: Mapping[str, Any]) -> None:
        """Append a line of JSON to a file of the run: the first rank does."""
        if self.place.is_first:
            with (self.out / name).open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line, ensure_ascii=False) + "\n")
            if name == "evals.jsonl":  # at the step before, which a run that goes on from there keeps
                self._chart({"evals": {line["set"]: line}}, line["step"] - 1)

    def say(self, *lines: str) -> None:
        """Print lines for people, once for all ranks."""
        if self.place.is_first:
            for line in lines:
                print(_ANEW * sys.stderr.isatty() + line, file=sys.stderr, flush=True)

    def draw(self) -> None:
        """Draw the run so far to curves.html, if it has taken a step."""
        if self.place.is_first and self._last:
            write_curves(self.out)

    def finish(self, parameters: int, skipped: Sequence[int]) -> dict[str, Any]:
        """Write and return the summary, and say in one line how it ended: the first rank does.

        A loss is None where its step was left out, or taken before and the metrics of it are gone.
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
            "skipped": skipped,
            "evals": self._learned(),
        }
        (self.out / "summary.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
        did = "nothing left to do" if self._first_step == steps else f"{summary['seconds']:.0f} s"
        shown = " to ".join("unknown" if loss is None else f"{loss:.3f}" for loss in losses)
        print(f"{steps} steps, {summary['tokens']:,} tokens, loss {shown} ({did}): {self.out}")
        return summary

    def _learned(self) -> dict[str, Any]:
        """Return each set's last score and after how many tokens it was at each level."""
        asked = self._asked.evals
        curves = read_curves(self.out) if asked.texts or asked.tasks else {}
        return {
            name: {"bits_per_byte": curve.values[-1], **reached(curve, asked.levels)}
            for name, curve in curves.items()
        }


def clock(seconds: float) -> str:
    """Return a time as people read it.

    >>> clock(59.9), clock(3725), clock(400_000)
    ('0:59', '1:02:05', '4 d 15:06:40')
    """
    minutes, s = divmod(int(seconds), 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    return (f"{days} d " if days else "") + (f"{h}:{m:02}:{s:02}" if hours else f"{m}:{s:02}")


def _whole_lines(path: Path) -> list[str]:
    """Return the lines of a file, without one that a kill cut short."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    return [line for line in lines if line.endswith("\n")]
