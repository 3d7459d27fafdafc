"""AdamW, its two groups, and the learning rate at every step."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from training.settings.config import Config
from training.settings.sections import Optimizer

_ANNEAL_SHARE = 0.1  # of a single phase, under `cosine`


def make_optimizer(model: nn.Module, asked: Optimizer) -> torch.optim.AdamW:
    """Return AdamW with weight decay on matrices only: none on embeddings and norms.

    Its moments are there from the start: where they are not, torch takes a step with gradients of zero to
    have something to save, which counts as one in the bias correction.
    """
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        plain = parameter.dim() == 1 or name.startswith("embedding.")
        (free if plain else decayed).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": asked.weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    betas = (asked.beta1, asked.beta2)
    optimizer = torch.optim.AdamW(groups, lr=asked.learning_rate, betas=betas, eps=1e-8, fused=True)
    for parameter in (*decayed, *free):
        zeros = {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
        optimizer.state[parameter] = {"step": torch.zeros((), device=parameter.device), **zeros}
    return optimizer


def anneal_start(asked: Config) -> int:
    """Return the step from which the rate falls to zero in a straight line: that of the last phase.

    In a curriculum of a single phase that of its last tenth; under `wsd` its end: such a one is a trunk, to
    be forked, and has no anneal.
    """
    last = asked.phases[-1].steps
    if len(asked.phases) == 1:
        last = 0 if asked.optimizer.schedule == "wsd" else math.ceil(_ANNEAL_SHARE * last)
    return max(asked.optimizer.warmup_steps, asked.steps - last)


def learning_rate(step: int, asked: Config) -> float:
    """Return the learning rate of the update after batch `step` (from 0).

    A straight line up over the warmup; `cosine`: down to the floor by the last phase's start, `wsd`: level
    (Hu et al. 2024, MiniCPM); a straight line to zero by its end.
    """
    peak, warmup = asked.optimizer.learning_rate, asked.optimizer.warmup_steps
    anneal, level = anneal_start(asked), asked.optimizer.schedule == "wsd"
    floor = 1.0 if level else asked.optimizer.cosine_floor_fraction
    if step < warmup:
        return peak * (step + 1) / warmup
    if step < anneal:
        return peak * _cosine((step - warmup) / (anneal - warmup), floor)
    start = _cosine(1.0, floor) if anneal > warmup else 1.0
    return peak * start * (asked.steps - step) / max(asked.steps - anneal, 1)


def _cosine(done: float, floor: float) -> float:
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))


def clip(model: nn.Module, limit: float) -> float:
    """Scale the gradients down to the global norm `limit` (0: leave them) and return the norm before.

    The weights have not moved yet: a caller stops on a norm that is not finite.
    """
    norm = torch.nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
    if limit:
        torch.nn.utils.clip_grads_with_norm_(model.parameters(), limit, norm)
    return float(norm.full_tensor() if isinstance(norm, DTensor) else norm)
