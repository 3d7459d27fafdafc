"""The dial `size`: shapes of models, exact parameter counts, and settings that follow from a size."""

from __future__ import annotations

import math
from collections.abc import Mapping

from training.settings.sections import ModelConfig

# The names are the usual ones; a dry run prints the exact count, which depends on the vocabulary.
SHAPES: Mapping[str, Mapping[str, int | bool]] = {
    name: dict(zip(("width", "layers", "heads", "kv_heads", "hidden_width", "tied"), shape, strict=True))
    for name, shape in {
        "15m": (384, 10, 6, 2, 1024, True),
        "60m": (768, 10, 12, 4, 2048, True),
        "125m": (1024, 11, 16, 4, 2752, True),
        "350m": (1280, 20, 20, 5, 3456, True),
        "1b": (2048, 22, 16, 4, 5504, True),
        "3b": (3072, 28, 24, 8, 8192, True),
        "8b": (4096, 32, 32, 8, 14336, False),
    }.items()
}


def hidden_width(model: ModelConfig) -> int:
    """Return the width inside the MLP: 8/3 of the model's, rounded up to a multiple of 64, unless given."""
    return model.hidden_width or 64 * math.ceil(model.width * 8 / 3 / 64)


def parameters(model: ModelConfig, vocab: int) -> dict[str, int]:
    """Return the number of parameters of each part over all layers; their sum is the model's.

    >>> sum(parameters(ModelConfig(width=64, layers=2, heads=4, kv_heads=2), vocab=100).values())
    105088
    """
    head_dim = model.width // model.heads
    kv_width = model.kv_heads * head_dim
    counts = {
        "embedding": vocab * model.width,
        "attention": model.layers * 2 * model.width * (model.heads * head_dim + kv_width),
        "mlp": model.layers * 3 * model.width * hidden_width(model),
        "norms": model.layers * 2 * (model.width + head_dim) + model.width,
    }
    return counts if model.tied else {**counts, "head": vocab * model.width}


def flops_per_token(model: ModelConfig, vocab: int, row_tokens: int) -> int:
    """Return the floating-point operations of one token's forward and backward pass, in matrix products.

    That is six for each weight a token is multiplied with (an embedding look-up is none) and attention over
    the whole row, as is usual for MFU, although documents are shorter and the mask is causal. What the
    backward pass computes again (`recompute`) is not counted.
    """
    counts = parameters(model, vocab)
    multiplied = counts["attention"] + counts["mlp"] + vocab * model.width
    return 6 * multiplied + 12 * model.layers * row_tokens * model.width


def learning_rate(parameters_in_layers: int) -> float:
    """Return AdamW's peak rate, 0.0047 x (N / 108e6)^(-1/3) / 2: the rule of OLMo's model ladder."""
    return float(f"{0.0047 * (parameters_in_layers / 108e6) ** (-1 / 3) / 2:.2g}")


def batch_tokens(parameters_in_layers: int) -> float:
    """Return the tokens of a batch, 327,680 x (N / 108e6)^(2/3): the rule of the same ladder."""
    return 2048 * 160 * math.pow(parameters_in_layers / 108e6, 2 / 3)
