"""Checkpoints: what a kill at any moment leaves, which stay, how often they are made."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from training.checkpoint import CheckpointError, Checkpoints, period_s
from training.config import Checkpoint as Asked
from training.parallel import ranks
from training.train import main

# One process imports torch once and forks a run for each line it is told: ranks, when all of them are killed,
# and the arguments. They are killed so many seconds after the "fork", after the first "step", or after a
# checkpoint is whole and the next is being written ("write"); or "never".
FORKS = r"""
import hashlib, json, os, signal, socket, sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from training import run, train

def watched(learn):
    def inner(model, batch, plan, place, asked):
        if place.count == 1:
            rows = [list(row[1:]) for row in plan.locate(batch.drawn, range(asked.batch_rows))]
            digest = hashlib.blake2b(batch.tokens.numpy().tobytes()).hexdigest()
            with open(Path(asked.out) / "learned.jsonl", "a") as stream:
                stream.write(json.dumps([batch.drawn.step, rows, digest]) + "\n")
        return learn(model, batch, plan, place, asked)
    return inner

run.learn = watched(run.learn)

def child(rank, ranks, port, arguments):
    if ranks > 1:
        where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        os.environ.update(where, RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(ranks))
    os.dup2(2, 1)
    os._exit(train.main(arguments))

def fork(ranks, arguments):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pids = []
    for rank in range(ranks):
        pid = os.fork()
        if not pid:
            child(rank, ranks, port, arguments)
        pids.append(pid)
    return pids

def begun(out):
    path = Path(out, "metrics.jsonl")
    return path.stat().st_mtime_ns if path.exists() else 0

def published(out):
    return {path.parent.name for path in Path(out, "checkpoints").glob("step-????????/manifest.json")}

for line in sys.stdin:
    ranks, until, out, arguments = json.loads(line)
    before, whole = begun(out), published(out)
    pids = fork(ranks, arguments)
    writing = lambda: any(Path(out, "checkpoints").glob("*.incomplete"))
    deadline = time.monotonic() + 60
    if until[0] == "step":
        while begun(out) == before and time.monotonic() < deadline:
            time.sleep(0.0005)
    elif until[0] == "write":
        while (published(out) == whole or not writing()) and time.monotonic() < deadline:
            time.sleep(0.0002)
    time.sleep(until[1])
    if until[0] != "never":
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    print(json.dumps([codes, writing()]), flush=True)
"""


class Forks:
    """Runs, forked from one process that has torch."""

    def __init__(self, root):
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", FORKS],
            cwd=root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, out, arguments, *, ranks=1, until=("never", 0)):
        line = json.dumps([ranks, until, str(out), [*arguments, "--set", f"out={out}"]])
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        assert self._process.wait(60) == 0
        self._process.stdout.close()


@pytest.fixture
def forks(root):
    made = Forks(root)
    yield made
    made.close()


def metrics(out):
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def losses(out):
    return [line["loss"] for line in metrics(out)]


def check_learned(out):
    """Every step learned from its own rows each time it was taken, and no row of an epoch from two."""
    by_step, owner = {}, {}
    for line in (out / "learned.jsonl").read_text().splitlines():
        step, rows, digest = json.loads(line)
        assert by_step.setdefault(step, (rows, digest)) == (rows, digest)
        for row in rows:
            assert owner.setdefault(tuple(row), step) == step
    return by_step


@pytest.mark.slow
def test_killed_at_twenty_moments_it_goes_on_as_if_it_never_was(published, write_config, tmp_path, forks):
    config = str(write_config())
    arguments = [config, "--set", "phases.1.steps=392", "--set", "max_epochs=200"]
    whole, killed, moved = tmp_path / "whole", tmp_path / "killed", tmp_path / "moved"
    assert forks.run(whole, arguments) == [[0], False]
    random, in_writing = np.random.default_rng(7), 0
    for kill in range(14):
        until = (("fork", "step", "write")[kill % 3], float(random.uniform(0, (0.5, 0.4, 0.01)[kill % 3])))
        codes, writing = forks.run(killed, arguments, until=until)
        assert codes == [-signal.SIGKILL], "it ended before it could be killed: give it more steps"
        in_writing += writing
    assert in_writing >= 3
    assert forks.run(killed, arguments) == [[0], False]
    assert json.loads((killed / "summary.json").read_text())["resumed_at"] > 0
    assert [line["step"] for line in metrics(killed)] == list(range(400))
    assert losses(killed) == losses(whole)  # bit for bit
    assert check_learned(killed) == check_learned(whole)
    for kill in range(6):
        count, until = 1 + kill % 2, ("step", float(random.uniform(0, 0.6)))
        codes, _ = forks.run(moved, arguments, ranks=count, until=until)
        assert codes == [-signal.SIGKILL] * count
    assert forks.run(moved, arguments, ranks=2)[0] == [0, 0]
    np.testing.assert_allclose(losses(moved), losses(whole), rtol=1e-5)


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
    assert capsys.readouterr().err == (
        f"{number.name}: saved after step 7 of 14; the same command continues: {out}\n"
    )
    assert signal.getsignal(number) is before
    assert len(metrics(out)) == 7
    assert sorted(p.name for p in (out / "checkpoints").iterdir()) == ["step-00000005", "step-00000007"]
    monkeypatch.setattr(run, "learn", learn)
    assert main([config, "--set", f"out={out}"]) == 0
    assert losses(out) == whole


def test_the_newest_stay_and_those_of_every_so_many_steps(published, write_config, tmp_path):
    keep = ["--set", "checkpoint={every_steps: 3, keep_count: 2, keep_every_steps: 4}"]
    assert main([str(write_config()), *keep]) == 0
    names = sorted(p.name for p in (tmp_path / "train" / "checkpoints").iterdir())
    assert names == [f"step-{n:08d}" for n in (4, 8, 12, 14)]


def test_without_a_period_the_clock_decides(published, write_config, tmp_path):
    often = ["--set", "checkpoint={expected_gpu_hours_between_failures: 0.001, keep_count: 20}"]
    assert main([str(write_config()), *often]) == 0
    names = sorted(p.name for p in (tmp_path / "train" / "checkpoints").iterdir())
    assert (names[0], names[-1]) == ("step-00000010", "step-00000014")  # the first is measured


def test_a_checkpoint_of_another_version_is_refused_in_words(published, write_config, tmp_path, capsys):
    config = str(write_config())
    assert main([config]) == 0
    path = tmp_path / "train" / "checkpoints" / "step-00000014" / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["watch"], manifest["skipped"]
    path.write_text(json.dumps(manifest))
    capsys.readouterr()
    assert main([config]) == 2
    assert capsys.readouterr().err == (
        f"{path.parent}: a checkpoint of another version, without skipped, watch: choose another `out`\n"
    )


def test_the_manifest_says_what_the_run_was(published, write_config, tmp_path):
    assert main([str(write_config())]) == 0
    folder = tmp_path / "train" / "checkpoints" / "step-00000014"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest.keys() == {
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
    assert capsys.readouterr().err == (
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
    with ranks() as place:
        asked = Asked(expected_gpu_hours_between_failures=1.0)
        with Checkpoints(tmp_path, place, asked, timeout_s=60) as checkpoints:
            assert [checkpoints.due() for _ in range(11)] == [False] * 9 + [True] * 2  # measured early
            checkpoints.cost_s = 0.02
            now = time.perf_counter()
            monkeypatch.setattr(time, "perf_counter", lambda: now + 11.5)
            assert not checkpoints.due()
            monkeypatch.setattr(time, "perf_counter", lambda: now + 12.5)  # sqrt(2 x 0.02 x 3600) = 12
            assert checkpoints.due()
            checkpoints.write_s = 30.0  # they shall not queue
            assert not checkpoints.due()
        assert not checkpoints.falls_on(100)
        fixed = Checkpoints(tmp_path, place, Asked(every_steps=50, keep_every_steps=70), timeout_s=60)
        with fixed:
            assert not any(fixed.due() for _ in range(20))
            assert [n for n in range(1, 150) if fixed.falls_on(n)] == [50, 70, 100, 140]


def test_random_numbers_go_on_too(tmp_path):
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    with (
        ranks() as place,
        Checkpoints(tmp_path, place, Asked(), timeout_s=60) as checkpoints,
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
        ranks() as place,
        Checkpoints(tmp_path, place, Asked(), timeout_s=60) as checkpoints,
    ):
        checkpoints.save(model, optimizer, {"step": 1})
        checkpoints.staged()
        with torch.no_grad():
            model.weight.add_(1.0)  # while the files are being written
        checkpoints.wait()
        checkpoints.restore(checkpoints.latest()[0], model, optimizer)
    assert (model.weight == before).all()


def failing(tmp_path, monkeypatch, *, step, error):
    model = torch.nn.Linear(2, 2)
    with ranks() as place, Checkpoints(tmp_path, place, Asked(), timeout_s=60) as checkpoints:
        monkeypatch.setattr(checkpoints, "_prune", lambda: 1 / 0)
        checkpoints.save(model, torch.optim.SGD(model.parameters()), {"step": step})
        if error:
            raise error


def test_an_error_of_the_run_comes_before_one_of_its_last_checkpoint(tmp_path, monkeypatch):
    with pytest.raises(KeyError, match="the run's"):
        failing(tmp_path, monkeypatch, step=1, error=KeyError("the run's"))
    with pytest.raises(CheckpointError, match="division by zero"):
        failing(tmp_path, monkeypatch, step=2, error=None)
