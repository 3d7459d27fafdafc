"""A decoder: RMSNorm before each part, rotary positions, grouped queries with QK-norm, SwiGLU.

Attention never looks across documents: a token sees the tokens before it of its own document in its row.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.attention.varlen import varlen_attn

from training.data.segment import IGNORED
from training.settings.sections import Model
from training.settings.sizes import hidden_width

_STD = 0.02
_HALF = (torch.bfloat16, torch.float16)  # what flash attention takes


def turns(positions: Tensor, size: int, base: float) -> Tensor:
    """Return (2, rows, tokens, 1, size / 2): cosine and sine of how far each pair of numbers is turned."""
    half = size // 2
    speeds = base ** (-torch.arange(half, device=positions.device, dtype=torch.float32) / half)
    angles = positions[:, :, None, None].float() * speeds
    return torch.stack([angles.cos(), angles.sin()])


def rotate(x: Tensor, turned: Tensor) -> Tensor:
    """Return (rows, tokens, heads, size) with pairs of numbers turned by their position (Su et al. 2021).

    Products are taken in float32 or better, whatever the numbers are stored in.
    """
    cos, sin = turned
    left, right = x.chunk(2, dim=-1)
    return torch.cat([left * cos - right * sin, right * cos + left * sin], dim=-1).type_as(x)


def block_mask(documents: Tensor) -> Tensor:
    """Return (rows, 1, tokens, tokens), true where a token may look: backwards, within its own document."""
    tokens = documents.shape[1]
    causal = torch.ones(tokens, tokens, dtype=torch.bool, device=documents.device).tril()
    return ((documents[:, :, None] == documents[:, None, :]) & causal)[:, None]


def attend(query: Tensor, key: Tensor, value: Tensor, seen: Tensor) -> Tensor:
    """Return (rows, tokens, heads, size), each token's mix of what it may see.

    `seen` is a mask as `block_mask` makes it, or (int32, one dimension) where documents begin in the rows
    laid end to end: flash attention of varying lengths, on a GPU in half precision.
    """
    tokens, heads = query.shape[1:3]
    if seen.dim() == 1:
        flat = (part.flatten(0, 1) for part in (query, key, value))
        mixed = varlen_attn(*flat, seen, seen, tokens, tokens, window_size=(-1, 0), enable_gqa=True)  # type: ignore[misc, arg-type]
        return cast(Tensor, mixed).view_as(query)
    groups = heads // key.shape[2]
    key, value = (part.repeat_interleave(groups, dim=2).transpose(1, 2) for part in (key, value))
    mixed = F.scaled_dot_product_attention(query.transpose(1, 2), key, value, attn_mask=seen)
    return mixed.transpose(1, 2)


class Attention(nn.Module):
    """Grouped-query attention (Ainslie et al. 2023); queries and keys are normed before they are turned."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.size = model.width // model.heads
        self.query = nn.Linear(model.width, model.heads * self.size, bias=False)
        self.key = nn.Linear(model.width, model.kv_heads * self.size, bias=False)
        self.value = nn.Linear(model.width, model.kv_heads * self.size, bias=False)
        self.out = nn.Linear(model.heads * self.size, model.width, bias=False)
        self.query_norm, self.key_norm = nn.RMSNorm(self.size, eps=1e-6), nn.RMSNorm(self.size, eps=1e-6)

    def forward(self, x: Tensor, turned: Tensor, seen: Tensor) -> Tensor:
        """Return (rows, tokens, width)."""
        query, key, value = (
            layer(x).unflatten(-1, (-1, self.size)) for layer in (self.query, self.key, self.value)
        )
        query, key = rotate(self.query_norm(query), turned), rotate(self.key_norm(key), turned)
        out: Tensor = self.out(attend(query, key, value, seen).flatten(-2))
        return out


class SwiGLU(nn.Module):
    """The gated part of a block (Shazeer 2020)."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        hidden = hidden_width(model)
        self.gate = nn.Linear(model.width, hidden, bias=False)
        self.up = nn.Linear(model.width, hidden, bias=False)
        self.down = nn.Linear(hidden, model.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (rows, tokens, width)."""
        out: Tensor = self.down(F.silu(self.gate(x)) * self.up(x))
        return out


class Block(nn.Module):
    """Attention, then SwiGLU, each added to what came in."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(model.width, eps=1e-6)
        self.attention = Attention(model)
        self.feed_norm = nn.RMSNorm(model.width, eps=1e-6)
        self.feed = SwiGLU(model)
        self.compute: Callable[[Tensor, Tensor, Tensor], Tensor] = self.plainly

    def forward(self, x: Tensor, turned: Tensor, seen: Tensor) -> Tensor:
        """Return (rows, tokens, width), by `compute`: plainly, or recomputed or compiled (see `parallel`)."""
        return self.compute(x, turned, seen)

    def plainly(self, x: Tensor, turned: Tensor, seen: Tensor) -> Tensor:
        """Return (rows, tokens, width)."""
        x = x + self.attention(self.attention_norm(x), turned, seen)
        out: Tensor = x + self.feed(self.feed_norm(x))
        return out


class Decoder(nn.Module):
    """Tokens to the logits of the next token."""

    def __init__(self, model: Model, vocab: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab, model.width)
        self.blocks = nn.ModuleList(Block(model) for _ in range(model.layers))
        self.norm = nn.RMSNorm(model.width, eps=1e-6)
        self.head = None if model.tied else nn.Linear(model.width, vocab, bias=False)
        self._size, self._base = model.width // model.heads, model.rope_base

    def forward(
        self, tokens: Tensor, documents: Tensor, positions: Tensor, cu_seqlens: Tensor | None = None
    ) -> Tensor:
        """Return (rows, tokens, vocab).

        `cu_seqlens` is where documents begin in the rows laid end to end, int32, padded with their length to
        one number of entries for all batches (so that nothing is compiled twice). It is used where flash
        attention is; elsewhere the same follows from `documents`.
        """
        x = self.embedding(tokens)
        fast = cu_seqlens is not None and x.is_cuda and x.dtype in _HALF and not self._size % 8
        seen = cu_seqlens if fast and cu_seqlens is not None else block_mask(documents)
        turned = turns(positions, self._size, self._base)
        for block in self.blocks:
            x = block(x, turned, seen)
        x = self.norm(x)
        return F.linear(x, self.embedding.weight) if self.head is None else self.head(x)


def token_losses(logits: Tensor, labels: Tensor, z: float = 0.0) -> tuple[Tensor, Tensor]:
    """Return (rows, tokens) float32 twice: cross-entropy in nats, and that with the z-loss, to be minimized.

    The z-loss, `z` x log(sum of exp)^2, keeps logits from drifting (Chowdhery et al. 2022, section 5). Both
    are 0 where the label is `IGNORED`.
    """
    flat = logits.flatten(0, 1).float()
    losses = F.cross_entropy(flat, labels.flatten(), ignore_index=IGNORED, reduction="none").view_as(labels)
    if not z:
        return losses, losses
    drift = flat.logsumexp(dim=-1).square().view_as(labels) * (labels != IGNORED)
    return losses, losses + z * drift


@torch.no_grad()
def initialize(model: Decoder, seed: int) -> None:
    """Set every weight, from the seed and the parameter's name alone, whatever the number of ranks.

    Normal with a deviation of 0.02, of the parts that add to the stream divided by the square root of how
    many they are (Radford et al. 2019, section 2.3); norms are 1. Each rank makes one whole parameter at a
    time and keeps its own part.
    """
    added = math.sqrt(2 * len(model.blocks))
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            parameter.fill_(1.0)
            continue
        digest = hashlib.blake2b(f"{seed}\x1f{name}".encode(), digest_size=8).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
        std = _STD / added if name.endswith(("attention.out.weight", "feed.down.weight")) else _STD
        whole = torch.empty(parameter.shape).normal_(0.0, std, generator=generator)
        if isinstance(parameter, DTensor):
            whole = whole.to(parameter.device_mesh.device_type)
            local = distribute_tensor(whole, parameter.device_mesh, parameter.placements, src_data_rank=None)
            parameter.to_local().copy_(local.to_local())
        else:
            parameter.copy_(whole)
