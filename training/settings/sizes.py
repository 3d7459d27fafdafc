"""One dial, `size`: shapes of models, exact counts of them, and what follows from a size for a run."""

from __future__ import annotations

import math
from collections.abc import Mapping

from training.settings.sections import Model

# Names are those usual for the shapes; the exact count, with the vocabulary of the shards, is always printed.
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


def hidden_width(model: Model) -> int:
    """Return the width inside the SwiGLU: 8/3 of the model's, up to a multiple of 64, unless it is given."""
    return model.hidden_width or 64 * math.ceil(model.width * 8 / 3 / 64)


def parameters(model: Model, vocab: int) -> dict[str, int]:
    """Return how many parameters each part has, over all layers; they sum to the model's.

    >>> sum(parameters(Model(width=64, layers=2, heads=4, kv_heads=2), vocab=100).values())
    105088
    """
    size = model.width // model.heads
    shared = model.width * model.kv_heads * size
    counts = {
        "embedding": vocab * model.width,
        "attention": model.layers * (2 * model.width * model.heads * size + 2 * shared),
        "feed": model.layers * 3 * model.width * hidden_width(model),
        "norms": model.layers * 2 * (model.width + size) + model.width,
    }
    return counts if model.tied else {**counts, "head": vocab * model.width}


def flops_per_token(model: Model, vocab: int, row_tokens: int) -> int:
    """Return the floating-point operations of a token's forward and backward pass: of matrix products alone.

    Six for each weight that a token is multiplied with (so not for looking up its embedding), and attention
    over the whole row, as is usual for MFU: where documents are shorter, or the mask is causal, fewer are
    done. What the backward pass computes again (`recompute`) is not counted.
    """
    count = parameters(model, vocab)
    multiplied = count["attention"] + count["feed"] + vocab * model.width
    return 6 * multiplied + 12 * model.layers * row_tokens * model.width


def learning_rate(parameters_in_blocks: int) -> float:
    """Return the peak rate: 0.0047 x (N / 108e6)^(-1/3) / 2, the rule of OLMo's ladder of models."""
    return float(f"{0.0047 * (parameters_in_blocks / 108e6) ** (-1 / 3) / 2:.2g}")


def batch_tokens(parameters_in_blocks: int) -> float:
    """Return the tokens of a batch: 327,680 x (N / 108e6)^(2/3), of the same ladder."""
    return 2048 * 160 * math.pow(parameters_in_blocks / 108e6, 2 / 3)
