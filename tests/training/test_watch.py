"""What counts as a spike."""

import json

import pytest

from training.settings import WatchConfig
from training.watch import SpikeDetector, robust_z


def watched(values, **asked):
    watch = SpikeDetector(WatchConfig(**{"min_steps": 4, "window_steps": 8, "max_z": 8} | asked))
    return [watch.judge(value, 1.0) for value in values]


def test_a_spike_is_told_with_its_measure():
    assert watched([4.0, 4.1, 3.9, 4.0, 4.1, 9.0])[-1] == (
        "loss 9 is 33.7 robust deviations above the median 4 of 5 steps"
    )


@pytest.mark.parametrize(
    ("values", "spikes"),
    [
        ([4.0, 4.1, 3.9, 9.0], []),  # too few steps to know
        ([4.0, 4.1, 3.9, 4.0, 4.5], []),  # 6.7 deviations
        ([4.0, 4.1, 3.9, 4.0, 4.7], [4]),
        ([4.0, 4.1, 3.9, 4.0, 0.1], []),  # below is no spike
        ([4.0, 4.0, 4.0, 4.0, 4.1], []),  # a flat stretch does not make a small step one
        ([4.0, 4.0, 4.0, 4.0, 4.4], [4]),
        ([4.0, 4.1, 3.9, 4.0, 9.0, 9.0, 9.0], [4, 5, 6]),  # a spike does not hide the next
        ([float("nan")], [0]),  # not finite: whatever has been seen
        ([float("inf")], [0]),
    ],
)
def test_which_steps_are_spikes(values, spikes):
    assert [step for step, why in enumerate(watched(values)) if why] == spikes


def test_the_gradient_norm_is_watched_too():
    watch = SpikeDetector(WatchConfig(min_steps=2))
    for _ in range(3):
        assert not watch.judge(4.0, 1.0)
    assert watch.judge(4.0, 9.0).startswith("grad_norm 9 is ")
    assert watch.judge(float("nan"), float("inf")) == "loss is nan; grad_norm is inf"


def test_so_many_spikes_in_a_row_are_a_new_level():
    values = [4.0, 4.1, 3.9, 4.0, *[9.0] * 9, 14.0]
    assert [step for step, why in enumerate(watched(values)) if why] == [4, 5, 6, 7, 13]


def test_a_phase_has_a_level_of_its_own():
    watch = SpikeDetector(WatchConfig(min_steps=4))
    for _ in range(6):
        assert not watch.judge(4.0, 1.0, phase=0)
    for _ in range(6):
        assert not watch.judge(9.0, 1.0, phase=1)
    assert watch.judge(14.0, 1.0, phase=1)


def test_what_it_has_seen_goes_through_json_and_judges_alike():
    first = SpikeDetector(WatchConfig(min_steps=4, window_steps=6))
    for n in range(9):
        first.judge(4.0 + 0.1 * (n % 3), 1.0 + 1 / 3, phase=1)
    second = SpikeDetector(WatchConfig(min_steps=4, window_steps=6))
    second.load(json.loads(json.dumps(first.state())))
    for value in (4.1, 9.0, 9.0, 4.0):
        assert second.judge(value, 1.0, phase=1) == first.judge(value, 1.0, phase=1)
    assert second.state() == first.state()


def test_the_deviation_is_of_the_middle_half():
    assert robust_z(4.0, [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 1000.0]) == pytest.approx(2 / 1.4826)
