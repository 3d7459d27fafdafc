"""The speed of the devices: their peak, and each rank's time for the same matrix products."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence

import torch

from training.parallel import Ranks

_SLOW = 1.5  # times the median rank's
_STALLED = 0.05  # share of the time spent waiting for data
# Dense bfloat16, from data sheets; the first key that the device's name contains is used.
_PEAKS = {
    "B200": 2250e12,
    "H200": 989e12,
    "H100 NVL": 835e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "A10G": 70e12,
    "L4": 121e12,
}


def peak_flops(device: torch.device, precision: str) -> float:
    """Return the data sheet's bfloat16 peak of a GPU, or else the measured one.

    It is 0.0 on a CPU, which other processes use too, so that a share of its peak says nothing.
    """
    if device.type != "cuda":
        return 0.0
    name = torch.cuda.get_device_name(device)
    peaks = (peak for part, peak in _PEAKS.items() if part in name and precision == "bfloat16")
    return next(peaks, 0.0) or measured_flops(device, getattr(torch, precision))


def measured_flops(device: torch.device, dtype: torch.dtype, size: int = 8192) -> float:
    """Return the best of five products of square matrices."""
    return 2 * size**3 / product_s(torch.ones(size, size, device=device, dtype=dtype), 5)


def product_s(matrix: torch.Tensor, times: int) -> float:
    """Return the shortest time, of several, of the product of a matrix with itself."""
    best = float("inf")
    for _ in range(times):
        _synchronize(matrix)
        began = time.perf_counter()
        matrix @ matrix
        _synchronize(matrix)
        best = min(best, time.perf_counter() - began)
    return best


def _synchronize(matrix: torch.Tensor) -> None:
    if matrix.is_cuda:
        torch.cuda.synchronize(matrix.device)


class Times:
    """Each rank's times since the last gathering: of a step, of waiting for data, of a fixed amount of work.

    Ranks wait for each other in every step, so their step times do not show which is slow. The work (matrix
    products, without communication) shows a slow device; the wait for data shows a slow store.
    """

    def __init__(self, ranks: Ranks) -> None:
        self._ranks = ranks
        size = 4096 if ranks.device.type == "cuda" else 256
        self._matrix = torch.ones(size, size, device=ranks.device) / size
        self._steps: list[tuple[float, float]] = []

    def add(self, step_s: float, wait_s: float) -> None:
        """Note one step."""
        self._steps.append((step_s, wait_s))

    def gather(self) -> dict[str, list[float]]:
        """Return the times of all ranks in their order; all ranks call it together."""
        step_s, wait_s = (sum(times) / len(self._steps) for times in zip(*self._steps, strict=True))
        self._steps.clear()
        mine = torch.tensor([[step_s, wait_s, product_s(self._matrix, 3)]], device=self._ranks.device)
        columns = self._ranks.gather(mine).T.tolist()
        names = ("step_s", "data_wait_s", "work_s")
        return {name: [round(v, 6) for v in column] for name, column in zip(names, columns, strict=True)}


def slow(times: Mapping[str, Sequence[float]]) -> list[str]:
    """Return lines about a rank that computes much longer than the median rank, and one that waits for data.

    >>> slow({"step_s": [1.0, 1.0, 1.0], "data_wait_s": [0.0, 0.2, 0.0], "work_s": [0.01, 0.01, 0.03]})
    ['rank 2 takes 3.0 times as long as the median rank for the same work', \
'rank 1 waits for data 20 % of the time']
    """
    lines = []
    work, wait = times["work_s"], [w / s for w, s in zip(times["data_wait_s"], times["step_s"], strict=True)]
    if max(work) > _SLOW * (middle := statistics.median_low(work)):
        rank = work.index(max(work))
        lines.append(
            f"rank {rank} takes {max(work) / middle:.1f} times as long as the median rank for the same work"
        )
    if max(wait) > _STALLED:
        lines.append(f"rank {wait.index(max(wait))} waits for data {100 * max(wait):.0f} % of the time")
    return lines
