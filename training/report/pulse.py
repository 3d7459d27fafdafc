"""Whether the ranks live and keep step: heartbeats, who is missing when all wait, garbage by all at once."""

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
    """Writes where this rank is to `out`/heartbeats, every second, and says who is missing when all wait.

    All ranks come through the same places in the same order, so whoever has come through fewest is missing.
    """

    def __init__(self, out: Path, place: Ranks, timeout_s: float) -> None:
        self._place, self._timeout_s = place, timeout_s
        self._folder = out / "heartbeats"
        self._path = self._folder / f"rank-{place.rank:05d}.json"
        self._beat: dict[str, Any] = {"host": socket.gethostname(), "pid": os.getpid(), "ranks": place.count}
        self._came = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def __enter__(self) -> Pulse:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._beat["places"] = 0
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
        """Note that this rank has come to a place; costs nothing, the thread writes it."""
        self._came = time.monotonic()  # before the place, which the thread reads first
        self._beat = {**self._beat, "step": step, "doing": doing, "places": self._beat["places"] + 1}

    def _run(self) -> None:
        told = 0  # the place where it said who is missing
        while not self._stop.wait(min(_BEAT_S, self._timeout_s / 10)):
            self._write()
            place = self._beat["places"]
            if time.monotonic() - self._came > 0.8 * self._timeout_s and told != place:
                told = place
                if text := self.missing():
                    print(text, file=sys.stderr, flush=True)

    def _now(self) -> dict[str, Any]:
        beat = self._beat
        return {**beat, "waited_s": round(time.monotonic() - self._came, 1), "written": time.time()}

    def _write(self) -> None:
        write_whole(self._path, json.dumps(self._now()).encode())

    def missing_after(self, error: RuntimeError) -> str:
        """Return who is missing where an error says that a rank did not answer; else nothing."""
        if not (isinstance(error, dist.DistError) or "gloo" in str(error)):
            return ""
        time.sleep(_silent_s(self._timeout_s))  # until a rank that was killed is known to be silent
        return self.missing()

    def missing(self) -> str:
        """Return which rank the others wait for, as far as the heartbeats tell; nothing if none is behind."""
        beats: dict[int, Any] = {}
        for rank in range(self._place.count):
            path = self._folder / f"rank-{rank:05d}.json"
            if path.exists():
                beats[rank] = json.loads(path.read_text(encoding="utf-8"))
        beats[self._place.rank] = self._now()  # who asks is alive, however long the disk holds its file up
        return behind(beats, self._place.count, time.time(), _silent_s(self._timeout_s))


def _silent_s(timeout_s: float) -> float:
    return 3 * min(_BEAT_S, timeout_s / 10) + 2


def behind(beats: Mapping[int, Mapping[str, Any]], count: int, now: float, silent_s: float) -> str:
    """Return which ranks ended, fell silent, or have come through fewer places than the others.

    >>> one = {"host": "a", "pid": 1, "places": 7, "step": 3, "doing": "learning", "waited_s": 9}
    >>> one["written"] = 5
    >>> behind({0: one, 1: {**one, "pid": 2, "places": 6, "doing": "waiting for data"}}, 2, now=6, silent_s=5)
    'rank 1 (process 2 on a) has been waiting for data at step 3 for 9 s, while the other ranks wait for it'
    """
    most = max((beat["places"] for beat in beats.values()), default=0)
    found = []
    for rank in range(count):
        beat = beats.get(rank)
        if beat is None:
            found.append(f"rank {rank} never began")
            continue
        who, at = f"rank {rank} (process {beat['pid']} on {beat['host']})", f"at step {beat['step']}"
        if "ended" in beat and beat["ended"] != "done":
            found.append(f"{who} ended {at}, {beat['doing']}: {beat['ended']}")
        elif "ended" not in beat and now - beat["written"] > silent_s:
            found.append(f"{who} was last heard of {now - beat['written']:.0f} s ago, {beat['doing']} {at}")
        elif beat["places"] < most:
            told = f"{who} has been {beat['doing']} {at} for {beat['waited_s']:.0f} s"
            found.append(f"{told}, while the other ranks wait for it")
    return "\n".join(found)


class Collector(AbstractContextManager["Collector"]):
    """Collects Python's garbage at the same steps on all ranks, so that they wait once and not by turns."""

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
        """Collect if it is time after so many steps; return for how many seconds that held things up."""
        if not self._every_steps or step % self._every_steps:
            return 0.0
        began = time.perf_counter()
        gc.collect()
        return time.perf_counter() - began
