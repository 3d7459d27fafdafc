"""The lane of each row of a step. Steps depend on each other only through the number of rows before.

The slots of a step are ordered by source and dealt to the lanes in turn, like cards, beginning at a lane that
is drawn at random for each step. A source's part of a step is then a run of neighbouring lanes, so the
progress of each lane in each source after a million steps takes array additions, not a loop over the steps.
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
        # The next row goes to a distant lane, so that a rank's block of lanes gets rows of all sources.
        stride = next(n for n in range(int(0.618 * lanes) + 1, 2 * lanes + 1) if math.gcd(n, lanes) == 1)
        self._lane_of_seat = np.arange(lanes) * stride % lanes  # seats are in the order of dealing
        self._seat_of_lane = np.argsort(self._lane_of_seat)

    def cursors(self, first: int, last: int) -> Integers:
        """Return the rows each lane gets of each source in steps `first` to `last` - 1 (sources, lanes)."""
        total = np.zeros((self._sources, self._lanes), np.int64)
        for begin in range(first, last, _STEPS):
            total += self._cursors(begin, min(begin + _STEPS, last))
        return total

    def _cursors(self, first: int, last: int) -> Integers:
        counts = self._quotas.counts(first, last)
        first_seats = rotations(first, last, self._seed) % self._lanes
        begins = (np.cumsum(counts, axis=1) - counts + first_seats[:, None]) % self._lanes
        ends = begins + counts % self._lanes
        total = np.empty((self._sources, self._lanes), np.int64)
        for source in range(self._sources):
            begin, end = begins[:, source], ends[:, source]
            change = np.bincount(begin, minlength=self._lanes)
            change -= np.bincount(end % self._lanes, minlength=self._lanes)
            all_lanes = (counts[:, source] // self._lanes).sum() + np.count_nonzero(end >= self._lanes)
            total[source, self._lane_of_seat] = all_lanes + np.cumsum(change)
        return total

    def slots(self, first: int, last: int) -> tuple[Integers, Integers]:
        """Return (sources, cursors) of each slot of steps `first` to `last` - 1 (steps, slots), lane by lane.

        Cursors count from `first`.
        """
        counts, steps = self._quotas.counts(first, last), last - first
        dealt = np.repeat(np.tile(np.arange(self._sources), steps), counts.ravel())
        dealt = dealt.reshape(steps, -1, self._lanes)
        first_seats = rotations(first, last, self._seed) % self._lanes
        order = (self._seat_of_lane - first_seats[:, None]) % self._lanes
        lanes = np.take_along_axis(dealt, order[:, None, :], axis=2).transpose(2, 0, 1)
        sources = lanes.reshape(self._lanes, -1)  # each lane's slots, step after step
        cursors = np.empty_like(sources)
        for source in range(self._sources):
            mask = sources == source
            cursors[mask] = (np.cumsum(mask, axis=1) - 1)[mask]
        return self._by_step(sources, steps), self._by_step(cursors, steps)

    def _by_step(self, by_lane: Integers, steps: int) -> Integers:
        """Return (steps, slots) from (lanes, steps * slots of a lane)."""
        return by_lane.reshape(self._lanes, steps, -1).transpose(1, 0, 2).reshape(steps, -1)
