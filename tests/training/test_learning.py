"""Speed of learning: when a level is reached, and that other texts are never compared."""

import json
import math
from dataclasses import replace

import pytest

from training.report import learning


def run(folder, *curves):
    """A run directory with the scores of named curves: (name, digest, tokens, values)."""
    folder.mkdir()
    with (folder / "evals.jsonl").open("w") as stream:
        for name, digest, tokens, values in curves:
            for step, (t, value) in enumerate(zip(tokens, values, strict=True)):
                line = {"step": step, "tokens": t, "set": name, "digest": digest, "bits_per_byte": value}
                stream.write(json.dumps(line) + "\n")
    return str(folder)


GRID = [1000 * 2**n for n in range(12)]


def straight(speed, tokens=GRID):
    return [5 - 0.25 * math.log(t * speed) for t in tokens]


def test_twice_as_fast_is_twice_as_fast(tmp_path, capsys):
    base = run(tmp_path / "base", ("docs", "d", GRID, straight(1)))
    fast = run(tmp_path / "fast", ("docs", "d", GRID, straight(2)))
    slow = run(tmp_path / "slow", ("docs", "d", GRID, straight(0.5)))
    assert learning.main([base, fast, slow]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:4]]
    assert [row[3:] for row in rows] == [
        ["1.00", rows[0][-1]],
        ["2.00", rows[1][-1]],
        ["0.50", "extrapolated", rows[2][-1]],
    ]
    assert float(rows[0][-1]) - float(rows[1][-1]) == pytest.approx(0.25 * math.log(2), abs=2e-3)


def test_other_texts_are_not_compared(tmp_path, capsys):
    base = run(tmp_path / "base", ("docs", "d", GRID, straight(1)), ("web", "w", GRID, straight(1)))
    other = run(tmp_path / "other", ("docs", "e", GRID, straight(2)))
    third = run(tmp_path / "third", ("code", "c", GRID, straight(2)))
    assert learning.main([base, other, third]) == 2
    assert capsys.readouterr().err == (
        "not the same texts, so not compared:\n"
        f"  'docs': {base} was scored on d, {other} on e\n"
        f"  {base} and {third} share no set: docs, web; code\n"
    )
    assert learning.main([base, str(tmp_path / "none")]) == 2
    assert "expected scores, found none; give the run `evals`" in capsys.readouterr().err


def test_when_a_level_is_reached():
    curve = learning.Curve(digest="d", tokens=tuple(GRID), values=tuple(straight(1)))
    level = 5 - 0.25 * math.log(48_000)
    assert learning.tokens_to_reach(curve, level) == pytest.approx(48_000, rel=1e-6)
    assert learning.tokens_to_reach(curve, 0.0) is None
    assert learning.tokens_to_reach(curve, 9.0) == 1000
    assert learning.reached(curve, (level, 0.5, 9.0)) == {
        "tokens_to": {f"{level:g}": pytest.approx(48_000, rel=1e-3)},
        "tokens_to_at_most": {"9": 1000},
    }
    noisy = replace(curve, values=(*curve.values[:4], 0.0, *curve.values[5:]))  # one lucky score is none
    assert learning.tokens_to_reach(noisy, level) >= 23_999


def test_a_level_passed_at_the_first_score_was_reached_there_or_before():
    """A run scored late for the first time is faster by at least so much; beside a flat one nothing is known."""
    base = learning.Curve(digest="d", tokens=tuple(GRID), values=tuple(straight(1)))
    late = replace(base, values=tuple(value - 3 for value in base.values))
    flat = replace(base, values=(base.values[-1],) * len(GRID))
    assert learning.speedup(base, late) == (pytest.approx(GRID[-1] / GRID[0]), "at least")
    assert learning.speedup(flat, base) == (pytest.approx(GRID[0] / GRID[-1]), "at most")
    assert learning.speedup(flat, flat) == (None, "")
