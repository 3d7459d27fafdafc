"""The order of training data: a pure function of (seed, sources, curriculum, step).

A batch has `batch_rows` slots, dealt evenly to `lanes`. A rank owns a contiguous block of lanes, so every
number of ranks that divides the lanes reads the same global batches. Each lane owns its own part of every
source's shards, so a node opens a shard once, and two nodes open the same one only at a cut between lanes.

`quotas` says how many rows of each source a step gets, `deal` to which lane they go, and `order` where a
lane's next row lies. Each can answer for any step, so the state is the step. The past never depends on the
future, which may be edited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from training.plan.deal import Deal
from training.plan.order import Integers, Order, PlanError, SourceRows, Stretches
from training.plan.quotas import Quotas
from training.settings import Phase

_ORDER = 2  # raised when the same curriculum gives other batches
_BLOCK_SLOTS = 1 << 15  # drawn at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One global batch: for each slot the number of its source, and its lane's cursor in that source."""

    step: int
    phase: int
    sources: Integers
    cursors: Integers


class RowLocation(NamedTuple):
    """Where the row of a slot lies: shard number in the source, row in the shard, and epoch of the lane."""

    slot: int
    source: int
    shard: int
    row: int
    epoch: int


class Plan:
    """Draws global batches one after another; a checkpoint keeps its `state()` and `past()`."""

    def __init__(
        self,
        sources: Sequence[SourceRows],
        phases: Sequence[Phase],
        *,
        batch_rows: int,
        lanes: int,
        seed: int,
    ) -> None:
        if batch_rows % lanes:
            raise PlanError(f"batch_rows {batch_rows} is no multiple of lanes {lanes}")
        self.sources = tuple(sorted(sources, key=lambda source: source.name))
        self.names = [source.name for source in self.sources]
        self.phases, self.batch_rows, self.lanes, self.seed = tuple(phases), batch_rows, lanes, seed
        self.orders = [Order(source, lanes, seed) for source in self.sources]
        self.quotas = Quotas(self.phases, self.names, batch_rows)
        self._deal = Deal(self.quotas, len(self.sources), lanes=lanes, seed=seed)
        self._stretches = Stretches(self.orders, lanes)
        self._lane_of = np.arange(batch_rows) // (batch_rows // lanes)
        self._starts = np.cumsum([0, *(phase.steps for phase in self.phases)])
        self.steps = int(self._starts[-1])
        self.step = 0
        self._block_steps = max(1, _BLOCK_SLOTS // batch_rows)
        self._block = range(0)  # the steps drawn ahead
        self._drawn = np.empty((2, 0, 0), np.int64)  # their sources and cursors
        self._after = np.zeros((len(self.sources), lanes), np.int64)  # cursors at the block's end

    def phase_of(self, step: int) -> int:
        """Return the number of the phase that holds `step`."""
        if not 0 <= step < self.steps:
            raise PlanError(
                f"step {step} is outside the curriculum, which has the steps 0 to {self.steps - 1}"
            )
        return int(np.searchsorted(self._starts, step, side="right")) - 1

    def weights(self, step: int) -> Integers:
        """Return the weights of the sources at `step`; they sum to `batch_rows` times `quotas.unit`."""
        number = self.phase_of(step)
        return np.array(self.quotas.mixtures[number].weights(step - int(self._starts[number])), np.int64)

    def phase_rows(self) -> Integers:
        """Return the rows that each phase reads of each source (phases, sources), without drawing it."""
        weights = []
        for phase, mixture in zip(self.phases, self.quotas.mixtures, strict=True):
            whole = np.array(mixture.after, np.int64) * (phase.steps - phase.ramp_steps)
            ramp = (np.array(mixture.weights(step), np.int64) for step in range(phase.ramp_steps))
            weights.append(sum(ramp, whole))
        unit = self.quotas.unit
        return (np.array(weights) + unit // 2) // unit

    def draw(self) -> Draw:
        """Return the next global batch and move on by one step."""
        phase = self.phase_of(self.step)
        if self.step not in self._block:
            self._draw_block()
        sources, cursors = self._drawn[:, self.step - self._block.start]
        drawn = Draw(step=self.step, phase=phase, sources=sources, cursors=cursors)
        self.step += 1
        return drawn

    def _draw_block(self) -> None:
        """Draw the next steps at once."""
        first, last = self.step, min(self.step + self._block_steps, self.steps)
        before = self._after if first == self._block.stop else self._deal.cursors(0, first)
        sources, cursors = self._deal.slots(first, last)
        self._drawn = np.stack([sources, cursors + before[sources, self._lane_of]])
        self._block, self._after = range(first, last), before + self._deal.cursors(first, last)

    def slots(self, rank: int, world_size: int) -> range:
        """Return the slots of one rank, which are those of its block of lanes.

        Raises:
            PlanError: the number of ranks does not divide the lanes.
        """
        if self.lanes % world_size:
            divisors = ", ".join(str(n) for n in range(1, self.lanes + 1) if self.lanes % n == 0)
            raise PlanError(f"{world_size} ranks do not divide {self.lanes} lanes; possible are {divisors}")
        share = self.batch_rows // world_size
        return range(rank * share, (rank + 1) * share)

    def locate(self, drawn: Draw, slots: Sequence[int]) -> list[RowLocation]:
        """Return where the rows of some slots of a batch lie; any thread may call it."""
        index = np.asarray(slots)
        sources, cursors = drawn.sources[index], drawn.cursors[index]
        shards, rows, epochs = self._stretches.locate(sources, self._lane_of[index], cursors)
        locations = zip(index.tolist(), sources.tolist(), shards, rows, epochs, strict=True)
        return list(map(RowLocation._make, locations))

    def owned(self, slots: Sequence[int]) -> set[tuple[int, int]]:
        """Return (source, shard) of every shard that the lanes of some slots ever read."""
        lanes = np.unique(self._lane_of[np.asarray(slots)]).tolist()
        return {(n, s) for n, order in enumerate(self.orders) for lane in lanes for s in order.shards(lane)}

    def begun(self, slots: Sequence[int]) -> set[tuple[int, int]]:
        """Return (source, shard) of the stretches that these lanes have begun and not finished."""
        return self._stretches.begun(np.unique(self._lane_of[np.asarray(slots)]))

    def epochs(self) -> dict[str, float]:
        """Return how many times each source has been read so far."""
        drawn = self._deal.cursors(0, self.step).sum(axis=1).tolist()
        return {s.name: round(count / s.rows, 4) for s, count in zip(self.sources, drawn, strict=True)}

    def state(self) -> dict[str, Any]:
        """Return the state that, with the past, continues the plan from here."""
        return {"step": self.step}

    def past(self, step: int) -> dict[str, Any]:
        """Return everything that decides the batches before `step`, as plain data."""
        mixtures: list[dict[str, Any]] = []
        for start, mixture in zip(self._starts, self.quotas.mixtures, strict=False):
            parts = {name: part for name, part in zip(self.names, mixture.after, strict=True) if part}
            if start < step and not (mixtures and mixtures[-1]["parts"] == parts):
                mixtures.append({"from_step": int(start), "parts": parts, "ramp_steps": mixture.ramp_steps})
        used = {name for mixture in mixtures for name in mixture["parts"]}
        return {
            "order": _ORDER,
            "seed": self.seed,
            "batch_rows": self.batch_rows,
            "lanes": self.lanes,
            "sources": {s.name: {"digest": s.digest, "rows": s.rows} for s in self.sources if s.name in used},
            "mixtures": mixtures,
        }

    def resume(self, state: Mapping[str, Any], past: Mapping[str, Any]) -> None:
        """Continue from a saved state if this plan has the same past; its future may differ.

        Raises:
            PlanError: the past differs; the message has a line for each difference.
        """
        if state["step"] > self.steps:
            raise PlanError(f"the checkpoint has done {state['step']} steps, the curriculum has {self.steps}")
        self.step = int(state["step"])
        if differences := difference(past, self.past(self.step)):
            raise PlanError(
                f"the batches before step {self.step} were read; the configuration would change them:\n"
                + "\n".join(f"  {line}" for line in differences)
                + "\nput these back (later steps may change), or choose another `out`"
            )


def difference(old: Any, new: Any, path: str = "") -> list[str]:
    """Return one line for each difference of plain data: `path: was OLD, now NEW`.

    >>> difference({"seed": 1, "lanes": 8}, {"seed": 2, "lanes": 8})
    ['seed: was 1, now 2']
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        keys = [*old, *(key for key in new if key not in old)]
        return [
            line
            for key in keys
            for line in difference(
                old.get(key, "absent"), new.get(key, "absent"), f"{path}.{key}".lstrip(".")
            )
        ]
    if isinstance(old, list) and isinstance(new, list):
        longest = range(max(len(old), len(new)))
        pairs = [
            (old[n] if n < len(old) else "absent", new[n] if n < len(new) else "absent") for n in longest
        ]
        return [line for n, (a, b) in enumerate(pairs) for line in difference(a, b, f"{path}[{n}]")]
    return [] if old == new else [f"{path}: was {old}, now {new}"]
