"""Many ranks are one run: the same losses, one end for all, and whoever is missing is named."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest

from training.data.corpus import open_corpus
from training.plan import explain
from training.settings import read_config
from training.train import main

from .forks import learned, losses, metrics, said, until

pytestmark = pytest.mark.slow


def torchrun(root, ranks, *arguments):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    return subprocess.run(
        [*command, "-m", "training.train", *map(str, arguments)],
        cwd=root,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_any_number_of_ranks_gives_the_same_losses_and_takes_over(
    published, write_config, tmp_path, root, trainers
):
    config = write_config()
    assert main([str(config)]) == 0
    one, two = tmp_path / "train", tmp_path / "two"
    done = torchrun(root, 2, config, "--set", f"out={two}")
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(losses(two), losses(one), rtol=1e-6)
    np.testing.assert_allclose(
        [line["grad_norm"] for line in metrics(two)], [line["grad_norm"] for line in metrics(one)], rtol=1e-4
    )
    assert done.stdout.count("14 steps") == 1
    shutil.rmtree(two / "checkpoints" / "step-00000014")
    assert main([str(config), "--set", f"out={two}"]) == 0  # two ranks' checkpoint on one
    np.testing.assert_allclose(losses(two), losses(one), rtol=1e-6)
    shutil.rmtree(one / "checkpoints" / "step-00000014")
    assert trainers.run(one, [config], ranks=2) == [0, 0], said(one)  # and one's on two
    assert json.loads((one / "summary.json").read_text())["ranks"] == 2
    np.testing.assert_allclose(losses(one), losses(two), rtol=1e-6)
    assert trainers.run(one, [config], ranks=2) == [0, 0]  # a finished run is finished on every rank
    assert ["nothing left to do" in said(one, rank) for rank in range(2)] == [True, False]


def test_a_shard_that_one_rank_cannot_read_ends_all_ranks(published, write_config, tmp_path, trainers):
    config = write_config()
    corpus = open_corpus([str(published.directory)])
    asked = read_config(str(config))
    drawn = explain.make_plan(asked, corpus)
    row = drawn.locate(drawn.draw(), range(8))[-1]  # the second rank's
    shard = corpus.sources[drawn.names[row.source]][row.shard]
    shard.path.write_bytes(shard.path.read_bytes()[:-1])
    out = tmp_path / "train"
    assert trainers.run(out, [config], ranks=2) == [1, 1]
    told = f"{shard.path}: truncated at byte {shard.size_bytes - 1}"
    assert f"\n{told}" in f"\n{said(out, rank=1)}"  # at the beginning of a line
    assert f"ended at step 0, waiting for data: ShardError: {told}" in said(out)


def test_two_ranks_in_micro_batches_recomputed_in_bfloat16_are_one_rank(
    published, write_config, tmp_path, trainers
):
    found = {}
    for count, ways in ((1, []), (2, ["micro_rows=2", "recompute=selective"])):
        out = tmp_path / str(count)
        settings = ["precision=bfloat16", "checkpoint.every_steps=100", *ways]
        arguments = [write_config(), *(part for each in settings for part in ("--set", each))]
        assert trainers.run(out, arguments, ranks=count) == [0] * count, said(out)
        found[count] = losses(out)
    np.testing.assert_allclose(found[2], found[1], rtol=2e-3)


LONGER = ["--set", "phases.1.steps=5000", "--set", "max_epochs=500"]


def begin(trainers, out, config, *more):
    """Start two ranks, and return them when they have taken a step."""
    pids = trainers.begin(out, [config, *LONGER, *more], ranks=2)
    until(lambda: learned(out)[1:])
    return pids


@pytest.mark.parametrize(
    ("number", "timeout_s"),
    [(signal.SIGSTOP, 12), (signal.SIGKILL, 600)],  # twelve also for what keeps a rank that lives
)
def test_a_rank_that_hangs_or_dies_is_named_by_the_other(
    number, timeout_s, published, write_config, tmp_path, trainers
):
    limit = ("--set", f"watch.timeout_s={timeout_s}")
    first, second = begin(trainers, out := tmp_path / "train", write_config(), *limit)
    os.kill(second, number)
    assert trainers.wait(first) == 1
    os.kill(second, signal.SIGKILL)
    assert trainers.wait(second) == -signal.SIGKILL
    assert f"rank 1 (process {second} on {socket.gethostname()}) was last heard of " in said(out)


def test_a_signal_to_one_rank_stops_all_after_the_same_step(published, write_config, tmp_path, trainers):
    first, second = begin(trainers, out := tmp_path / "train", write_config())
    os.kill(second, signal.SIGTERM)
    assert (trainers.wait(first), trainers.wait(second)) == (3, 3)
    steps = len(metrics(out))
    told = f"a signal to another rank: saved after step {steps} of 5008; the same command continues: {out}\n"
    assert told in said(out)
    assert (out / "checkpoints" / f"step-{steps:08d}" / "manifest.json").exists()
    assert not (out / "summary.json").exists()
