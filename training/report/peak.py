"""How many floating-point operations a second a device could do, to say which share of them a run uses."""

from __future__ import annotations

import time

import torch

# Dense bfloat16, from the makers' data sheets; the first name that the device's name holds.
_KNOWN = {
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
    """Return the known bfloat16 peak of a GPU, or the best that matrix products reach on one not known.

    0.0 on a CPU: others compute on it too, and a share of a peak that moves says nothing.
    """
    if device.type != "cuda":
        return 0.0
    name = torch.cuda.get_device_name(device)
    known = (peak for part, peak in _KNOWN.items() if part in name and precision == "bfloat16")
    return next(known, 0.0) or measured_flops(device, getattr(torch, precision))


def measured_flops(device: torch.device, dtype: torch.dtype, size: int = 8192) -> float:
    """Return the best of five products of square matrices."""
    left = torch.ones(size, size, device=device, dtype=dtype)
    best = float("inf")
    for _ in range(5):
        torch.cuda.synchronize(device)
        began = time.perf_counter()
        left @ left
        torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best
