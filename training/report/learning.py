"""Speed of learning: after how many tokens a run reaches a level, and how that compares between runs.

`python -m training.report.learning BASE RUN ...` compares runs with the first. If the digests of a set differ
between runs, it was not the same text: that is reported, and the exit status is 2.
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
    """Scores on different texts, or no scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The scores of one set over a run, in bits per byte (for a task, of the right choices)."""

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
        lines = [line for line in scores if line["set"] == name and line["digest"] == digest]
        values = tuple(line.get("bits_per_byte", line.get("answer_bits_per_byte")) for line in lines)
        out[name] = Curve(digest=digest, tokens=tuple(line["tokens"] for line in lines), values=values)
    return out


def envelope(values: Sequence[float]) -> Floats:
    """Return the running minimum of the medians of three neighbours, so that noise reaches no level.

    The ends follow Tukey's rule (1977, "Exploratory Data Analysis", chapter 7), which keeps straight lines.

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
    """Return after how many tokens the envelope first reaches `level`, linear in ln tokens; None if never.

    If the first score has passed the level, it was reached there or earlier: see `passed_at_first`.
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
    """Return whether a run had reached `level` when it was first scored, at an unknown earlier time."""
    return bool(envelope(curve.values)[0] <= level)


def speedup(base: Curve, other: Curve) -> tuple[float | None, str]:
    """Return how many times fewer tokens `other` needs to reach `base`'s final level, and a qualifier.

    The qualifier is `at least` if `other` had reached it at its first score, and `at most` if `base` had. If
    `other` never reaches it, the distance is turned into tokens by the slope of the last third of `base` over
    ln tokens (`extrapolated`). The speedup is None if that slope does not fall, or if both had reached the
    level at their first score.
    """
    level = float(envelope(base.values)[-1])
    whole = tokens_to_reach(base, level)
    if whole and (taken := tokens_to_reach(other, level)):
        sides = passed_at_first(base, level), passed_at_first(other, level)
        qualifiers = {(False, False): "", (False, True): "at least", (True, False): "at most"}
        return (whole / taken, qualifiers[sides]) if sides in qualifiers else (None, "")
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
    """Return `tokens_to`, level -> tokens, and `tokens_to_at_most` for levels passed at the first score."""
    out: dict[str, dict[str, int]] = {"tokens_to": {}, "tokens_to_at_most": {}}
    for level in levels:
        if (tokens := tokens_to_reach(curve, level)) is not None:
            name = "tokens_to_at_most" if passed_at_first(curve, level) else "tokens_to"
            out[name][f"{level:g}"] = round(tokens)
    return out


def compare(base: str, others: Sequence[str]) -> list[list[str]]:
    """Return a table: for each set and run the final score, the speedup and the mean over learning.

    Raises:
        IncomparableError: a set has different digests in two runs, or they have no set in common.
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
            times, qualifier = speedup(a, b)
            faster = "-" if times is None else f"{times:.2f} {qualifier}".rstrip()
            for run, curve, speed in ((base, a, "1.00"), (other, b, faster)):
                mean = f"{mean_over_learning(curve, low, high):.4f}" if low <= high else "-"
                row = [name, run, f"{envelope(curve.values)[-1]:.4f}", speed, mean]
                rows += [row] if row not in rows else []
        if not first.keys() & second.keys():
            faults.append(f"{base} and {other} share no set: {', '.join(first)}; {', '.join(second)}")
    if faults:
        raise IncomparableError(
            "not the same texts, so not compared:\n" + "\n".join(f"  {fault}" for fault in faults)
        )
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 2 if the runs cannot be compared."""
    parser = argparse.ArgumentParser(prog="python -m training.report.learning", description=__doc__)
    parser.add_argument("base", help="directory of the run to compare with")
    parser.add_argument("runs", nargs="+", help="directories of other runs")
    options = parser.parse_args(arguments)
    try:
        table = compare(options.base, options.runs)
    except IncomparableError as error:
        print(error, file=sys.stderr)
        return 2
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print(
        "final: bits per byte (for a task, of its right answers); speedup: how many times fewer tokens the\n"
        "run needs to reach the first's final level; mean: over ln tokens, where both were scored"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
