"""Which lane each row of a step goes to; no step depends on another but through how many rows went before.

The slots of a step stand in the order of their sources and are dealt to the lanes in turn, like cards, from a
lane that is drawn at random for each step. A source's part of a step is then a run of neighbours, so how far
each lane is in each source after a million steps takes additions over arrays, not the steps one by one.
"""

from __future__ import annotations

import math

import numpy as np

from training.plan.order import Integers, rotations
from training.plan.quotas import Quotas

_STEPS = 1 << 17  # counted at a time


class Deal:
    """Deals the rows of `quotas` to lanes."""

    def __init__(self, quotas: Quotas, sources: int, *, lanes: int, seed: int) -> None:
        self._quotas, self._sources = quotas, sources
        self._lanes, self._seed = lanes, seed
        # The next card goes to a lane far away, so that a rank's block of lanes gets cards of all sources.
        stride = next(n for n in range(int(0.618 * lanes) + 1, 2 * lanes + 1) if math.gcd(n, lanes) == 1)
        self._lane_of = np.arange(lanes) * stride % lanes  # of each place at the table
        self._place_of = np.argsort(self._lane_of)

    def cursors(self, first: int, last: int) -> Integers:
        """Return the rows each lane gets of each source in steps `first` to `last` - 1 (sources, lanes)."""
        total = np.zeros((self._sources, self._lanes), np.int64)
        for begin in range(first, last, _STEPS):
            total += self._cursors(begin, min(begin + _STEPS, last))
        return total

    def _cursors(self, first: int, last: int) -> Integers:
        counts = self._quotas.counts(first, last)
        turns = rotations(first, last, self._seed) % self._lanes
        begins = (np.cumsum(counts, axis=1) - counts + turns[:, None]) % self._lanes
        ends = begins + counts % self._lanes
        total = np.empty((self._sources, self._lanes), np.int64)
        for source in range(self._sources):
            begin, end = begins[:, source], ends[:, source]
            change = np.bincount(begin, minlength=self._lanes)
            change -= np.bincount(end % self._lanes, minlength=self._lanes)
            all_lanes = (counts[:, source] // self._lanes).sum() + np.count_nonzero(end >= self._lanes)
            total[source, self._lane_of] = all_lanes + np.cumsum(change)
        return total

    def slots(self, first: int, last: int) -> tuple[Integers, Integers]:
        """Return (sources, cursors) of each slot of steps `first` to `last` - 1 (steps, slots), lane by lane.

        Cursors count from `first`.
        """
        counts, steps = self._quotas.counts(first, last), last - first
        dealt = np.repeat(np.tile(np.arange(self._sources), steps), counts.ravel())
        dealt = dealt.reshape(steps, -1, self._lanes)
        turns = rotations(first, last, self._seed) % self._lanes
        places = (self._place_of - turns[:, None]) % self._lanes
        lanes = np.take_along_axis(dealt, places[:, None, :], axis=2).transpose(2, 0, 1)
        sources = lanes.reshape(self._lanes, -1)  # each lane's slots, step after step
        cursors = np.empty_like(sources)
        for source in range(self._sources):
            hit = sources == source
            cursors[hit] = (np.cumsum(hit, axis=1) - 1)[hit]
        return self._by_step(sources, steps), self._by_step(cursors, steps)

    def _by_step(self, of_lanes: Integers, steps: int) -> Integers:
        """Return (steps, slots) of each lane's slots, step after step (lanes, steps * slots of a lane)."""
        return of_lanes.reshape(self._lanes, steps, -1).transpose(1, 0, 2).reshape(steps, -1)
