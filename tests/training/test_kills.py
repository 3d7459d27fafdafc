"""Killed at any moment, also while a checkpoint is written, a run goes on as if it had never been."""

import json
import signal

import numpy as np
import pytest

from .forks import learned, losses, metrics

STEPS = 150
ARGUMENTS = ["--set", f"phases.1.steps={STEPS - 8}", "--set", "max_epochs=200", "--set", "model.layers=1"]


def published_in(out):
    return {path.parent.name for path in out.glob("checkpoints/step-????????/manifest.json")}


def writing(out):
    return any(out.glob("checkpoints/*.incomplete"))


def check_learned(out):
    """Every step learned from its own rows each time it was taken, and no row of an epoch from two."""
    by_step, owner = {}, {}
    for line in learned(out):
        step, rows, digest = json.loads(line)
        assert by_step.setdefault(step, (rows, digest)) == (rows, digest)
        for row in rows:
            assert owner.setdefault(tuple(row), step) == step
    return by_step


def a_step(out, count):
    """Return a question: whether so many more steps have begun."""
    before = len(learned(out))
    return lambda: len(learned(out)) >= before + count


def a_write(out):
    """Return a question: whether one more checkpoint is whole and the next is being written."""
    before = published_in(out)
    return lambda: published_in(out) != before and writing(out)


@pytest.mark.slow
def test_killed_at_twenty_moments_it_goes_on_as_if_it_never_was(published, write_config, tmp_path, trainers):
    arguments = [str(write_config()), *ARGUMENTS]
    whole, killed, moved = tmp_path / "whole", tmp_path / "killed", tmp_path / "moved"
    assert trainers.run(whole, arguments) == [0]
    random, in_writing = np.random.default_rng(7), 0
    for kill in range(14):
        when, most_s = (
            (lambda: True, 0.3),
            (a_step(killed, int(random.integers(1, 9))), 0.03),
            (a_write(killed), 0.01),
        )[kill % 3]
        codes = trainers.killed(killed, arguments, when=when, after_s=float(random.uniform(0, most_s)))
        assert codes == [-signal.SIGKILL], "it ended before it could be killed: give it more steps"
        in_writing += writing(killed)
    assert in_writing >= 3
    assert trainers.run(killed, arguments) == [0]
    assert json.loads((killed / "summary.json").read_text())["resumed_at"] > 0
    assert [line["step"] for line in metrics(killed)] == list(range(STEPS))
    assert losses(killed) == losses(whole)  # bit for bit
    assert check_learned(killed) == check_learned(whole)
    for kill in range(6):
        count, when = 1 + kill % 2, a_step(moved, int(random.integers(1, 9)))
        after_s = float(random.uniform(0, 0.03))
        codes = trainers.killed(moved, arguments, count, when=when, after_s=after_s)
        assert codes == [-signal.SIGKILL] * count
    assert trainers.run(moved, arguments, ranks=2) == [0, 0]
    np.testing.assert_allclose(losses(moved), losses(whole), rtol=1e-5)
