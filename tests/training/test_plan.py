"""The order of data: the same for any number of ranks, resumable, complete, and true to its mixtures."""

import itertools
import json
import re
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.plan import Plan, PlanError, SourceRows
from training.plan.order import permutation

from .plans import HUNDREDS, LANES, RANKS, WEIGHTS, batches, curricula, epoch_of, phase, plan_of, sources_of


@pytest.mark.slow
@HUNDREDS
@given(curricula(), RANKS)
def test_every_number_of_ranks_sees_the_same_batches(curriculum, ranks):
    assert batches(plan_of(curriculum), ranks) == batches(plan_of(curriculum), 1)


@pytest.mark.slow
@HUNDREDS
@given(curricula(), st.integers(0, 17), RANKS)
def test_a_stopped_plan_continues_on_another_number_of_ranks(curriculum, stop, ranks):
    whole, first = plan_of(curriculum), plan_of(curriculum)
    stop = min(stop, whole.steps)
    before = batches(first, 4, stop)
    second = plan_of(curriculum)
    second.resume(first.state(), first.past(stop))
    assert before + batches(second, ranks) == batches(whole, 1)


@pytest.mark.slow
@HUNDREDS
@given(curricula())
def test_no_row_comes_twice_in_a_lane_epoch_and_none_is_missing(curriculum):
    plan = plan_of(curriculum)
    drawn = [row for batch in batches(plan, 1) for row in batch]
    seen = [
        (row.source, row.slot // (plan.batch_rows // LANES), row.epoch, row.shard, row.row) for row in drawn
    ]
    assert len(seen) == len(set(seen))
    for number, source in enumerate(plan.sources):
        rows = [row for lane in range(LANES) for row in epoch_of(plan.orders[number], lane)]
        assert sorted(rows) == [(shard, row) for shard, n in enumerate(source.shard_rows) for row in range(n)]


def two_phases(mix=None, second=None, *, steps=(6, 6), seed=1, lanes=4, digest="x", extra=()):
    sources = sources_of([30, 30], [25], [20], digest=digest)
    phases = [phase(steps[0], mix or {"a": 3, "b": 1}), phase(steps[1], second or {"a": 1, "b": 1}), *extra]
    return Plan(sources, phases, batch_rows=8, lanes=lanes, seed=seed)


@HUNDREDS
@given(st.integers(1, 12), st.dictionaries(st.sampled_from("abc"), WEIGHTS, min_size=1))
def test_a_changed_future_is_allowed_and_reads_no_row_twice(step, mix):
    old = two_phases()
    before = batches(old, 1, step)
    first = min(step, 6)
    new = two_phases(
        steps=(first, step - first + 3), second=mix if step <= 6 else None, extra=[phase(2, mix)]
    )
    new.resume(json.loads(json.dumps(old.state())), old.past(step))
    rows = [
        (row.source, row.slot // 2, row.epoch, row.shard, row.row)
        for row in itertools.chain.from_iterable(before + batches(new, 2))
    ]
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        ({"seed": 2}, ["seed: was 1, now 2"]),
        ({"lanes": 2}, ["lanes: was 4, now 2"]),
        (
            {"digest": "y"},
            ["sources.a.digest: was x, now y", "sources.b.digest: was x, now y"],
        ),
        ({"mix": {"a": 1, "b": 1}},
         ["mixtures[0].parts.a: was 750000, now 500000", "mixtures[0].parts.b: was 250000, now 500000",
          "mixtures[1]: was {'from_step': 6, 'parts': {'a': 500000, 'b': 500000}, 'ramp_steps': 0}, now absent"]),
        ({"second": {"a": 1, "b": 3}},
         ["mixtures[1].parts.a: was 500000, now 250000", "mixtures[1].parts.b: was 500000, now 750000"]),
        ({"steps": (5, 7)}, ["mixtures[1].from_step: was 6, now 5"]),
    ],
)  # fmt: skip
def test_a_changed_past_is_refused_with_what_changed(change, lines):
    old = two_phases()
    batches(old, 1, 8)
    with pytest.raises(PlanError) as refused:
        two_phases(**change).resume(old.state(), old.past(8))
    assert str(refused.value) == (
        "the batches before step 8 were read; the configuration would change them:\n"
        + "".join(f"  {line}\n" for line in lines)
        + "put these back (later steps may change), or choose another `out`"
    )


def test_a_phase_that_begins_at_the_saved_step_is_the_future():
    old = two_phases()
    batches(old, 1, 6)
    two_phases(second={"c": 1}, steps=(6, 1)).resume(old.state(), old.past(6))
    with pytest.raises(PlanError, match=re.escape("the checkpoint has done 6 steps, the curriculum has 5")):
        two_phases(steps=(3, 2)).resume(old.state(), old.past(6))


@HUNDREDS
@given(curricula())
def test_what_a_curriculum_asks_for_is_what_is_drawn(curriculum):
    plan = plan_of(curriculum)
    asked, drawn = plan.phase_rows(), np.zeros((len(plan.phases), len(plan.sources)), np.int64)
    while plan.step < plan.steps:
        batch = plan.draw()
        drawn[batch.phase] += np.bincount(batch.sources, minlength=len(plan.sources))
    assert np.abs(asked - drawn).max() <= 3  # what a phase is ahead at its beginning and at its end


def test_a_source_that_ends_with_a_batch_begins_again_without_a_step_missing():
    plan = Plan(sources_of([12, 12]), [phase(7, {"a": 1})], batch_rows=8, lanes=4, seed=1)
    drawn = batches(plan, 1)
    assert [len(batch) for batch in drawn] == [8] * 7
    assert [{row.epoch for row in batch} for batch in drawn] == [{0}] * 3 + [{1}] * 3 + [{2}]
    rows = [[(row.shard, row.row) for batch in drawn[n : n + 3] for row in batch] for n in (0, 3)]
    assert sorted(rows[0]) == sorted(rows[1]) == [(shard, row) for shard in (0, 1) for row in range(12)]


def test_a_billion_rows_take_little_memory():
    sources = [SourceRows(name=name, digest="x", shard_rows=(16_367,) * 15_300) for name in "abcd"]
    assert sum(source.rows for source in sources) > 1e9
    tracemalloc.start()
    plan = Plan(sources, [phase(10**6, dict.fromkeys("abcd", 1))], batch_rows=1920, lanes=96, seed=1)
    rows = plan.locate(plan.draw(), plan.slots(0, 8))
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(rows) == 240
    assert used < 1 << 28


@pytest.mark.parametrize("lanes", [24, 96, 960])
def test_the_state_is_the_step(lanes):
    plan = Plan(
        sources_of(*[[10_000] * 20] * 8),
        [phase(500, dict.fromkeys("abcdefgh", 1))],
        batch_rows=960,
        lanes=lanes,
        seed=1,
    )
    batches(plan, 1, 30)
    assert plan.state() == {"step": 30}


@pytest.mark.slow
@HUNDREDS
@given(curricula(most_sources=5), st.lists(st.integers(0, 17), min_size=1, max_size=5))
def test_any_step_can_be_drawn_without_those_before(curriculum, steps):
    whole, seeking = plan_of(curriculum), plan_of(curriculum)
    every = batches(whole, 1)
    for step in [step % whole.steps for step in steps]:  # forwards and backwards
        seeking.step = step
        assert batches(seeking, 1, 1) == every[step : step + 1]


def test_a_step_far_away_is_that_of_a_plan_that_went_there():
    sources, mix = sources_of([90] * 9, [80] * 9, [70] * 9), {"a": 0.61, "b": 0.27, "c": 0.12}
    phases = [phase(700, mix), phase(1900, {"a": 1, "c": 2}, ramp_steps=300), phase(900, mix)]
    walking, seeking = (Plan(sources, phases, batch_rows=960, lanes=24, seed=1) for _ in range(2))
    drawn = [walking.draw() for _ in range(walking.steps)]
    for step in (3499, 2601, 2600, 699, 700, 1000, 0):
        seeking.step = step
        found = seeking.draw()
        assert np.array_equal(found.sources, drawn[step].sources)
        assert np.array_equal(found.cursors, drawn[step].cursors)


@pytest.mark.slow
def test_two_threads_may_ask_one_plan_where_rows_lie():
    plan = Plan(
        sources_of([7] * 40, [5] * 40), [phase(120, {"a": 1, "b": 1})], batch_rows=48, lanes=8, seed=1
    )
    drawn = [plan.draw() for _ in range(120)]
    expected = [plan.locate(each, range(48)) for each in drawn]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            orders = [drawn, drawn[::-1], drawn[1::2], drawn[::-3]]
            found = pool.map(lambda each: [(d.step, plan.locate(d, range(48))) for d in each], orders)
            assert all(rows == expected[step] for each in found for step, rows in each)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: two_phases(lanes=3), "batch_rows 8 is no multiple of lanes 3"),
        (lambda: two_phases().slots(0, 3), "3 ranks do not divide 4 lanes; possible are 1, 2, 4"),
        (lambda: two_phases().phase_of(12), "step 12 is outside the curriculum, which has the steps 0 to 11"),
        (lambda: two_phases({"a": 1, "b": 4e-7}),
         "'b' has the weight 4e-07, under one row in a million; drop it"),
        (lambda: Plan(sources_of([1, 2]), [phase(1, {"a": 1})], batch_rows=8, lanes=4, seed=1),
         "source 'a' has 3 rows for 4 lanes; each lane needs one: use fewer lanes or more data"),
    ],
)  # fmt: skip
def test_what_cannot_be_planned_is_refused(make, message):
    with pytest.raises(PlanError, match=f"^{re.escape(message)}$"):
        make()


def test_the_order_never_changes():
    # These are part of every published run: a change here breaks resuming all of them.
    assert permutation(8, "rows", 1, "web").tolist() == GOLDEN_PERMUTATION
    plan = two_phases()
    assert [[row.shard * 100 + row.row for row in batch] for batch in batches(plan, 1, 2)] == GOLDEN_ROWS


GOLDEN_PERMUTATION = [1, 7, 2, 5, 6, 4, 0, 3]
GOLDEN_ROWS = [[10, 12, 18, 27, 105, 16, 120, 23], [2, 2, 15, 8, 104, 109, 129, 125]]
