"""What `bench_train` measures on one GPU; written against torch 2.13 and one H200."""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from training.data.segment import documents_bound, segments
from training.model import attend, document_mask, token_losses
from training.optim import make_optimizer
from training.parallel import Ranks, build, process_group
from training.report.speed import peak_flops
from training.settings import AdamWConfig, Config, ModelConfig, Phase, sizes
from training.step import learn

VOCAB, WARM, STEPS = 50_304, 4, 8
MEASURED_FROM = 5  # the step of a whole run by which everything has been compiled and read once


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One model to be timed; what it must reach on an H200, where a bar is known (0: none is).

    MFU is that of a run's metrics: the FLOPs of `sizes.flops_per_token` (looking up an embedding is no product, and what
    `recompute` does again is not counted), of the dense bfloat16 peak. Where the lookup is counted as one, as in
    6 x parameters, 10,500 tokens/s of 8b are 58.0 %; here they are 54.6 %, and 57.8 % are 11,106 tokens/s.
    """

    model: ModelConfig
    row_tokens: int = 2048
    rows: int
    micro_rows: int = 0
    recompute: str = "none"
    vocab: int = VOCAB
    least_tokens_per_s: float = 0
    least_mfu: float = 0


CASES: Mapping[str, Case] = {
    "125m": Case(model=ModelConfig(**sizes.SHAPES["125m"]), rows=16),
    "350m": Case(model=ModelConfig(**sizes.SHAPES["350m"]), rows=16),
    "0.8b": Case(
        model=ModelConfig(width=1536, layers=24, heads=12, kv_heads=12, hidden_width=4096), rows=8, least_tokens_per_s=65_000
    ),
    "1b": Case(model=ModelConfig(**sizes.SHAPES["1b"]), rows=8),
    "1.3b": Case(model=ModelConfig(width=2048, layers=24, heads=16, kv_heads=16), rows=8, least_tokens_per_s=46_000),
    # 8.03 B parameters, as Llama 3 8B with its vocabulary; one row at once, since weights and moments take 120 GiB.
    "8b": Case(
        model=ModelConfig(**sizes.SHAPES["8b"]), row_tokens=4096, rows=8, micro_rows=1, recompute="full", vocab=128_256,
        least_tokens_per_s=10_500, least_mfu=0.578,
    ),
}  # fmt: skip


def config(case: Case, recompute: str, *, compiled: bool) -> Config:
    """Return the run of one case."""
    return Config(
        data=("x",), out="x", phases=(Phase(name="all", steps=1, mix={"a": 1}),), batch_rows=case.rows, lanes=1,
        model=case.model, micro_rows=case.micro_rows, precision="bfloat16", recompute=recompute, compile=compiled,
        optimizer=AdamWConfig(learning_rate=1e-5),
    )  # fmt: skip


def batch(
    rows: int, row_tokens: int, device: torch.device, seed: int = 1, *, parts: int = 1, vocab: int = VOCAB
) -> SimpleNamespace:
    """Return random rows, a document every 500 tokens or so, as the loader gives them in so many micro batches."""
    random = np.random.default_rng(seed)
    tokens = random.integers(1, vocab, (rows, row_tokens))
    tokens[random.random(tokens.shape) < 0.002] = 0
    found = segments(tokens, 0)
    documents, positions = found.numbers_and_positions()
    begins = found.cumulative_lengths(parts, documents_bound(rows // parts, row_tokens))
    arrays = {
        "tokens": tokens,
        "labels": found.labels(tokens),
        "documents": documents,
        "positions": positions,
    }
    made = {
        name: torch.from_numpy(array).to(device) for name, array in {**arrays, "cu_seqlens": begins}.items()
    }
    return SimpleNamespace(**made, sources=torch.zeros(rows, dtype=torch.int64, device=device))


def numerics(device: torch.device) -> dict[str, float]:
    """Return the largest error of attention (and its gradient) and of the loss against float64, of the largest value."""
    one, found = batch(2, 1024, device), {}
    torch.manual_seed(1)
    exact = [torch.randn(2, 1024, heads, 128, device=device, dtype=torch.float64) for heads in (8, 2, 2)]
    half = [each.bfloat16().requires_grad_() for each in exact]
    exact = [each.detach().double().requires_grad_() for each in half]
    fast, slow = attend(*half, one.cu_seqlens[0]), attend(*exact, document_mask(one.documents))
    torch.manual_seed(2)
    pull = torch.randn_like(fast)
    fast.backward(pull)
    slow.backward(pull.double())
    pairs = {
        "attention": (fast, slow),
        **{f"attention gradient {n}": (a.grad, b.grad) for n, a, b in zip("qkv", half, exact, strict=True)},
    }
    logits = torch.randn(2, 1024, VOCAB, device=device, dtype=torch.bfloat16) * 4
    losses, _ = token_losses(logits, one.labels)
    truth = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1).double(), one.labels.flatten(), reduction="none"
    )
    pairs["loss"] = (losses.flatten(), truth)
    for name, (near, true) in pairs.items():
        found[f"error of {name}"] = float((near.double() - true).abs().max() / true.abs().max())
    return found


def speed(case: Case, place: Ranks, *, steps: int = STEPS, recompute: str = "") -> dict[str, float]:
    """Return tokens/s, MFU, GiB and how often was compiled or broken off, of one case."""
    asked = config(case, recompute or case.recompute, compiled=True)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    decoder = build(asked, case.vocab, place)
    optimizer = make_optimizer(decoder, asked.optimizer)
    known, began, parts = SimpleNamespace(names=["a"]), 0.0, asked.micro_batches(1)
    made = {"parts": parts, "vocab": case.vocab}
    batches = [batch(case.rows, case.row_tokens, place.device, step, **made) for step in range(WARM + steps)]
    for step, each in enumerate(batches):
        if step == WARM:
            torch.cuda.synchronize()
            began = time.perf_counter()
        learn(decoder, each, known, place, asked)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    torch.cuda.synchronize()
    per_s = steps * case.rows * case.row_tokens / (time.perf_counter() - began)
    counters = torch._dynamo.utils.counters
    flops = sizes.flops_per_token(case.model, case.vocab, case.row_tokens)
    return {
        "parameters": sum(sizes.parameters(case.model, case.vocab).values()),
        "tokens/s": per_s,
        "MFU": per_s * flops / peak_flops(place.device, "bfloat16"),
        "GiB": torch.cuda.max_memory_allocated() / (1 << 30),
        "graphs": counters["stats"]["unique_graphs"],  # two: a block and the loss
        "breaks": sum(counters["graph_break"].values()),
    }


def stalls(lines: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return what held a run up, from the lines of its metrics, without the first steps: they compile.

    `data wait`: the sum of the waits for data, of the sum of the steps' times; one long wait counts in full.
    `checkpoint stall, steps`: by how much the step after a save was longer than the median step, at least the time
    that its save is known to have blocked; the greatest, in median steps.
    """
    lines = lines[MEASURED_FROM:]
    usual_s = statistics.median(line["step_s"] for line in lines)
    blocked_s = [max(line["save_s"], line["step_s"] - usual_s) for line in lines if line["save_s"]]
    return {
        "data wait": sum(line["data_wait_s"] for line in lines) / sum(line["step_s"] for line in lines),
        "checkpoint stall, steps": max(blocked_s) / usual_s,
    }


def whole_run(folder: Path) -> dict[str, float]:
    """Return stalls of a real run of 125m (loader, checkpoint), and how soon 1b takes its first step after a resume."""
    from bench_train import publish

    publish(folder, 2048, VOCAB, 2000)
    found = {}
    for size, steps in (("125m", 60), ("1b", 12)):
        settings = {
            "size": size, "data": f"[{folder}]", "out": str(folder / size), "precision": "bfloat16", "compile": "true",
            "batch_rows": "16", "lanes": "1", "micro_rows": "8", "max_epochs": "1e9",
            "phases": f"[{{name: all, steps: {steps}, mix: {{web: 1}}}}]",
            "checkpoint.every_steps": str(steps // 2), "optimizer.warmup_steps": "2",
        }  # fmt: skip
        path = folder / f"{size}.yaml"
        path.write_text("".join(f"{key}: {value}\n" for key, value in settings.items() if "." not in key))
        dotted = [
            part for key, value in settings.items() if "." in key for part in ("--set", f"{key}={value}")
        ]
        command = [sys.executable, "-m", "training.train", str(path), *dotted]
        subprocess.run(command, check=True)
        lines = (folder / size / "metrics.jsonl").read_text().splitlines()
        found |= {f"{size} {what}": value for what, value in stalls(list(map(json.loads, lines))).items()}
        more = [*command, "--set", f"phases.0.steps={steps + 1}"]
        began = time.perf_counter()
        subprocess.run(more, check=True)
        found[f"{size} resume to the end of a first step, s"] = (
            time.perf_counter() - began
        )  # with its last checkpoint
    return found


def measure() -> tuple[dict[str, object], dict[str, tuple[float, float]]]:
    """Return figures and bars (value, least allowed); prints the table as it goes."""
    figures: dict[str, object] = {"device": torch.cuda.get_device_name()}
    bars: dict[str, tuple[float, float]] = {}
    with process_group() as place:
        errors = numerics(place.device)
        figures |= errors
        bars["errors below 2 %"] = (0.02 - max(errors.values()), 0.0)
        head = ("parameters", "tokens/s", "MFU", "GiB", "graphs", "breaks")
        print(f"{figures['device']}\n{'':8}" + "".join(f"{each:>16}" for each in head))
        for name, case in CASES.items():
            try:
                each = speed(case, place)
            except torch.OutOfMemoryError as error:
                print(f"{name}: {error}")
                each = dict.fromkeys(head, 0.0)  # its bars are missed, the others are still measured
            figures[name] = each
            cells = [
                f"{each[key]:{form}}"
                for key, form in zip(head, (",.0f", ",.0f", ".1%", ".1f", ".0f", ".0f"), strict=True)
            ]
            print(f"{name:8}" + "".join(f"{cell:>16}" for cell in cells))
            bars[f"{name} without breaks, two graphs"] = (-each["breaks"] - abs(each["graphs"] - 2), 0.0)
            for key, least in (("tokens/s", case.least_tokens_per_s), ("MFU", case.least_mfu)):
                if least:
                    bars[f"{name} {key}"] = (each[key], least)
        figures["GiB of 1b by recompute"] = {
            mode: speed(CASES["1b"], place, steps=2, recompute=mode)["GiB"]
            for mode in ("none", "selective", "full")
        }
        print(f"GiB of 1b by recompute: {figures['GiB of 1b by recompute']}")
    gc.collect()
    torch.cuda.empty_cache()
    with tempfile.TemporaryDirectory() as name:
        held = whole_run(Path(name))
    for what, value in held.items():
        print(f"{what:48}{value:>10.4f}")
    bars["loader stall below 0.5 %"] = (0.005 - held["125m data wait"], 0.0)
    bars["checkpoint stall below a step"] = (1.0 - held["1b checkpoint stall, steps"], 0.0)
    bars["1b resumes within 30 s"] = (30.0 - held["1b resume to the end of a first step, s"], 0.0)
    return figures | held, bars
