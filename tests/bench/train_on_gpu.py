"""What `bench_train` measures on one GPU; written against torch 2.13 and one H200."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from training import sizes
from training.config import Config, Model, Optimizer, Phase
from training.data.loader import cumulative_lengths, documents_bound, segment, shift
from training.model import attend, block_mask, token_losses
from training.optim import make_optimizer
from training.parallel import Ranks, build, ranks
from training.report.speed import peak_flops
from training.step import learn

VOCAB, WARM, STEPS = 50_304, 4, 8
# name -> (shape, row length, rows at once, recompute, least tokens/s on an H200; 0: no bar is known)
CASES: Mapping[str, tuple[Model, int, int, str, float]] = {
    "125m": (Model(**sizes.SHAPES["125m"]), 2048, 16, "none", 0),
    "350m": (Model(**sizes.SHAPES["350m"]), 2048, 16, "none", 0),
    "0.8b": (Model(width=1536, layers=24, heads=12, kv_heads=12, hidden_width=4096), 2048, 8, "none", 65_000),
    "1b": (Model(**sizes.SHAPES["1b"]), 2048, 8, "none", 0),
    "1.3b": (Model(width=2048, layers=24, heads=16, kv_heads=16), 2048, 8, "none", 46_000),
    "8b": (Model(**sizes.SHAPES["8b"]), 4096, 2, "full", 10_500),
}


def config(model: Model, rows: int, recompute: str, *, compiled: bool) -> Config:
    """Return the run of one case."""
    return Config(
        data=("x",), out="x", phases=(Phase(name="all", steps=1, mix={"a": 1}),), batch_rows=rows, lanes=1,
        model=model, precision="bfloat16", recompute=recompute, compile=compiled, optimizer=Optimizer(learning_rate=1e-5),
    )  # fmt: skip


def batch(rows: int, row_tokens: int, device: torch.device, seed: int = 1) -> SimpleNamespace:
    """Return random rows, a document every 500 tokens or so, as the loader gives them."""
    random = np.random.default_rng(seed)
    tokens = random.integers(1, VOCAB, (rows, row_tokens))
    tokens[random.random(tokens.shape) < 0.002] = 0
    documents, positions = segment(tokens, 0)
    begins = cumulative_lengths(positions, documents_bound(rows, row_tokens))[None]
    arrays = {"tokens": tokens, "labels": shift(tokens, 0), "documents": documents, "positions": positions}
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
    fast, slow = attend(*half, one.cu_seqlens[0]), attend(*exact, block_mask(one.documents))
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


def speed(name: str, place: Ranks, *, steps: int = STEPS, recompute: str = "") -> dict[str, float]:
    """Return tokens/s, MFU, GiB and how often was compiled or broken off, of one case."""
    model, row_tokens, rows, mode, _ = CASES[name]
    asked = config(model, rows, recompute or mode, compiled=True)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    decoder = build(asked, VOCAB, place)
    optimizer = make_optimizer(decoder, asked.optimizer)
    known, began = SimpleNamespace(names=["a"]), 0.0
    batches = [batch(rows, row_tokens, place.device, step) for step in range(WARM + steps)]
    for step, each in enumerate(batches):
        if step == WARM:
            torch.cuda.synchronize()
            began = time.perf_counter()
        learn(decoder, each, known, place, asked)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    torch.cuda.synchronize()
    per_s = steps * rows * row_tokens / (time.perf_counter() - began)
    counters = torch._dynamo.utils.counters
    flops = sizes.flops_per_token(model, VOCAB, row_tokens)
    return {
        "tokens/s": per_s,
        "MFU": per_s * flops / peak_flops(place.device, "bfloat16"),
        "GiB": torch.cuda.max_memory_allocated() / (1 << 30),
        "graphs": counters["stats"]["unique_graphs"],  # two: a block and the loss
        "breaks": sum(counters["graph_break"].values()),
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
        lines = [json.loads(line) for line in (folder / size / "metrics.jsonl").read_text().splitlines()][5:]
        took = sorted(line["step_s"] for line in lines)[len(lines) // 2]
        found[f"{size} data wait of a step"] = (
            sorted(line["data_wait_s"] for line in lines)[len(lines) // 2] / took
        )
        found[f"{size} checkpoint stall, steps"] = max(line["save_s"] for line in lines[:-1]) / took
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
    with ranks() as place:
        errors = numerics(place.device)
        figures |= errors
        bars["errors below 2 %"] = (0.02 - max(errors.values()), 0.0)
        print(f"{figures['device']}\n{'':8}{'tokens/s':>12}{'MFU':>8}{'GiB':>8}{'graphs':>8}{'breaks':>8}")
        for name, case in CASES.items():
            each = speed(name, place)
            figures[name] = each
            print(
                f"{name:8}{each['tokens/s']:>12,.0f}{each['MFU']:>8.1%}{each['GiB']:>8.1f}{each['graphs']:>8}{each['breaks']:>8}"
            )
            bars[f"{name} without breaks, two graphs"] = (-each["breaks"] - abs(each["graphs"] - 2), 0.0)
            if case[-1]:
                bars[f"{name} tokens/s"] = (each["tokens/s"], case[-1])
        figures["GiB of 1b by recompute"] = {
            mode: speed("1b", place, steps=2, recompute=mode)["GiB"] for mode in ("none", "selective", "full")
        }
        print(f"GiB of 1b by recompute: {figures['GiB of 1b by recompute']}")
    gc.collect()
    torch.cuda.empty_cache()
    with tempfile.TemporaryDirectory() as name:
        stalls = whole_run(Path(name))
    for what, value in stalls.items():
        print(f"{what:48}{value:>10.4f}")
    bars["loader stall below 0.5 %"] = (0.005 - stalls["125m data wait of a step"], 0.0)
    bars["checkpoint stall below a step"] = (1.0 - stalls["1b checkpoint stall, steps"], 0.0)
    bars["1b resumes within 30 s"] = (30.0 - stalls["1b resume to the end of a first step, s"], 0.0)
    return figures | stalls, bars
