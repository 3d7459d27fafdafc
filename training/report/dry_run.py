"""What a request comes to, before anything runs: `python -m training.train CONFIG --dry-run [--ranks N]`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch

from training.data.corpus import Corpus
from training.plan.explain import columns, table
from training.report.speed import measured_flops, peak_flops
from training.settings import sizes
from training.settings.checks import Request
from training.settings.config import Config

_GIB = 1 << 30
_H200_FLOPS, _MFU = 989e12, 0.4  # dense bf16, and the share of a peak that the estimate of time assumes


def describe(request: Request, ranks: int) -> str:
    """Return pages of text: configuration, parameters, budget, epochs, memory of a rank and time."""
    config, corpus = request.config, request.corpus
    return "\n\n".join(
        [
            "\n".join(_configuration(asdict(config), request.derived)),
            _parameters(config, corpus),
            _budget(request),
            table(request.plan, config),
            _evals(request),
            _memory(config, corpus, ranks),
            _time(config, corpus, ranks),
        ]
    )


def _configuration(values: Mapping[str, Any], derived: Mapping[str, Any], where: str = "") -> list[str]:
    """Return the whole configuration as YAML, a line for each value, with what was derived marked."""
    lines = []
    for key, value in values.items():
        dotted, indent = f"{where}{key}", "  " * where.count(".")
        if isinstance(value, dict) and value and not where:
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
    lines.append(["in all", f"{total:,}", ""])
    return (
        f"{columns(lines)}\nwidth inside SwiGLU {hidden:,}, of a head "
        f"{config.model.width // config.model.heads}; {flops:,} FLOP a token"
    )


def _budget(request: Request) -> str:
    config, corpus = request.config, request.corpus
    rows = sum(source.rows for source in request.plan.sources)
    step = config.batch_rows * corpus.row_tokens
    total = config.steps * step
    count = sum(sizes.parameters(config.model, corpus.vocab).values())
    return (
        f"batch {config.batch_rows:,} rows of {corpus.row_tokens:,} = {step:,} tokens, "
        f"{config.steps:,} steps, {total:,} tokens = {total / count:.1f} a parameter"
        + (f" (budget {config.budget_tokens:,.0f})" if config.budget_tokens else "")
        + f"\nthe shards hold {rows:,} rows = {rows * corpus.row_tokens:,} tokens of these sources"
    )


def _evals(request: Request) -> str:
    asked, evals = request.config.evals, request.evals
    if not (evals.sets or evals.prompts):
        return "evals: none"
    lines = [["evals", "kind", "digest", "documents", "bytes"]]
    for each in evals.sets:
        count = len(each.answers) or len(each.unit_bytes)  # a task's document is a question
        lines.append([each.name, each.kind, each.digest, f"{count:,}", f"{sum(each.unit_bytes):,}"])
    prompts = f"{len(evals.prompts)} prompts continued by {evals.sample_tokens} tokens"
    return f"{columns(lines)}\n{prompts}; all of it every {asked.every_steps:,} steps and after the last"


def memory(config: Config, corpus: Corpus, ranks: int) -> dict[str, float]:
    """Return an estimate of a rank's bytes, by what holds them.

    Weights, gradients and both moments are float32 and sharded. Beside them: the products' copies of the two
    largest FSDP groups in use at once; where there are micro batches, all gradients whole, in float32, till
    they are reduced; the activations that the backward pass needs; and logits with their gradients.
    """
    model, size = config.model, 2 if config.precision == "bfloat16" else 4
    counts = sizes.parameters(model, corpus.vocab)
    total, vocab = sum(counts.values()), corpus.vocab * model.width
    block = (counts["attention"] + counts["feed"]) / model.layers
    parts = config.micro_batches(ranks)
    tokens = config.batch_rows // ranks // parts * corpus.row_tokens
    width, hidden = model.width, sizes.hidden_width(model)
    shared = model.kv_heads * (width // model.heads)
    kept = {
        "none": 9 * width + 5 * shared + 4 * hidden,
        "selective": 5 * width + 2 * shared,
        "full": width,
    }[config.recompute]
    passing = 2 * hidden + width  # gradients on their way
    again = 0 if config.recompute == "none" else 9 * width + 5 * shared + 4 * hidden  # one block's at a time
    return {
        "weights": 4 * total / ranks,
        "gradients": 4 * total / ranks,
        "moments": 8 * total / ranks,
        "copies for products": size * (2 * block + vocab * (1 if model.tied else 2)),
        "gradients not yet reduced": 4.0 * total if parts > 1 and ranks > 1 else size * 2 * block,
        "activations": float(size * tokens * (model.layers * kept + again + passing)),
        "logits": float(tokens * corpus.vocab * (2 * size + 8)),
    }


def _memory(config: Config, corpus: Corpus, ranks: int) -> str:
    parts = config.micro_batches(ranks)
    held = memory(config, corpus, ranks)
    lines = [["memory of a rank, GiB", ""]] + [[name, f"{each / _GIB:,.3g}"] for name, each in held.items()]
    lines.append(["in all", f"{sum(held.values()) / _GIB:,.3g}"])
    rows = config.batch_rows // ranks
    return (
        f"{columns(lines)}\n{rows} rows a rank, {rows // parts} at once (micro batches: {parts}), "
        f"recompute: {config.recompute}; an estimate, without what libraries take"
    )


def _time(config: Config, corpus: Corpus, ranks: int) -> str:
    """Return how long it takes on the devices that are usual for it, and on what is here."""
    flops = sizes.flops_per_token(config.model, corpus.vocab, corpus.row_tokens)
    total = flops * config.steps * config.batch_rows * corpus.row_tokens
    devices = [(f"{ranks} x H200 or H100 (assumed)", ranks, _H200_FLOPS)]
    if torch.cuda.is_available():
        name, here = torch.cuda.get_device_name(), torch.device("cuda")
        devices.append((f"{ranks} x {name}, as here", ranks, peak_flops(here, config.precision)))
    else:
        dtype = getattr(torch, config.precision)
        devices.append(("this CPU, all ranks on it", 1, measured_flops(torch.device("cpu"), dtype, 1024)))
    lines = [["time", "peak of one, TFLOP/s", "takes"]]
    for name, count, peak in devices:
        lines.append([name, f"{peak / 1e12:,.3g}", about(total / (peak * _MFU * count))])
    return f"{columns(lines)}\n{total:.3g} FLOP, at {100 * _MFU:.0f} % of the peak of all devices"


def about(seconds: float) -> str:
    """Return a time as people say it.

    >>> about(0.2), about(16.4), about(200), about(9000), about(400_000), about(1e10)
    ('under a second', '16 s', '3.3 min', '2.5 h', '4.6 days', '317 years')
    """
    if seconds < 1:
        return "under a second"
    for unit, unit_s, most in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48), ("days", 86_400, 365)):
        if (count := seconds / unit_s) < most:
            return f"{count:.{int(count < 10)}f} {unit}"
    return f"{seconds / 31_557_600:,.0f} years"
