"""Notices a step whose loss or gradient norm stands out, and a signal to stop."""

from __future__ import annotations

import math
import signal
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any

import numpy as np

from training.settings import sections as settings

_MAD_TO_DEVIATION = 1.4826  # of a normal distribution
_LEAST_DEVIATION = 0.01  # of the median: a flat stretch does not turn a small step into a spike


def robust_z(value: float, window: Sequence[float]) -> float:
    """Return how many robust standard deviations `value` stands above the median of `window`.

    The deviation is the median distance from the median, so earlier spikes do not hide later ones.

    >>> round(robust_z(10.0, [4.0, 5.0, 6.0]), 2)
    3.37
    """
    middle = float(np.median(window))
    spread = _MAD_TO_DEVIATION * float(np.median(np.abs(np.asarray(window) - middle)))
    return (value - middle) / max(spread, _LEAST_DEVIATION * abs(middle), 1e-12)


class Watch:
    """Holds each step's loss and gradient norm against those of the steps before it in its phase."""

    def __init__(self, asked: settings.Watch) -> None:
        self._asked = asked
        self._phase = self._in_a_row = 0
        self._seen = {name: deque[float](maxlen=asked.window_steps) for name in ("loss", "grad_norm")}

    def judge(self, loss: float, grad_norm: float, phase: int = 0) -> str:
        """Return why this step is a spike, or nothing.

        A spike does not enter the window; so many in a row as it takes to judge are a new level, and begin
        another window. So does a new phase: another mixture has another loss.
        """
        if phase != self._phase:
            self._phase = phase
            self._restart()
        faults = []
        for name, value in (("loss", loss), ("grad_norm", grad_norm)):
            seen = self._seen[name]
            if not math.isfinite(value):
                faults.append(f"{name} is {value}")
            elif len(seen) >= self._asked.min_steps and (z := robust_z(value, seen)) > self._asked.max_z:
                faults.append(
                    f"{name} {value:.4g} is {z:.1f} robust deviations above the median {np.median(seen):.4g} "
                    f"of {len(seen)} steps"
                )
            else:
                seen.append(value)
        self._in_a_row = self._in_a_row + 1 if faults else 0
        if self._in_a_row >= self._asked.min_steps:
            self._restart()
        return "; ".join(faults)

    def _restart(self) -> None:
        self._in_a_row = 0
        for seen in self._seen.values():
            seen.clear()

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps, so that a run that continues judges alike."""
        seen = {name: list(values) for name, values in self._seen.items()}
        return {"phase": self._phase, "in_a_row": self._in_a_row, "seen": seen}

    def load(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        self._phase, self._in_a_row = state["phase"], state["in_a_row"]
        for name, values in state["seen"].items():
            self._seen[name] = deque(values, maxlen=self._asked.window_steps)


class Signals(AbstractContextManager["Signals"]):
    """Notes SIGTERM and SIGINT instead of ending at once; a second one ends at once."""

    def __init__(self) -> None:
        self.noted = ""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.noted = signal.Signals(number).name
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def __exit__(self, *error: object) -> None:
        self._restore()
