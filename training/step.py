"""The losses and gradients of one step, the same in however many micro batches it is computed."""

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
from training.settings import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """One step over all ranks, before the optimizer moves; `token_losses` are those of this rank's rows."""

    loss: float
    source_losses: dict[str, float]
    grad_norm: float
    token_losses: torch.Tensor


@cache
def _compiled_losses() -> Callable[[torch.Tensor, torch.Tensor, float], tuple[torch.Tensor, torch.Tensor]]:
    return torch.compile(token_losses, fullgraph=True)  # the logits' float32 copies are never written


def learn(model: Decoder, batch: Batch, plan: Plan, ranks: Ranks, config: Config) -> StepResult:
    """Compute the losses and the clipped gradients of one batch.

    Losses are means over the tokens of the global batch that have a label. FSDP averages gradients over the
    ranks, whose rows may hold different numbers of such tokens, so each rank's sum is scaled by the global
    count. Gradients are summed over the micro batches in float32 and reduced once, with the last of them.
    """
    has_label = batch.labels != IGNORED
    total = ranks.sum(has_label.sum(dtype=torch.float64))
    parts, parts_losses = config.micro_batches(ranks.world_size), []
    loss_function = _compiled_losses() if config.compile else token_losses
    inputs = (batch.tokens, batch.documents, batch.positions, batch.labels)
    for number, (tokens, documents, positions, labels) in enumerate(
        zip(*(tensor.chunk(parts) for tensor in inputs), strict=True)
    ):
        if isinstance(model, FSDPModule):
            model.set_requires_gradient_sync(number + 1 == parts)
        logits = model(tokens, documents, positions, batch.cu_seqlens[number])
        losses, objective = loss_function(logits, labels, config.optimizer.z_loss)
        torch.autograd.backward(objective.sum() * (ranks.world_size / total))
        parts_losses.append(losses.detach())
        del logits, losses, objective  # the next part needs their memory
    grad_norm = clip(model, config.optimizer.clip_norm)
    per_token = torch.cat(parts_losses)
    table = torch.zeros(2, len(plan.names), dtype=torch.float64, device=per_token.device)
    table[0].index_add_(0, batch.sources, per_token.sum(dim=1, dtype=torch.float64))
    table[1].index_add_(0, batch.sources, has_label.sum(dim=1, dtype=torch.float64))
    sums, counts = ranks.sum(table).tolist()
    return StepResult(
        loss=sum(sums) / sum(counts),
        source_losses={name: s / n for name, s, n in zip(plan.names, sums, counts, strict=True) if n},
        grad_norm=grad_norm,
        token_losses=per_token,
    )
