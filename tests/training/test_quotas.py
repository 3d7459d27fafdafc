"""Rows of each source, step by step: whole, never far from the mixtures, and known for any step at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.plan.quotas import Quotas, quota

from .plans import HUNDREDS, phase

NAMES = "abcdefghijklmnop"


@st.composite
def mixes_of(draw, count):
    """Weights of `count` sources, many of them tiny, some of them switched off."""
    shares = draw(st.lists(st.floats(0.01, 1), min_size=count, max_size=count))
    power = draw(st.integers(1, 6))
    on = draw(st.sets(st.integers(0, count - 1), min_size=1)) if draw(st.booleans()) else range(count)
    return {NAMES[n]: shares[n] ** power + 1e-5 for n in on}


@st.composite
def curricula_of(draw, sources, phases, steps=30):
    """Phases of so many sources, with hard switches and ramps; and the rows of a batch."""
    out = []
    for number in range(draw(phases)):
        length = draw(st.integers(1, steps))
        ramp = draw(st.integers(0, length)) if number and draw(st.booleans()) else 0
        out.append(phase(length, draw(mixes_of(draw(st.just(sources)))), ramp))
    return out, draw(st.integers(1, 60))


def furthest(phases, batch_rows, names=NAMES):
    """How far in rows a source ever is from what was asked of it; counts are checked on the way."""
    quotas = Quotas(phases, names, batch_rows)
    counts = quotas.counts(0, sum(phase.steps for phase in phases))
    assert (counts.sum(axis=1) == batch_rows).all()
    assert (counts >= 0).all()
    weights = np.array(
        [mix.weights(n) for mix, p in zip(quotas.mixtures, phases, strict=True) for n in range(p.steps)]
    )
    assert not counts[weights == 0].any()
    return np.abs(np.cumsum(weights, axis=0) - np.cumsum(counts, axis=0) * quotas.unit).max() / quotas.unit


@HUNDREDS
@given(st.integers(1, 16).flatmap(lambda n: curricula_of(n, st.just(1), steps=50)))
def test_under_one_mixture_no_source_is_ever_a_row_from_plan(curriculum):
    assert furthest(*curriculum) < 1


@pytest.mark.slow
@HUNDREDS
@given(st.integers(1, 3).flatmap(lambda n: curricula_of(n, st.integers(2, 5))))
def test_up_to_three_sources_are_never_a_row_from_plan_across_switches_and_ramps(curriculum):
    assert furthest(*curriculum) < 1


@HUNDREDS
@given(st.integers(4, 16).flatmap(lambda n: curricula_of(n, st.integers(2, 5))))
def test_more_are_never_two_rows_from_plan(curriculum):
    assert furthest(*curriculum) < 2


def test_four_sources_cannot_all_be_within_a_row_whatever_the_future():
    # After two rows each of four sources is owed half a row. Whichever two got one are switched off: then the
    # other two are owed a whole row each, and there is one.
    equal = phase(2, dict.fromkeys("abcd", 1))
    counts = Quotas([equal], "abcd", 1).counts(0, 2)
    others = {name: 1 for name, count in zip("abcd", counts.sum(axis=0), strict=True) if not count}
    assert len(others) == 2
    assert furthest([equal, phase(1, others)], 1, "abcd") == 1
    assert np.array_equal(Quotas([equal, phase(1, others)], "abcd", 1).counts(0, 2), counts)  # as it was


@HUNDREDS
@given(st.integers(1, 6).flatmap(lambda n: curricula_of(n, st.integers(1, 4), steps=60)), st.data())
def test_counts_of_any_steps_are_those_of_one_step_after_another(curriculum, data):
    phases, batch_rows = curriculum
    names = NAMES[:6]
    quotas = Quotas(phases, names, batch_rows)
    lag, expected = [0] * 6, []
    for mixture, each in zip(quotas.mixtures, phases, strict=True):
        for step in range(each.steps):
            weights = mixture.weights(step)
            expected.append(quota(lag, weights, quotas.unit, batch_rows))
            lag = [a + w - c * quotas.unit for a, w, c in zip(lag, weights, expected[-1], strict=True)]
    for _ in range(5):
        first, last = sorted(data.draw(st.integers(0, len(expected))) for _ in range(2))
        assert quotas.counts(first, last).tolist() == expected[first:last]


def test_counts_repeat_and_what_is_left_over_is_carried_on():
    phases = [phase(100_000, {"a": 0.7, "b": 0.2, "c": 0.1}), phase(50_000, {"a": 1, "b": 2}, ramp_steps=7)]
    quotas = Quotas(phases, "abc", 48)
    whole = quotas.counts(0, 150_000)
    assert len(quotas._counts[0]._rows) == 5  # 33.6, 9.6 and 4.8 rows a step
    assert whole[:5].sum(axis=0).tolist() == [168, 48, 24]
    assert np.array_equal(whole[:100_000].reshape(-1, 5, 3)[-1], whole[:5])
    assert furthest(phases, 48, "abc") < 1
    odd = [phase(3_333, {"a": 0.7, "b": 0.2, "c": 0.1}), phase(5_000, {"a": 0.123456, "b": 1, "c": 0.0009})]
    assert furthest(odd, 240, "abc") < 1


def test_a_source_of_a_thousandth_arrives_as_planned():
    quotas = Quotas([phase(1000, {"a": 999, "b": 1})], "ab", 8)
    assert quotas.counts(0, 1000).sum(axis=0).tolist() == [7992, 8]


def test_a_ramp_goes_in_a_straight_line():
    phases = [phase(2, {"a": 1}), phase(5, {"b": 1}, ramp_steps=3)]
    mixture = Quotas(phases, "ab", 24).mixtures[1]
    whole = sum(mixture.after)
    assert [mixture.weights(step)[1] * 4 // whole for step in range(5)] == [1, 2, 3, 4, 4]
    assert all(sum(mixture.weights(step)) == whole for step in range(5))
