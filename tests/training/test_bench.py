"""What the bench on a GPU judges by: the figures of a run's metrics, and the models that the bars mean."""

import importlib.util
import sys

import pytest
import torch

from training.settings import sizes


@pytest.fixture(scope="module")
def bench(root):
    spec = importlib.util.spec_from_file_location("train_on_gpu", root / "benchmarks/train_on_gpu.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["train_on_gpu"] = module  # dataclasses look their module up while it is being made
    spec.loader.exec_module(module)
    return module


def line(step_s=1.0, data_wait_s=0.0, save_s=0.0):
    return {"step_s": step_s, "data_wait_s": data_wait_s, "save_s": save_s}


def test_a_stall_counts_in_full_and_steps_that_compile_do_not(bench):
    compiling = [line(step_s=60.0, data_wait_s=30.0)] * bench.MEASURED_FROM
    held = bench.stalls([*compiling, *[line()] * 80, line(step_s=20.0, data_wait_s=10.0), line(save_s=0.25)])
    assert held == {"data wait": 10.0 / 101.0, "checkpoint stall, steps": 0.25}
    behind = bench.stalls([*compiling, *[line()] * 80, line(step_s=1.75, save_s=0.25)])
    assert behind["checkpoint stall, steps"] == 0.75  # what a save took from a step without blocking it


@pytest.mark.parametrize(("name", "parameters"), [("0.8b", 0.757e9), ("1.3b", 1.317e9), ("8b", 8.030e9)])
def test_the_models_of_the_bars_are_as_large_as_their_names_say(bench, name, parameters):
    case = bench.CASES[name]
    assert sum(sizes.parameters(case.model, case.vocab).values()) == pytest.approx(parameters, rel=1e-3)


def test_mfu_is_judged_by_the_definition_of_a_runs_metrics(bench):
    case, peak = bench.CASES["8b"], 989e12
    flops = sizes.flops_per_token(case.model, case.vocab, case.row_tokens)
    assert (case.least_tokens_per_s, case.least_mfu) == (10_500, 0.578)
    assert 10_500 * flops / peak == pytest.approx(0.546, abs=5e-4)
    looked_up = 6 * case.vocab * case.model.width
    assert 10_500 * (flops + looked_up) / peak == pytest.approx(0.580, abs=5e-4)


def test_a_batch_is_cut_as_a_run_cuts_it(bench):
    whole, cut = (bench.batch(4, 512, torch.device("cpu"), parts=parts) for parts in (1, 4))
    assert (len(whole.cu_seqlens), len(cut.cu_seqlens)) == (1, 4)
    starts = [begins[begins < 512] + 512 * part for part, begins in enumerate(cut.cu_seqlens)]
    assert torch.equal(torch.cat(starts), whole.cu_seqlens[0][whole.cu_seqlens[0] < 2048])
