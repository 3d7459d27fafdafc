"""A decoder: RMSNorm before each part, rotary positions, grouped queries with QK-norm, SwiGLU.

Attention never looks across documents: a token sees the tokens before it of its own document in its row.
"""

from __future__ import annotations

import hashlib
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from training import config

_STD = 0.02


def hidden_width(model: config.Model) -> int:
    """Return the width inside the SwiGLU: 8/3 of the model's, up to a multiple of 64, unless it is given."""
    return model.hidden_width or 64 * math.ceil(model.width * 8 / 3 / 64)


def rotate(x: Tensor, positions: Tensor, base: float) -> Tensor:
    """Return (rows, heads, tokens, size) with pairs of numbers turned by their position (Su et al. 2021)."""
    half = x.shape[-1] // 2
    speeds = base ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angles = positions[:, None, :, None].float() * speeds
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    left, right = x[..., :half], x[..., half:]
    return torch.cat([left * cos - right * sin, right * cos + left * sin], dim=-1)


def block_mask(documents: Tensor) -> Tensor:
    """Return (rows, 1, tokens, tokens), true where a token may look: backwards, within its own document."""
    tokens = documents.shape[1]
    causal = torch.ones(tokens, tokens, dtype=torch.bool, device=documents.device).tril()
    return ((documents[:, :, None] == documents[:, None, :]) & causal)[:, None]


class Attention(nn.Module):
    """Grouped-query attention (Ainslie et al. 2023); queries and keys are normed before they are turned."""

    def __init__(self, model: config.Model) -> None:
        super().__init__()
        size = model.width // model.heads
        self.heads, self.kv_heads, self.base = model.heads, model.kv_heads, model.rope_base
        self.query = nn.Linear(model.width, model.heads * size, bias=False)
        self.key = nn.Linear(model.width, model.kv_heads * size, bias=False)
        self.value = nn.Linear(model.width, model.kv_heads * size, bias=False)
        self.out = nn.Linear(model.heads * size, model.width, bias=False)
        self.query_norm, self.key_norm = nn.RMSNorm(size, eps=1e-6), nn.RMSNorm(size, eps=1e-6)

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """Return (rows, tokens, width)."""
        rows, tokens, _ = x.shape
        query = self.query(x).view(rows, tokens, self.heads, -1).transpose(1, 2)
        key = self.key(x).view(rows, tokens, self.kv_heads, -1).transpose(1, 2)
        value = self.value(x).view(rows, tokens, self.kv_heads, -1).transpose(1, 2)
        query = rotate(self.query_norm(query), positions, self.base)
        key = rotate(self.key_norm(key), positions, self.base)
        groups = self.heads // self.kv_heads
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(rows, tokens, -1))
        return out


class SwiGLU(nn.Module):
    """The gated part of a block (Shazeer 2020)."""

    def __init__(self, model: config.Model) -> None:
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

    def __init__(self, model: config.Model) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(model.width, eps=1e-6)
        self.attention = Attention(model)
        self.feed_norm = nn.RMSNorm(model.width, eps=1e-6)
        self.feed = SwiGLU(model)

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """Return (rows, tokens, width)."""
        x = x + self.attention(self.attention_norm(x), positions, mask)
        out: Tensor = x + self.feed(self.feed_norm(x))
        return out


class Decoder(nn.Module):
    """Tokens to the logits of the next token."""

    def __init__(self, model: config.Model, vocab: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab, model.width)
        self.blocks = nn.ModuleList(Block(model) for _ in range(model.layers))
        self.norm = nn.RMSNorm(model.width, eps=1e-6)
        self.head = None if model.tied else nn.Linear(model.width, vocab, bias=False)

    def forward(self, tokens: Tensor, documents: Tensor, positions: Tensor) -> Tensor:
        """Return (rows, tokens, vocab)."""
        mask = block_mask(documents)
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, positions, mask)
        x = self.norm(x)
        return F.linear(x, self.embedding.weight) if self.head is None else self.head(x)


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
