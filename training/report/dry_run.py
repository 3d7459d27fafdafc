"""What a run would take, before it starts: `python -m training.train CONFIG --dry-run [--ranks N]`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch

from training.data.corpus import Corpus
from training.model import Decoder
from training.optim import state_bytes
from training.plan.explain import columns, table
from training.report.speed import measured_flops, peak_flops
from training.settings import Config, sizes
from training.settings.checks import RunSetup

_GIB = 1 << 30
_H200_FLOPS, _MFU = 989e12, 0.4  # dense bf16, and the share of the peak that the estimate of time assumes


def describe(setup: RunSetup, world_size: int) -> str:
    """Return text: configuration, parameters, budget, epochs, evals, memory of a rank and time."""
    config, corpus = setup.config, setup.corpus
    return "\n\n".join(
        [
            "\n".join(_configuration(asdict(config), setup.derived)),
            _parameters(config, corpus),
            _budget(setup),
            table(setup.plan, config),
            _evals(setup),
            _memory(config, corpus, world_size),
            _time(config, corpus, world_size),
        ]
    )


def _configuration(values: Mapping[str, Any], derived: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return the whole configuration as YAML, a line for each value, with derived values marked."""
    lines = []
    for key, value in values.items():
        dotted, indent = f"{prefix}{key}", "  " * prefix.count(".")
        if isinstance(value, dict) and value and not prefix:
            lines += [f"{key}:", *_configuration(value, derived, f"{dotted}.")]
        elif key == "phases":
            lines.append("phases:")
            for number, phase in enumerate(value):
                mark = "  # steps derived" if f"phases.{number}.steps" in derived else ""
                lines.append(f"  - {_plain(phase)}{mark}")
        else:
            lines.append(f"{indent}{key}: {_plain(value)}{'  # derived' if dotted in derived else ''}")
    return lines


def _plain(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value)


def _parameters(config: Config, corpus: Corpus) -> str:
    counts = sizes.parameters(config.model, corpus.vocab)
    total, hidden = sum(counts.values()), sizes.hidden_width(config.model)
    flops = sizes.flops_per_token(config.model, corpus.vocab, corpus.row_tokens)
    lines = [["parameters", "", "share"]]
    lines += [[name, f"{n:,}", f"{100 * n / total:.1f} %"] for name, n in counts.items()]
    lines.append(["total", f"{total:,}", ""])
    return (
        f"{columns(lines)}\nwidth inside the MLP {hidden:,}, of a head "
        f"{config.model.width // config.model.heads}; {flops:,} FLOP a token"
    )


def _budget(setup: RunSetup) -> str:
    config, corpus = setup.config, setup.corpus
    rows = sum(source.rows for source in setup.plan.sources)
    step = config.batch_rows * corpus.row_tokens
    total = config.steps * step
    count = sum(sizes.parameters(config.model, corpus.vocab).values())
    return (
        f"batch {config.batch_rows:,} rows of {corpus.row_tokens:,} = {step:,} tokens, "
        f"{config.steps:,} steps, {total:,} tokens = {total / count:.1f} a parameter"
        + (f" (budget {config.budget_tokens:,.0f})" if config.budget_tokens else "")
        + f"\nthe shards hold {rows:,} rows = {rows * corpus.row_tokens:,} tokens of these sources"
    )


def _evals(setup: RunSetup) -> str:
    config, evals = setup.config.evals, setup.evals
    if not (evals.sets or evals.prompts):
        return "evals: none"
    lines = [["evals", "kind", "digest", "documents", "bytes"]]
    for eval_set in evals.sets:
        count = f"{len(eval_set.answers) or len(eval_set.unit_bytes):,}"  # of questions or documents
        lines.append([eval_set.name, eval_set.kind, eval_set.digest, count, f"{sum(eval_set.unit_bytes):,}"])
    prompts = f"{len(evals.prompts)} prompts continued by {evals.sample_tokens} tokens"
    return f"{columns(lines)}\n{prompts}; all of it every {config.every_steps:,} steps and after the last"


def memory(config: Config, corpus: Corpus, world_size: int) -> dict[str, float]:
    """Return an estimate of a rank's bytes by use.

    Weights, gradients and the optimizer's state are float32 and sharded. Further: the copies for products of
    the two largest FSDP groups in use at once; with micro batches, all gradients unsharded in float32 until
    they are reduced; the activations that the backward pass needs; and logits with their gradients.
    """
    model, size = config.model, 2 if config.precision == "bfloat16" else 4
    counts = sizes.parameters(model, corpus.vocab)
    total, vocab = sum(counts.values()), corpus.vocab * model.width
    layer = (counts["attention"] + counts["mlp"]) / model.layers
    parts = config.micro_batches(world_size)
    tokens = config.batch_rows // world_size // parts * corpus.row_tokens
    width, hidden = model.width, sizes.hidden_width(model)
    kv_width = model.kv_heads * (width // model.heads)
    kept = {
        "none": 9 * width + 5 * kv_width + 4 * hidden,
        "selective": 5 * width + 2 * kv_width,
        "full": width,
    }[config.recompute]
    passing = 2 * hidden + width  # gradients between layers
    recomputed = 0 if config.recompute == "none" else 9 * width + 5 * kv_width + 4 * hidden  # of one layer
    with torch.device("meta"):
        decoder = Decoder(model, corpus.vocab)
    return {
        "weights": 4 * total / world_size,
        "gradients": 4 * total / world_size,
        "optimizer state": state_bytes(decoder, config.optimizer) / world_size,
        "copies for products": size * (2 * layer + vocab * (1 if model.tied else 2)),
        "gradients not yet reduced": 4.0 * total if parts > 1 and world_size > 1 else size * 2 * layer,
        "activations": float(size * tokens * (model.layers * kept + recomputed + passing)),
        "logits": float(tokens * corpus.vocab * (2 * size + 8)),
    }


def _memory(config: Config, corpus: Corpus, world_size: int) -> str:
    parts = config.micro_batches(world_size)
    uses = memory(config, corpus, world_size)
    lines = [["memory of a rank, GiB", ""]] + [[name, f"{size / _GIB:,.3g}"] for name, size in uses.items()]
    lines.append(["total", f"{sum(uses.values()) / _GIB:,.3g}"])
    rows = config.batch_rows // world_size
    return (
        f"{columns(lines)}\n{rows} rows a rank, {rows // parts} at once (micro batches: {parts}), "
        f"recompute: {config.recompute}; an estimate, without the memory of libraries"
    )


def _time(config: Config, corpus: Corpus, world_size: int) -> str:
    """Return how long the run would take on usual devices, and on those of this machine."""
    flops = sizes.flops_per_token(config.model, corpus.vocab, corpus.row_tokens)
    total = flops * config.steps * config.batch_rows * corpus.row_tokens
    devices = [(f"{world_size} x H200 or H100 (assumed)", world_size, _H200_FLOPS)]
    if torch.cuda.is_available():
        name, peak = torch.cuda.get_device_name(), peak_flops(torch.device("cuda"), config.precision)
        devices.append((f"{world_size} x {name}, as here", world_size, peak))
    else:
        dtype = getattr(torch, config.precision)
        devices.append(("this CPU, all ranks on it", 1, measured_flops(torch.device("cpu"), dtype, 1024)))
    lines = [["time", "peak of one, TFLOP/s", "takes"]]
    for name, count, peak in devices:
        lines.append([name, f"{peak / 1e12:,.3g}", about(total / (peak * _MFU * count))])
    return f"{columns(lines)}\n{total:.3g} FLOP, at {100 * _MFU:.0f} % of the peak of all devices"


def about(seconds: float) -> str:
    """Return a duration in a suitable unit.

    >>> about(0.2), about(16.4), about(200), about(9000), about(400_000), about(1e10)
    ('under a second', '16 s', '3.3 min', '2.5 h', '4.6 days', '317 years')
    """
    if seconds < 1:
        return "under a second"
    for unit, unit_s, limit in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48), ("days", 86_400, 365)):
        if (count := seconds / unit_s) < limit:
            return f"{count:.{int(count < 10)}f} {unit}"
    return f"{seconds / 31_557_600:,.0f} years"
