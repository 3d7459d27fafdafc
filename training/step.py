"""One step's losses and gradients, in parts that fit the memory; the same numbers whatever the parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch.distributed.fsdp import FSDPModule

from training.data.loader import Batch
from training.data.segment import IGNORED
from training.model import Decoder, token_losses
from training.optim import clip
from training.parallel import Ranks
from training.plan import Plan
from training.settings.config import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One step over all ranks, before the optimizer moves; `token_losses` is this rank's part."""

    loss: float
    source_losses: dict[str, float]
    grad_norm: float
    token_losses: torch.Tensor


@cache
def _compiled_losses() -> Callable[[torch.Tensor, torch.Tensor, float], tuple[torch.Tensor, torch.Tensor]]:
    return torch.compile(token_losses, fullgraph=True)  # the logits' float32 copies are never written


def learn(model: Decoder, batch: Batch, plan: Plan, place: Ranks, asked: Config) -> Measured:
    """Compute the losses and the clipped gradients of one batch.

    Losses are means over the tokens that count in the global batch. FSDP averages gradients over the ranks,
    whose rows may hold different numbers of such tokens, so each rank's sum is scaled by the global count.
    Gradients are summed over the micro batches in float32 and reduced over the ranks once, with the last.
    """
    counted = batch.labels != IGNORED
    total = place.sum(counted.sum(dtype=torch.float64))
    parts, taken = asked.micro_batches(place.count), []
    measure = _compiled_losses() if asked.compile else token_losses
    inputs = (batch.tokens, batch.documents, batch.positions, batch.labels)
    for number, (tokens, documents, positions, labels) in enumerate(
        zip(*(each.chunk(parts) for each in inputs), strict=True)
    ):
        if isinstance(model, FSDPModule):
            model.set_requires_gradient_sync(number + 1 == parts)
        logits = model(tokens, documents, positions, batch.cu_seqlens[number])
        losses, goals = measure(logits, labels, asked.optimizer.z_loss)
        torch.autograd.backward(goals.sum() * (place.count / total))
        taken.append(losses.detach())
        del logits, losses, goals  # the next part needs their room
    grad_norm = clip(model, asked.optimizer.clip_norm)
    token = torch.cat(taken)
    table = torch.zeros(2, len(plan.names), dtype=torch.float64, device=token.device)
    table[0].index_add_(0, batch.sources, token.sum(dim=1, dtype=torch.float64))
    table[1].index_add_(0, batch.sources, counted.sum(dim=1, dtype=torch.float64))
    sums, counts = place.sum(table).tolist()
    return Measured(
        loss=sum(sums) / sum(counts),
        source_losses={name: s / n for name, s, n in zip(plan.names, sums, counts, strict=True) if n},
        grad_norm=grad_norm,
        token_losses=token,
    )
