"""Optimizers as values; to add one, write an `Optimizer` and list it in `OPTIMIZERS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from training.settings.sections import AdamWConfig, OptimizerConfig

Group = dict[str, Any]  # of torch: `params` and their options


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimizer:
    """One optimizer, as a configuration names it: `optimizer: {name: adamw, ...}`.

    Attributes:
        name: the name in a configuration.
        config: its settings: those that every optimizer has, and its own.
        groups: (model, settings) -> its parameter groups. The learning rate of a group is the schedule's
            times its `lr_scale` (1 where it has none).
        make: (groups, settings) -> torch's optimizer over them.
        state: (parameter, its group) -> the parameter's state before the first step, by torch's names. It is
            set from the start: torch fills a missing state by a step with zero gradients, which AdamW's bias
            correction would count. Its size is what a dry run prices.
    """

    name: str
    config: type[OptimizerConfig]
    groups: Callable[[nn.Module, Any], list[Group]]
    make: Callable[[list[Group], Any], torch.optim.Optimizer]
    state: Callable[[Tensor, Group], dict[str, Tensor]]


def decayed_groups(model: nn.Module, config: Any) -> list[Group]:
    """Return two groups: matrices with `weight_decay`, then embeddings and norms without."""
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        is_free = parameter.dim() == 1 or name.startswith("embed_tokens.")
        (free if is_free else decayed).append(parameter)
    return [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]


def _adamw(groups: list[Group], config: AdamWConfig) -> torch.optim.Optimizer:
    betas = (config.beta1, config.beta2)
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=betas, eps=1e-8, fused=True)


def _adamw_state(parameter: Tensor, group: Group) -> dict[str, Tensor]:
    moments = {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
    return {"step": torch.zeros((), device=parameter.device), **moments}


ADAMW = Optimizer(name="adamw", config=AdamWConfig, groups=decayed_groups, make=_adamw, state=_adamw_state)
OPTIMIZERS = {optimizer.name: optimizer for optimizer in (ADAMW,)}


def make_optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """Return the optimizer that the settings name, over the model's parameters."""
    chosen = OPTIMIZERS[config.name]
    groups = [{"lr_scale": 1.0, **group} for group in chosen.groups(model, config)]
    optimizer = chosen.make(groups, config)
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            optimizer.state[parameter] = chosen.state(parameter, group)
    return optimizer


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group the schedule's rate, scaled as the group asks."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["lr_scale"]


def state_bytes(model: nn.Module, config: OptimizerConfig) -> int:
    """Return the bytes of the optimizer's state over the whole model, which may be on the meta device."""
    chosen = OPTIMIZERS[config.name]
    return sum(
        tensor.nbytes
        for group in chosen.groups(model, config)
        for parameter in group["params"]
        for tensor in chosen.state(parameter, group).values()
    )


def clip(model: nn.Module, limit: float) -> float:
    """Scale the gradients down to the global norm `limit` (0: leave them) and return the norm before.

    The weights have not moved yet: a caller stops on a norm that is not finite.
    """
    norm = torch.nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
    if limit:
        torch.nn.utils.clip_grads_with_norm_(model.parameters(), limit, norm)
    return float(norm.full_tensor() if isinstance(norm, DTensor) else norm)
