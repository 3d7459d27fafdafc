"""Which rows a lane reads, in which order, and which lane gets which rows of a step."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.shards.pack import order_keys
from training.plan import Plan
from training.plan.deal import Deal
from training.plan.order import Order, rotations
from training.plan.quotas import Quotas

from .plans import HUNDREDS, batches, epoch_of, phase, sources_of


def test_a_new_epoch_has_a_new_order():
    order = Order(sources_of([50, 50])[0], 2, seed=1)
    places = [epoch_of(order, 0, epoch) for epoch in range(3)]
    assert len({tuple(rows) for rows in places}) == 3
    assert len({frozenset(rows) for rows in places}) == 1


def test_lanes_own_shards_but_for_the_cuts():
    order = Order(sources_of([7] * 40)[0], 8, seed=1)
    owners = [{shard for shard, _ in epoch_of(order, lane)} for lane in range(8)]
    assert sum(map(len, owners)) - len(set().union(*owners)) <= 8 - 1


@pytest.mark.slow
@HUNDREDS
@given(st.integers(1, 30), st.integers(1, 4), st.integers(1, 6), st.integers(0, 99), st.data())
def test_every_lane_gets_its_share_and_the_counts_are_those_of_the_slots(lanes, share, sources, seed, data):
    mix = {name: data.draw(st.floats(0.001, 1)) for name in "abcdef"[:sources]}
    quotas = Quotas([phase(60, mix)], sorted(mix), lanes * share)
    deal = Deal(quotas, sources, lanes=lanes, seed=seed)
    first = data.draw(st.integers(0, 40))
    slots, cursors = deal.slots(first, 60)
    assert slots.shape == cursors.shape == (60 - first, lanes * share)
    drawn = np.zeros((sources, lanes), np.int64)
    for step, (row, where) in enumerate(zip(slots, cursors, strict=True)):
        assert np.array_equal(deal.cursors(first, first + step), drawn)
        assert np.bincount(row, minlength=sources).tolist() == quotas.counts(0, 60)[first + step].tolist()
        for slot, (source, cursor) in enumerate(zip(row, where, strict=True)):
            assert cursor == drawn[source, slot // share]
            drawn[source, slot // share] += 1
    assert np.array_equal(deal.cursors(first, 60), drawn)
    assert np.array_equal(deal.cursors(0, first) + drawn, deal.cursors(0, 60))


def test_lanes_keep_step_with_each_other_in_every_source():
    # Else one lane would begin a source again long before another has read it once.
    quotas = Quotas([phase(100_000, {"a": 0.979, "b": 0.02, "c": 0.001})], list("abc"), 48)
    rows = Deal(quotas, 3, lanes=48, seed=1).cursors(0, 100_000)
    expected = rows.sum(axis=1, keepdims=True) / 48
    assert (np.abs(rows - expected) < 5 * np.sqrt(expected)).all()  # as if dealt at random, or better


def test_rotations_are_known_alone_and_look_random():
    whole = rotations(0, 48_000, seed=1)
    assert np.array_equal(whole[777:900], rotations(777, 900, seed=1))
    assert not np.array_equal(whole, rotations(0, 48_000, seed=2))
    counts = np.bincount(whole % 48)
    assert ((counts - 1000) ** 2 / 1000).sum() < 85  # chi square of 47 degrees: 1 in 2,000 is above
    assert abs(np.corrcoef(whole[1:] % 48, whole[:-1] % 48)[0, 1]) < 0.02


def waviness(values):
    """How much the 100-step mean of a row's quantity moves, over what it would if rows were drawn at random.

    `values` are (steps, rows). 1 is noise; a plan that reads a stretch of like documents at a time has more.
    """
    means = values.mean(axis=1)
    windows = means[: len(means) // 100 * 100].reshape(-1, 100).mean(axis=1)
    return windows.std(ddof=1) / (values.std() / np.sqrt(100 * values.shape[1]))


def test_the_order_is_no_wavier_than_noise_on_shards_of_ours_and_very_much_on_sorted_ones():
    quantity, ids = (
        np.random.default_rng(2).normal(size=60_000),
        pa.array([f"{n:032x}" for n in range(60_000)]),
    )
    plan = Plan(sources_of([500] * 120), [phase(2400, {"a": 1})], batch_rows=24, lanes=24, seed=1)
    places = [[row.shard * 500 + row.row for row in batch] for batch in batches(plan, 1)]
    # Ours: documents stand in the order of a hash of their ids. The control: in the order of the quantity.
    hashed = [quantity[np.argsort(order_keys(seed, ids))] for seed in range(12)]
    assert (
        np.mean([waviness(each[places]) for each in hashed]) < 1.1
    )  # of 24 windows, one is within 0.15 of 1
    assert waviness(np.sort(quantity)[places]) > 3
