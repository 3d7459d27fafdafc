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
    """Return the known bfloat16 peak of a GPU, else the best that a matrix product reaches here and now."""
    if device.type == "cuda" and precision == "bfloat16":
        name = torch.cuda.get_device_name(device)
        for part, peak in _KNOWN.items():
            if part in name:
                return peak
    return measured_flops(device, getattr(torch, precision))


def measured_flops(device: torch.device, dtype: torch.dtype) -> float:
    """Return the best of five products of square matrices, with the threads that the run has."""
    size = 8192 if device.type == "cuda" else 1024
    left = torch.ones(size, size, device=device, dtype=dtype)
    best = float("inf")
    for _ in range(5):
        _synchronize(device)
        began = time.perf_counter()
        left @ left
        _synchronize(device)
        best = min(best, time.perf_counter() - began)
    return 2 * size**3 / best


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
