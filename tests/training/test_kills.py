"""Killed at any moment, also while a checkpoint is written, a run goes on as if it had never been."""

import json
import signal

import numpy as np
import pytest

from .forks import learned, losses, metrics

STEPS = 150
ARGUMENTS = ["--set", f"phases.1.steps={STEPS - 8}", "--set", "max_epochs=200", "--set", "model.layers=1"]


EVERY = 5  # steps between two checkpoints


def newest(out):
    """The steps done in the newest checkpoint that is whole."""
    names = [path.parent.name for path in out.glob("checkpoints/step-????????/manifest.json")]
    return max((int(name.removeprefix("step-")) for name in names), default=0)


def limit(out):
    """The step that a run cannot get past before it is killed, however late: none has ended by then."""
    return newest(out) + 2 * EVERY


def unfinished(out):
    """The checkpoint at `limit`, while it is written."""
    return out / "checkpoints" / f"step-{limit(out):08d}.incomplete"


def check_learned(out):
    """Return step -> slot -> its row: the same each time a step was taken, by however many ranks.

    The ranks of a life of the run share a step's slots, each slot with one rank; none is left out, but in the
    step that a kill ended. No row of an epoch stands in two places.
    """
    by_step, owner, lives = {}, {}, {}
    for line in (line for rank in range(2) for line in learned(out, rank)):
        life, step, rows = json.loads(line)
        taken = lives.setdefault(life, {}).setdefault(step, set())
        for slot, *row, digest in rows:
            assert slot not in taken
            taken.add(slot)
            assert by_step.setdefault(step, {}).setdefault(slot, (row, digest)) == (row, digest)
            assert owner.setdefault(tuple(row), (step, slot)) == (step, slot)
    for steps in lives.values():
        assert sorted(steps) == list(range(min(steps), max(steps) + 1))
        assert all(taken == set(range(8)) for step, taken in steps.items() if step < max(steps))
    assert sorted(by_step) == list(range(STEPS))
    return by_step


def a_step(out, count):
    """Return a question: whether so many more steps have begun."""
    before = len(learned(out))
    return lambda: len(learned(out)) >= before + count


@pytest.mark.slow
@pytest.mark.parametrize(("kills", "moves"), [(6, 3), pytest.param(14, 6, marks=pytest.mark.long)])
def test_killed_at_many_moments_it_goes_on_as_if_it_never_was(
    published, write_config, tmp_path, trainers, kills, moves
):
    arguments = [str(write_config()), *ARGUMENTS]
    whole, killed, moved = tmp_path / "whole", tmp_path / "killed", tmp_path / "moved"
    assert trainers.run(whole, arguments) == [0]
    random = np.random.default_rng(7)
    for kill in range(kills):
        limits, half = {"LEARN_BEFORE": limit(killed)}, unfinished(killed)
        when, most_s = (
            (lambda: True, 0.3),
            (a_step(killed, int(random.integers(1, 9))), 0.03),
            (half.exists, 0.01),
        )[kill % 3]
        if when == half.exists:  # it is never whole
            limits |= {"WRITE_BEFORE": limit(killed), "WRITE_IN": ("digest_file", "rename")[kill % 2]}
        after_s = float(random.uniform(0, most_s))
        codes = trainers.killed(killed, arguments, when=when, after_s=after_s, **limits)
        assert codes == [-signal.SIGKILL]
        assert half.exists() or when != half.exists
    assert trainers.run(killed, arguments) == [0]
    assert json.loads((killed / "summary.json").read_text())["resumed_at"] > 0
    assert [line["step"] for line in metrics(killed)] == list(range(STEPS))
    assert losses(killed) == losses(whole)  # bit for bit
    rows = check_learned(whole)
    assert check_learned(killed) == rows
    for kill in range(moves):
        count, when = 1 + kill % 2, a_step(moved, int(random.integers(1, 9)))
        after_s = float(random.uniform(0, 0.03))
        limits = {"LEARN_BEFORE": limit(moved)}
        codes = trainers.killed(moved, arguments, count, when=when, after_s=after_s, **limits)
        assert codes == [-signal.SIGKILL] * count
    assert trainers.run(moved, arguments, ranks=2) == [0, 0]
    np.testing.assert_allclose(losses(moved), losses(whole), rtol=1e-5)
    assert check_learned(moved) == rows  # on one rank and on two, between any two kills
    assert learned(moved, rank=1)
