"""Speed of learning: after how many tokens a run reaches a level, and one run beside another.

`python -m training.report.learning BASE RUN ...` holds runs against the first. Sets are compared only where
their digests say that they are the same text; else it says so and exits with 2.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class IncomparableError(ValueError):
    """Scores that were made on different texts, or none at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The scores of one set over a run, lower is better: bits per byte (of the right choices, of a task)."""

    digest: str
    tokens: tuple[int, ...]
    values: tuple[float, ...]


def read_curves(directory: str | Path) -> dict[str, Curve]:
    """Return set -> its curve, from a run's evals.jsonl: the scores of its last digest only.

    Raises:
        IncomparableError: the run has no scores.
    """
    path = Path(directory) / "evals.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    if not lines:
        raise IncomparableError(f"{path}: expected scores, found none; give the run `evals`")
    return curves([json.loads(line) for line in lines])


def curves(scores: Sequence[Mapping[str, Any]]) -> dict[str, Curve]:
    """Return set -> its curve, from lines of evals.jsonl: the scores of its last digest only."""
    digests = {line["set"]: line["digest"] for line in scores}
    out = {}
    for name, digest in digests.items():
        own = [line for line in scores if line["set"] == name and line["digest"] == digest]
        values = tuple(line.get("bits_per_byte", line.get("answer_bits_per_byte")) for line in own)
        out[name] = Curve(digest=digest, tokens=tuple(line["tokens"] for line in own), values=values)
    return out


def envelope(values: Sequence[float]) -> Floats:
    """Return the lowest so far of the medians of three neighbours, so that noise reaches no level.

    The ends go by Tukey's rule (1977, "Exploratory Data Analysis", chapter 7), which keeps a straight line.

    >>> envelope([5.0, 1.0, 4.0, 3.0, 3.5]).tolist()
    [5.0, 4.0, 3.0, 3.0, 3.0]
    >>> envelope([5.0, 4.0, 3.0, 2.0]).tolist()
    [5.0, 4.0, 3.0, 2.0]
    """
    out = np.array(values, np.float64)
    if len(out) > 2:
        out[1:-1] = np.median([out[:-2], out[1:-1], out[2:]], axis=0)
    if len(out) > 3:
        for end, near, next_ in ((0, 1, 2), (-1, -2, -3)):
            out[end] = np.median([out[end], out[near], 3 * out[near] - 2 * out[next_]])
    return np.minimum.accumulate(out)


def tokens_to_reach(curve: Curve, level: float) -> float | None:
    """Return after how many tokens the envelope is first at `level`, linear in ln tokens; None if never.

    A level that the first score has passed was reached there or before: see `passed_at_first`.
    """
    lowest = envelope(curve.values)
    reached = np.flatnonzero(lowest <= level)
    if not len(reached):
        return None
    after = int(reached[0])
    if after == 0:
        return float(curve.tokens[0])
    before = after - 1
    part = (lowest[before] - level) / (lowest[before] - lowest[after])
    a, b = math.log(curve.tokens[before]), math.log(curve.tokens[after])
    return math.exp(a + part * (b - a))


def passed_at_first(curve: Curve, level: float) -> bool:
    """Tell whether a run was at `level` when it was first scored: who knows how long before."""
    return bool(envelope(curve.values)[0] <= level)


def speedup(base: Curve, other: Curve) -> tuple[float | None, str]:
    """Return how many times fewer tokens `other` takes to `base`'s final level, and what to know of that.

    Where it was there at its first score, it is `at least` that; `at most` where `base` was. Where it never
    gets there, its distance is turned into tokens by the slope of the last third of `base` over ln tokens
    (`extrapolated`); None where that slope does not fall, or both were there at first.
    """
    level = float(envelope(base.values)[-1])
    whole = tokens_to_reach(base, level)
    if whole and (taken := tokens_to_reach(other, level)):
        sides = passed_at_first(base, level), passed_at_first(other, level)
        known = {(False, False): "", (False, True): "at least", (True, False): "at most"}
        return (whole / taken, known[sides]) if sides in known else (None, "")
    third = max(2, len(base.values) // 3)
    if len(base.values) < 2:
        return None, ""
    slope = np.polyfit(np.log(base.tokens[-third:]), base.values[-third:], 1)[0]
    missing = level - float(envelope(other.values)[-1])
    return (math.exp(missing / -slope), "extrapolated") if slope < 0 else (None, "")


def mean_over_learning(curve: Curve, first: float, last: float) -> float:
    """Return the mean of the envelope over ln tokens between two numbers of tokens."""
    if first == last:
        return float(np.interp(math.log(first), np.log(curve.tokens), envelope(curve.values)))
    grid = np.linspace(math.log(first), math.log(last), 257)
    return float(np.interp(grid, np.log(curve.tokens), envelope(curve.values)).mean())


def reached(curve: Curve, levels: Sequence[float]) -> dict[str, dict[str, int]]:
    """Return `tokens_to`, level -> tokens, and `tokens_to_at_most` of levels that were passed at first."""
    found: dict[str, dict[str, int]] = {"tokens_to": {}, "tokens_to_at_most": {}}
    for level in levels:
        if (tokens := tokens_to_reach(curve, level)) is not None:
            name = "tokens_to_at_most" if passed_at_first(curve, level) else "tokens_to"
            found[name][f"{level:g}"] = round(tokens)
    return found


def compare(base: str, others: Sequence[str]) -> list[list[str]]:
    """Return the table: each set, its final score in each run, the speedup, the mean over learning.

    Raises:
        IncomparableError: a set has another digest in one of the runs, or they share none.
    """
    first, rows = read_curves(base), [["set", "run", "final", "speedup", "mean"]]
    faults = []
    for other in others:
        second = read_curves(other)
        for name in sorted(first.keys() & second.keys()):
            a, b = first[name], second[name]
            if a.digest != b.digest:
                faults.append(f"'{name}': {base} was scored on {a.digest}, {other} on {b.digest}")
                continue
            low, high = max(a.tokens[0], b.tokens[0]), min(a.tokens[-1], b.tokens[-1])
            times, known = speedup(a, b)
            told = "-" if times is None else f"{times:.2f} {known}".rstrip()
            for run, curve, speed in ((base, a, "1.00"), (other, b, told)):
                mean = f"{mean_over_learning(curve, low, high):.4f}" if low <= high else "-"
                row = [name, run, f"{envelope(curve.values)[-1]:.4f}", speed, mean]
                rows += [row] if row not in rows else []
        if not first.keys() & second.keys():
            faults.append(f"{base} and {other} share no set: {', '.join(first)}; {', '.join(second)}")
    if faults:
        raise IncomparableError(
            "not the same texts, so not compared:\n" + "\n".join(f"  {f}" for f in faults)
        )
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 2 where there is nothing that can be compared."""
    parser = argparse.ArgumentParser(prog="python -m training.report.learning", description=__doc__)
    parser.add_argument("base")
    parser.add_argument("runs", nargs="+")
    asked = parser.parse_args(arguments)
    try:
        table = compare(asked.base, asked.runs)
    except IncomparableError as error:
        print(error, file=sys.stderr)
        return 2
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print(
        "bits per byte (of a task: of its right answers); speedup: tokens of the first run / of this one to"
    )
    print("the first's final level; mean: over ln tokens, where both were scored")
    return 0


if __name__ == "__main__":
    sys.exit(main())
