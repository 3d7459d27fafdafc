"""Detects a step whose loss or gradient norm is a spike, and a signal to stop."""

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

from training.settings import WatchConfig

_MAD_TO_DEVIATION = 1.4826  # of a normal distribution
_LEAST_DEVIATION = 0.01  # of the median, so that after flat losses a small change is no spike


def robust_z(value: float, window: Sequence[float]) -> float:
    """Return how many robust standard deviations `value` stands above the median of `window`.

    The deviation is the median distance from the median, so earlier spikes do not hide later ones.

    >>> round(robust_z(10.0, [4.0, 5.0, 6.0]), 2)
    3.37
    """
    middle = float(np.median(window))
    spread = _MAD_TO_DEVIATION * float(np.median(np.abs(np.asarray(window) - middle)))
    return (value - middle) / max(spread, _LEAST_DEVIATION * abs(middle), 1e-12)


class SpikeDetector:
    """Compares each step's loss and gradient norm with those of the steps before it in its phase."""

    def __init__(self, config: WatchConfig) -> None:
        self._config = config
        self._phase = self._in_a_row = 0
        self._windows = {name: deque[float](maxlen=config.window_steps) for name in ("loss", "grad_norm")}

    def judge(self, loss: float, grad_norm: float, phase: int = 0) -> str:
        """Return why this step is a spike, or ''.

        A spike does not enter the window. `min_steps` spikes in a row are a new level and empty the window,
        and so does a new phase, whose mixture has another loss.
        """
        if phase != self._phase:
            self._phase = phase
            self._restart()
        faults = []
        for name, value in (("loss", loss), ("grad_norm", grad_norm)):
            window = self._windows[name]
            if not math.isfinite(value):
                faults.append(f"{name} is {value}")
            elif (
                len(window) >= self._config.min_steps and (z := robust_z(value, window)) > self._config.max_z
            ):
                faults.append(
                    f"{name} {value:.4g} is {z:.1f} robust deviations above the median "
                    f"{np.median(window):.4g} of {len(window)} steps"
                )
            else:
                window.append(value)
        self._in_a_row = self._in_a_row + 1 if faults else 0
        if self._in_a_row >= self._config.min_steps:
            self._restart()
        return "; ".join(faults)

    def _restart(self) -> None:
        self._in_a_row = 0
        for window in self._windows.values():
            window.clear()

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps, so that a resumed run judges alike."""
        windows = {name: list(window) for name, window in self._windows.items()}
        return {"phase": self._phase, "in_a_row": self._in_a_row, "windows": windows}

    def load(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        self._phase, self._in_a_row = state["phase"], state["in_a_row"]
        for name, values in state["windows"].items():
            self._windows[name] = deque(values, maxlen=self._config.window_steps)


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
