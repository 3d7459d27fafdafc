"""Heartbeats of the ranks, which show whom the others wait for; garbage collection by all at once."""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

import torch.distributed as dist

from curation.files.whole import write_whole
from training.parallel import Ranks

_BEAT_S = 1.0


class Pulse(AbstractContextManager["Pulse"]):
    """Writes this rank's progress to `out`/heartbeats every second, and reports missing ranks.

    All ranks pass the same points in the same order, so the rank that has passed the fewest is missing.
    """

    def __init__(self, out: Path, ranks: Ranks, timeout_s: float) -> None:
        self._ranks, self._timeout_s = ranks, timeout_s
        self._folder = out / "heartbeats"
        self._path = self._folder / f"rank-{ranks.rank:05d}.json"
        self._beat: dict[str, Any] = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "ranks": ranks.world_size,
            "points": 0,
        }
        self._arrived = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def __enter__(self) -> Pulse:
        self._folder.mkdir(parents=True, exist_ok=True)
        self.at(0, "beginning")
        self._write()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._beat["ended"] = f"{kind.__name__}: {error}" if kind else "done"
        self._write()

    def at(self, step: int, doing: str) -> None:
        """Note that this rank has reached a point; this is cheap, since the thread writes it."""
        self._arrived = time.monotonic()  # before the beat, which the thread reads first
        self._beat = {**self._beat, "step": step, "doing": doing, "points": self._beat["points"] + 1}

    def _run(self) -> None:
        reported = 0  # the point at which missing ranks were reported
        while not self._stop.wait(min(_BEAT_S, self._timeout_s / 10)):
            self._write()
            point = self._beat["points"]
            if time.monotonic() - self._arrived > 0.8 * self._timeout_s and reported != point:
                reported = point
                if text := self.missing():
                    print(text, file=sys.stderr, flush=True)

    def _now(self) -> dict[str, Any]:
        beat = self._beat
        return {**beat, "waited_s": round(time.monotonic() - self._arrived, 1), "written": time.time()}

    def _write(self) -> None:
        write_whole(self._path, json.dumps(self._now()).encode())

    def missing_after(self, error: RuntimeError) -> str:
        """Return which ranks are missing if the error says that one did not answer, else ''."""
        if not (isinstance(error, dist.DistError) or "gloo" in str(error)):
            return ""
        time.sleep(_silent_s(self._timeout_s))  # until the heartbeat of a killed rank is old enough
        return self.missing()

    def missing(self) -> str:
        """Return which ranks the others wait for according to the heartbeats, or ''."""
        beats: dict[int, Any] = {}
        for rank in range(self._ranks.world_size):
            path = self._folder / f"rank-{rank:05d}.json"
            if path.exists():
                beats[rank] = json.loads(path.read_text(encoding="utf-8"))
        beats[self._ranks.rank] = self._now()  # this rank is alive, however slow the disk is
        return behind(beats, self._ranks.world_size, time.time(), _silent_s(self._timeout_s))


def _silent_s(timeout_s: float) -> float:
    return 3 * min(_BEAT_S, timeout_s / 10) + 2


def behind(beats: Mapping[int, Mapping[str, Any]], count: int, now: float, silent_s: float) -> str:
    """Return which ranks ended, fell silent, or have passed fewer points than the others.

    >>> one = {"host": "a", "pid": 1, "points": 7, "step": 3, "doing": "learning", "waited_s": 9}
    >>> one["written"] = 5
    >>> behind({0: one, 1: {**one, "pid": 2, "points": 6, "doing": "waiting for data"}}, 2, now=6, silent_s=5)
    'rank 1 (process 2 on a) has been waiting for data at step 3 for 9 s, while the other ranks wait for it'
    """
    furthest = max((beat["points"] for beat in beats.values()), default=0)
    lines = []
    for rank in range(count):
        beat = beats.get(rank)
        if beat is None:
            lines.append(f"rank {rank} never began")
            continue
        who, at = f"rank {rank} (process {beat['pid']} on {beat['host']})", f"at step {beat['step']}"
        if "ended" in beat and beat["ended"] != "done":
            lines.append(f"{who} ended {at}, {beat['doing']}: {beat['ended']}")
        elif "ended" not in beat and now - beat["written"] > silent_s:
            lines.append(f"{who} was last heard of {now - beat['written']:.0f} s ago, {beat['doing']} {at}")
        elif beat["points"] < furthest:
            lines.append(
                f"{who} has been {beat['doing']} {at} for {beat['waited_s']:.0f} s, "
                "while the other ranks wait for it"
            )
    return "\n".join(lines)


class Collector(AbstractContextManager["Collector"]):
    """Collects Python's garbage at the same steps on all ranks, so that they pause together."""

    def __init__(self, every_steps: int) -> None:
        self._every_steps = every_steps

    def __enter__(self) -> Collector:
        if self._every_steps:
            gc.collect()
            gc.freeze()
            gc.disable()
        return self

    def __exit__(self, *error: object) -> None:
        if self._every_steps:
            gc.enable()
            gc.unfreeze()

    def after(self, step: int) -> float:
        """Collect if it is due after so many steps; return the seconds it took."""
        if not self._every_steps or step % self._every_steps:
            return 0.0
        began = time.perf_counter()
        gc.collect()
        return time.perf_counter() - began
