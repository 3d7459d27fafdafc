"""A decoder: RMSNorm before each part, rotary positions, grouped queries with QK-norm, a gated MLP.

The architecture is Qwen3's, with the module names it has in transformers. Attention never crosses documents:
a token attends to itself and the tokens before it in its own document and row.
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
from training.settings.sections import ModelConfig
from training.settings.sizes import hidden_width

_STD = 0.02
_HALF = (torch.bfloat16, torch.float16)  # what flash attention takes


def rope_table(positions: Tensor, head_dim: int, base: float) -> Tensor:
    """Return (2, rows, tokens, 1, head_dim / 2): cosine and sine of each pair's angle at each position."""
    half = head_dim // 2
    frequencies = base ** (-torch.arange(half, device=positions.device, dtype=torch.float32) / half)
    angles = positions[:, :, None, None].float() * frequencies
    return torch.stack([angles.cos(), angles.sin()])


def apply_rope(x: Tensor, rope: Tensor) -> Tensor:
    """Return (rows, tokens, heads, head_dim) with each pair rotated by its position (Su et al. 2021).

    Products are taken in float32 or better, whatever `x` is stored in.
    """
    cos, sin = rope
    left, right = x.chunk(2, dim=-1)
    return torch.cat([left * cos - right * sin, right * cos + left * sin], dim=-1).type_as(x)


def document_mask(documents: Tensor) -> Tensor:
    """Return (rows, 1, tokens, tokens), true where a token may attend: backwards, within its document."""
    tokens = documents.shape[1]
    causal = torch.ones(tokens, tokens, dtype=torch.bool, device=documents.device).tril()
    return ((documents[:, :, None] == documents[:, None, :]) & causal)[:, None]


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    """Return (rows, tokens, heads, head_dim), the attention of each token.

    `mask` is made by `document_mask`, or it is `cu_seqlens` (int32, one dimension): where documents begin in
    the rows laid end to end. Then flash attention of varying lengths runs, on a GPU in half precision.
    """
    tokens, heads = query.shape[1:3]
    if mask.dim() == 1:
        flat = (part.flatten(0, 1) for part in (query, key, value))
        mixed = varlen_attn(*flat, mask, mask, tokens, tokens, window_size=(-1, 0), enable_gqa=True)  # type: ignore[misc, arg-type]
        return cast(Tensor, mixed).view_as(query)
    groups = heads // key.shape[2]
    key, value = (part.repeat_interleave(groups, dim=2).transpose(1, 2) for part in (key, value))
    mixed = F.scaled_dot_product_attention(query.transpose(1, 2), key, value, attn_mask=mask)
    return mixed.transpose(1, 2)


class Attention(nn.Module):
    """Grouped-query attention (Ainslie et al. 2023); queries and keys are normed before they are rotated."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.head_dim = config.width // config.heads
        self.q_proj = nn.Linear(config.width, config.heads * self.head_dim, bias=False)
        self.k_proj = nn.Linear(config.width, config.kv_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(config.width, config.kv_heads * self.head_dim, bias=False)
        self.o_proj = nn.Linear(config.heads * self.head_dim, config.width, bias=False)
        self.q_norm, self.k_norm = nn.RMSNorm(self.head_dim, eps=1e-6), nn.RMSNorm(self.head_dim, eps=1e-6)

    def forward(self, x: Tensor, rope: Tensor, mask: Tensor) -> Tensor:
        """Return (rows, tokens, width)."""
        query, key, value = (
            proj(x).unflatten(-1, (-1, self.head_dim)) for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        query, key = apply_rope(self.q_norm(query), rope), apply_rope(self.k_norm(key), rope)
        out: Tensor = self.o_proj(attend(query, key, value, mask).flatten(-2))
        return out


class MLP(nn.Module):
    """SwiGLU (Shazeer 2020)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        hidden = hidden_width(config)
        self.gate_proj = nn.Linear(config.width, hidden, bias=False)
        self.up_proj = nn.Linear(config.width, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, config.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (rows, tokens, width)."""
        out: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class DecoderLayer(nn.Module):
    """Attention, then the MLP, each added to its input."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(config.width, eps=1e-6)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = nn.RMSNorm(config.width, eps=1e-6)
        self.mlp = MLP(config)
        self.compute: Callable[[Tensor, Tensor, Tensor], Tensor] = self.plain_forward

    def forward(self, x: Tensor, rope: Tensor, mask: Tensor) -> Tensor:
        """Return (rows, tokens, width) by `compute`, which `parallel` may set to recompute or compile."""
        return self.compute(x, rope, mask)

    def plain_forward(self, x: Tensor, rope: Tensor, mask: Tensor) -> Tensor:
        """Return (rows, tokens, width)."""
        x = x + self.self_attn(self.input_layernorm(x), rope, mask)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Decoder(nn.Module):
    """Tokens to the logits of the next token."""

    def __init__(self, config: ModelConfig, vocab: int) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(vocab, config.width)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, eps=1e-6)
        self.lm_head = None if config.tied else nn.Linear(config.width, vocab, bias=False)
        self._head_dim, self._rope_base = config.width // config.heads, config.rope_base

    def forward(
        self, tokens: Tensor, documents: Tensor, positions: Tensor, cu_seqlens: Tensor | None = None
    ) -> Tensor:
        """Return the logits (rows, tokens, vocab).

        `cu_seqlens` is where documents begin in the rows laid end to end, int32. It is padded with the total
        length to the same number of entries for all batches, so that nothing is compiled twice. Only flash
        attention uses it; elsewhere the mask follows from `documents`.
        """
        x = self.embed_tokens(tokens)
        flash = cu_seqlens is not None and x.is_cuda and x.dtype in _HALF and not self._head_dim % 8
        mask = cu_seqlens if flash and cu_seqlens is not None else document_mask(documents)
        rope = rope_table(positions, self._head_dim, self._rope_base)
        for layer in self.layers:
            x = layer(x, rope, mask)
        x = self.norm(x)
        return F.linear(x, self.embed_tokens.weight) if self.lm_head is None else self.lm_head(x)


def token_losses(logits: Tensor, labels: Tensor, z_loss: float = 0.0) -> tuple[Tensor, Tensor]:
    """Return (rows, tokens) float32 twice: cross-entropy in nats, and that plus the z-loss, to be minimized.

    The z-loss, `z_loss` x log(sum of exp)^2, keeps logits from drifting (Chowdhery et al. 2022, section 5).
    Both are 0 where the label is `IGNORED`.
    """
    flat = logits.flatten(0, 1).float()
    losses = F.cross_entropy(flat, labels.flatten(), ignore_index=IGNORED, reduction="none").view_as(labels)
    if not z_loss:
        return losses, losses
    drift = flat.logsumexp(dim=-1).square().view_as(labels) * (labels != IGNORED)
    return losses, losses + z_loss * drift


@torch.no_grad()
def initialize(model: Decoder, seed: int) -> None:
    """Set every weight, from the seed and the parameter's name alone, on any number of ranks.

    Weights are normal with a deviation of 0.02; that of the projections that add to the residual stream is
    divided by the square root of their number (Radford et al. 2019, section 2.3). Norms are 1. Each rank
    makes one whole parameter at a time and keeps its own part.
    """
    residual = math.sqrt(2 * len(model.layers))
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            parameter.fill_(1.0)
            continue
        digest = hashlib.blake2b(f"{seed}\x1f{name}".encode(), digest_size=8).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
        std = _STD / residual if name.endswith(("o_proj.weight", "down_proj.weight")) else _STD
        whole = torch.empty(parameter.shape).normal_(0.0, std, generator=generator)
        if isinstance(parameter, DTensor):
            whole = whole.to(parameter.device_mesh.device_type)
            local = distribute_tensor(whole, parameter.device_mesh, parameter.placements, src_data_rank=None)
            parameter.to_local().copy_(local.to_local())
        else:
            parameter.copy_(whole)
