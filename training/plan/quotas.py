"""How many rows of each source a step gets: whole numbers, as near as possible to the mixtures.

The lag of a source is what its weights have promised it minus what it got; it is carried from step to step
exactly. Rows go to the earliest deadline among those that are already partly due. Under one mixture no source
is then ever a whole row ahead or behind (Baruah et al. 1996, "Proportionate progress"). With up to three
sources this also holds across switches and ramps. With four, no rule can promise it without knowing the
future, which may be edited: if two sources are half a row ahead and both are switched off while the other two
are owed whole rows, one of those stays a row behind. Deadlines assume that the present mixture never ends, so
the past never depends on the future.

A mixture is dealt in cycles of at least a million rows, which hold whole rows of every source. So its counts
repeat: the counts of a million steps are known after one cycle, and much sooner for weights in thousandths.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import add

import numpy as np

from training.plan.order import Integers, PlanError
from training.settings import Phase

_CYCLE_ROWS = 1_000_000
_CYCLE_STEPS = 1_000  # a cycle has a multiple of this, so that weights in thousandths are exact


def parts(mix: Mapping[str, float], sources: Sequence[str], whole: int) -> list[int]:
    """Return the weight of each source in whole parts that sum to `whole`.

    Raises:
        PlanError: a weight above zero is under half a part, so the source would never be drawn.

    >>> parts({"a": 2, "b": 1}, ["a", "b", "c"], 1_000_000)
    [666667, 333333, 0]
    """
    exact = [Fraction(str(mix.get(name, 0))) for name in sources]
    total = sum(exact)
    out = [round(whole * weight / total) for weight in exact]
    for name, weight, part in zip(sources, exact, out, strict=True):
        if weight and not part:
            raise PlanError(
                f"'{name}' has the weight {float(weight / total):.3g}, under one row in a million; drop it"
            )
    out[out.index(max(out))] += whole - sum(out)
    return out


def quota(lag: Sequence[int], weights: Sequence[int], unit: int, slots: int) -> list[int]:
    """Return how many of a step's `slots` each source gets, given its lag before the step.

    `unit` lags or weights make a row; the weights sum to `slots` rows. First come rows that fall due within
    the step, then those that are partly due and fall due soonest. A source of weight zero gets nothing; its
    lag is kept until it has a weight again.

    >>> quota([0, 0], [3, 1], unit=2, slots=2)
    [2, 0]
    """
    owed = list(map(add, lag, weights))
    counts = [due // unit if weight and due > 0 else 0 for due, weight in zip(owed, weights, strict=True)]
    spare = slots - sum(counts)
    for _ in range(-spare):  # only after a switch of mixtures, when too many fall due at once
        overdue = [((owed[n] - counts[n] * unit) // weights[n], n) for n, count in enumerate(counts) if count]
        counts[min(overdue)[1]] -= 1
    while spare > 0:
        # Partly due rows first, then by the number of steps until the next row is due.
        ranked = sorted(
            [
                ((rest := owed[n] - counts[n] * unit) <= 0, (rest - unit) // -weight, n)
                for n, weight in enumerate(weights)
                if weight
            ]
        )
        for _, _, number in ranked[:spare]:
            counts[number] += 1
        spare -= len(ranked)
    return counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """The weights of one phase at each step: a ramp from those of the phase before, then its own."""

    before: Sequence[int]
    after: Sequence[int]
    ramp_steps: int

    def weights(self, step: int) -> Sequence[int]:
        """Return the weights at a step of the phase, from 0; they sum to the same at each."""
        if step >= self.ramp_steps:
            return self.after
        pairs = zip(self.before, self.after, strict=True)
        out = [a + (b - a) * (step + 1) // (self.ramp_steps + 1) for a, b in pairs]
        out[out.index(max(out))] += sum(self.after) - sum(out)
        return out


class _Counts:
    """The counts of one phase, given the lags at its beginning; after the ramp they repeat in a loop."""

    def __init__(self, mixture: Mixture, unit: int, lag: Sequence[int]) -> None:
        self._mixture, self._unit, self._lag = mixture, unit, list(lag)
        self._slots = sum(mixture.after) // unit
        self._rows: list[list[int]] = []
        self._table = np.empty((0, len(lag)), np.int64)  # the rows as an array, once they repeat
        self._step_of_lag: dict[tuple[int, ...], int] = {}  # lags before a step after the ramp -> step
        self._loop = -1  # the step that the step after the last row repeats, once that is known

    def between(self, first: int, last: int) -> Integers:
        """Return the counts of the steps from `first` to before `last` (steps, sources)."""
        self._extend(last)
        if last <= len(self._rows):
            return np.array(self._rows[first:last], np.int64).reshape(last - first, len(self._lag))
        if len(self._table) < len(self._rows):
            self._table = np.array(self._rows, np.int64)
        steps = np.arange(first, last)
        repeated = self._loop + (steps - self._loop) % (len(self._rows) - self._loop)
        counts: Integers = self._table[np.where(steps < self._loop, steps, repeated)]
        return counts

    def lag(self, steps: int) -> list[int]:
        """Return the lags at the end of the phase, which has so many steps."""
        self._extend(steps)
        if len(self._rows) == steps:
            return self._lag
        # After the last row the lags are those at the loop's beginning, so only the steps beyond it count.
        beyond = (steps - self._loop) % (len(self._rows) - self._loop)
        given = self.between(self._loop, self._loop + beyond).sum(axis=0).tolist()
        sources = zip(self._lag, self._mixture.after, given, strict=True)
        return [lag + weight * beyond - count * self._unit for lag, weight, count in sources]

    def _extend(self, last: int) -> None:
        """Compute the counts of the steps before `last`, or up to the loop."""
        ramp = self._mixture.ramp_steps
        while (step := len(self._rows)) < last and self._loop < 0:
            if step >= ramp and (before := self._step_of_lag.setdefault(tuple(self._lag), step)) < step:
                self._loop = before
                return
            weights = self._mixture.weights(step)
            counts = quota(self._lag, weights, self._unit, self._slots)
            sources = zip(self._lag, weights, counts, strict=True)
            self._lag = [lag + weight - count * self._unit for lag, weight, count in sources]
            self._rows.append(counts)


class Quotas:
    """The counts of a curriculum; `unit` lags or weights make a row, and a cycle has that many steps."""

    def __init__(self, phases: Sequence[Phase], names: Sequence[str], batch_rows: int) -> None:
        self.unit = -(-_CYCLE_ROWS // (batch_rows * _CYCLE_STEPS)) * _CYCLE_STEPS
        self._lengths = [phase.steps for phase in phases]
        mixes = [parts(phase.mix, names, batch_rows * self.unit) for phase in phases]
        pairs = zip([mixes[0], *mixes], mixes, phases, strict=False)
        self.mixtures = [Mixture(before=a, after=b, ramp_steps=phase.ramp_steps) for a, b, phase in pairs]
        self._counts = list[_Counts]()

    def counts(self, first: int, last: int) -> Integers:
        """Return the rows of each source in the steps from `first` to before `last` (steps, sources)."""
        counts, begin = [np.empty((0, len(self.mixtures[0].after)), np.int64)], 0
        for number, length in enumerate(self._lengths):
            a, b = max(first - begin, 0), min(last - begin, length)
            if a < b:
                counts.append(self._phase(number).between(a, b))
            begin += length
        return np.concatenate(counts)

    def _phase(self, number: int) -> _Counts:
        while (known := len(self._counts)) <= number:
            before = (
                self._counts[-1].lag(self._lengths[known - 1]) if known else [0] * len(self.mixtures[0].after)
            )
            self._counts.append(_Counts(self.mixtures[known], self.unit, before))
        return self._counts[number]
