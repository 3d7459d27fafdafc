"""Checkpoints: what a kill at any moment leaves, which stay, how often they are made."""

import copy
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from training.checkpoint import CheckpointError, Checkpoints, period_s
from training.parallel import process_group
from training.settings import CheckpointConfig
from training.train import main

from .forks import but_progress, losses, metrics


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_stops(number, published, write_config, tmp_path, capsys, monkeypatch):
    from training import run

    config, learn = str(write_config()), run.learn
    assert main([config]) == 0
    whole, out = losses(tmp_path / "train"), tmp_path / "cut"

    def interrupted(model, batch, *others):
        if batch.drawn.step == 6:
            os.kill(os.getpid(), number)
        return learn(model, batch, *others)

    monkeypatch.setattr(run, "learn", interrupted)
    before = signal.getsignal(number)
    assert main([config, "--set", f"out={out}"]) == 3
    assert but_progress(capsys.readouterr().err) == (
        f"{number.name}: saved after step 7 of 14; the same command continues: {out}\n"
    )
    assert signal.getsignal(number) is before
    assert len(metrics(out)) == 7
    assert sorted(p.name for p in (out / "checkpoints").iterdir()) == ["step-00000005", "step-00000007"]
    monkeypatch.setattr(run, "learn", learn)
    assert main([config, "--set", f"out={out}"]) == 0
    assert losses(out) == whole


@pytest.mark.slow
def test_the_newest_stay_and_those_of_every_so_many_steps(published, write_config, tmp_path):
    keep = ["--set", "checkpoint={every_steps: 3, keep_count: 2, keep_every_steps: 4}"]
    assert main([str(write_config()), *keep]) == 0
    names = sorted(p.name for p in (tmp_path / "train" / "checkpoints").iterdir())
    assert names == [f"step-{n:08d}" for n in (4, 8, 12, 14)]


@pytest.mark.slow
def test_without_a_period_the_clock_decides(published, write_config, tmp_path):
    often = ["--set", "checkpoint={expected_gpu_hours_between_failures: 0.001, keep_count: 20}"]
    assert main([str(write_config()), *often]) == 0
    names = sorted(p.name for p in (tmp_path / "train" / "checkpoints").iterdir())
    assert (names[0], names[-1]) == ("step-00000010", "step-00000014")  # the first is measured


def test_a_checkpoint_of_another_version_is_refused_in_words(finished, tmp_path, capsys):
    path = tmp_path / "train" / "checkpoints" / "step-00000014" / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["version"]  # the first had none
    path.write_text(json.dumps(manifest))
    capsys.readouterr()
    assert main([finished]) == 2
    assert capsys.readouterr().err == (
        f"{path.parent}: expected a checkpoint of version 2, found version 1: finish that run with the release "
        "that wrote it, or choose another `out` and start again\n"
    )


def test_the_manifest_says_what_the_run_was(finished, tmp_path):
    folder = tmp_path / "train" / "checkpoints" / "step-00000014"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest.keys() == {
        "version",
        "step",
        "config",
        "fits",
        "plan",
        "watch",
        "evals",
        "skipped",
        "ranks",
        "files",
    }
    assert manifest["config"]["model"]["width"] == 32
    assert manifest["plan"]["state"]["step"] == 14
    assert manifest["files"].keys() == {p.name for p in folder.iterdir()} - {"manifest.json"}


def test_a_checkpoint_that_cannot_be_written_fails_the_run(
    published, write_config, tmp_path, capsys, monkeypatch
):
    from training import checkpoint

    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "digest_file", full)
    assert main([str(write_config())]) == 1
    assert but_progress(capsys.readouterr().err) == (
        f"{tmp_path / 'train' / 'checkpoints'}: a checkpoint could not be written: [Errno 28] No space left on "
        "device; make room there or choose another `out`, then run the same command again: it continues from "
        "the one before\n"
    )


def test_the_period_is_where_the_loss_of_time_is_least():
    cost, between = 20.0, 3600.0 * 5

    def lost(period):  # the share of time that saves and repeated work take, with failures at random
        return between * np.exp(cost / between) * (np.exp((period + cost) / between) - 1) / period

    tried = np.linspace(100, 3000, 3000)
    assert period_s(cost, between) == pytest.approx(tried[np.argmin([lost(t) for t in tried])], rel=0.01)
    assert period_s(50.0, 10.0) == 10.0


def test_the_clock_asks_for_a_save_by_what_the_last_one_cost(tmp_path, monkeypatch):
    with process_group() as place:
        asked, now = CheckpointConfig(expected_gpu_hours_between_failures=1.0), time.perf_counter()
        monkeypatch.setattr(time, "perf_counter", lambda: now)
        with Checkpoints(tmp_path, place, asked, timeout_s=60) as checkpoints:
            assert [checkpoints.due() for _ in range(11)] == [False] * 9 + [True] * 2  # measured early
            checkpoints.cost_s = 0.02
            monkeypatch.setattr(time, "perf_counter", lambda: now + 11.5)
            assert not checkpoints.due()
            monkeypatch.setattr(time, "perf_counter", lambda: now + 12.5)  # sqrt(2 x 0.02 x 3600) = 12
            assert checkpoints.due()
            checkpoints.write_s = 30.0  # they shall not queue
            assert not checkpoints.due()
        assert not checkpoints.falls_on(100)
        fixed = Checkpoints(
            tmp_path, place, CheckpointConfig(every_steps=50, keep_every_steps=70), timeout_s=60
        )
        with fixed:
            assert not any(fixed.due() for _ in range(20))
            assert [n for n in range(1, 150) if fixed.falls_on(n)] == [50, 70, 100, 140]


def test_random_numbers_go_on_too(tmp_path):
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    with (
        process_group() as place,
        Checkpoints(tmp_path, place, CheckpointConfig(), timeout_s=60) as checkpoints,
    ):
        checkpoints.save(model, optimizer, {"step": 1})
        expected = torch.rand(4)
        checkpoints.wait()
        saved, warnings = checkpoints.latest()
        checkpoints.restore(saved, model, optimizer)
        assert (torch.rand(4) == expected).all()
        assert not warnings
        assert checkpoints.latest(at_most=0) == (None, [])


def test_what_is_being_saved_does_not_move(tmp_path):
    model = torch.nn.Linear(400, 400)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    before = model.weight.detach().clone()
    with (
        process_group() as place,
        Checkpoints(tmp_path, place, CheckpointConfig(), timeout_s=60) as checkpoints,
    ):
        checkpoints.save(model, optimizer, {"step": 1})
        checkpoints.staged()
        with torch.no_grad():
            model.weight.add_(1.0)  # while the files are being written
        checkpoints.wait()
        checkpoints.restore(checkpoints.latest()[0], model, optimizer)
    assert (model.weight == before).all()


class Slow:
    """Copies behind the training's back, as on a GPU, and takes its time."""

    should_synchronize_after_execute = False

    def __init__(self, seconds):
        self._seconds, self._pool = seconds, ThreadPoolExecutor(1)

    def stage(self, state):
        return self._pool.submit(lambda: time.sleep(self._seconds) or copy.deepcopy(state))

    def close(self):
        self._pool.shutdown()


def test_what_a_save_costs_is_the_wait_for_its_copy_too(tmp_path):
    model = torch.nn.Linear(2, 2)
    with (
        process_group() as place,
        Checkpoints(tmp_path, place, CheckpointConfig(), timeout_s=60) as checkpoints,
    ):
        checkpoints._stager.close()
        checkpoints._stager = Slow(0.1)
        checkpoints.save(model, torch.optim.SGD(model.parameters()), {"step": 1})
        begun_s = checkpoints.cost_s
        waited_s = checkpoints.staged()
        assert waited_s > 0
        assert checkpoints.cost_s == begun_s + waited_s
        assert checkpoints.staged() == 0.0  # once
        assert checkpoints.cost_s == begun_s + waited_s


def test_the_step_after_a_save_tells_the_whole_of_its_cost(published, write_config, tmp_path, monkeypatch):
    init, staged, cost_s = Checkpoints.__init__, Checkpoints.staged, []

    def slowly(self, *arguments):
        init(self, *arguments)
        self._stager = Slow(0.1)

    def noted(self):
        if waited_s := staged(self):
            cost_s.append(round(self.cost_s, 6))
        return waited_s

    monkeypatch.setattr(Checkpoints, "__init__", slowly)
    monkeypatch.setattr(Checkpoints, "staged", noted)
    assert main([str(write_config())]) == 0
    told = {line["step"]: line["save_s"] for line in metrics(tmp_path / "train") if line["save_s"]}
    assert told == {5: cost_s[0], 10: cost_s[1]}


def failing(tmp_path, monkeypatch, *, step, error):
    model = torch.nn.Linear(2, 2)
    with (
        process_group() as place,
        Checkpoints(tmp_path, place, CheckpointConfig(), timeout_s=60) as checkpoints,
    ):
        monkeypatch.setattr(checkpoints, "_prune", lambda: 1 / 0)
        checkpoints.save(model, torch.optim.SGD(model.parameters()), {"step": step})
        if error:
            raise error


def test_an_error_of_the_run_comes_before_one_of_its_last_checkpoint(tmp_path, monkeypatch):
    with pytest.raises(KeyError, match="the run's"):
        failing(tmp_path, monkeypatch, step=1, error=KeyError("the run's"))
    with pytest.raises(CheckpointError, match="division by zero"):
        failing(tmp_path, monkeypatch, step=2, error=None)
