"""Curricula over made-up sources, and the batches of their plans."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from training.plan import Plan, SourceRows
from training.settings import Phase

NAMES = "abcdefgh"
LANES = 24
HUNDREDS = settings(deadline=None, max_examples=100)
RANKS = st.sampled_from([1, 2, 3, 4, 6, 8, 12, 24])
WEIGHTS = st.floats(0.01, 1000, allow_nan=False)


def sources_of(*shard_rows, digest="x"):
    return [
        SourceRows(name=NAMES[n], digest=digest, shard_rows=tuple(rows)) for n, rows in enumerate(shard_rows)
    ]


def phase(steps, mix, ramp_steps=0):
    return Phase(name="p", steps=steps, mix=mix, ramp_steps=ramp_steps)


@st.composite
def curricula(draw, most_sources=3):
    """Sources and phases; every phase may leave out sources, switch or ramp."""
    count = draw(st.integers(1, most_sources))
    shard = st.integers(1, 40)
    rows = [draw(st.lists(shard, min_size=1, max_size=5)) for _ in range(count)]
    rows = [[*sizes, LANES] for sizes in rows]  # at least a row for each lane
    phases = []
    for number in range(draw(st.integers(1, 3))):
        names = draw(st.sets(st.sampled_from(NAMES[:count]), min_size=1))
        mix = {name: draw(WEIGHTS) for name in sorted(names)}
        steps = draw(st.integers(1, 6))
        phases.append(phase(steps, mix, draw(st.integers(0, steps)) if number else 0))
    return sources_of(*rows), phases, draw(st.integers(1, 3)) * LANES, draw(st.integers(0, 9))


def plan_of(curriculum):
    sources, phases, batch_rows, seed = curriculum
    return Plan(sources, phases, batch_rows=batch_rows, lanes=LANES, seed=seed)


def batches(plan, ranks, steps=None):
    """Each global batch as the ranks see it, put together in the order of ranks."""
    out = []
    for _ in range(plan.steps - plan.step if steps is None else steps):
        drawn = plan.draw()
        out.append([row for rank in range(ranks) for row in plan.locate(drawn, plan.slots(rank, ranks))])
    return out


def epoch_of(order, lane, epoch=0):
    """The (shard, row) pairs of one epoch of a lane, in their order."""
    rows, cursor, after = [], int(order.lane_rows[lane]) * epoch, int(order.lane_rows[lane]) * (epoch + 1)
    while cursor < after:
        first, end, shard, found, within = order.stretch(lane, cursor)
        assert (first, found, end - first) == (cursor, epoch, len(within))
        rows += [(shard, row) for row in within.tolist()]
        cursor = end
    return rows
