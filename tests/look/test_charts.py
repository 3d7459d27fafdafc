from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.look.render import cards as samples
from curation.look.render import charts

VALUES = st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), max_size=50)
BOUNDS = st.one_of(st.just(-math.inf), st.just(math.inf), st.floats(-1e6, 1e6))


@given(kept=VALUES, removed=VALUES, low=BOUNDS, high=BOUNDS)
def test_a_histogram_counts_every_value_once(
    kept: list[float], removed: list[float], low: float, high: float
) -> None:
    drawn = charts.histogram(kept, removed, low, high, "a < b & c")
    ElementTree.fromstring(str(drawn))
    counts = re.findall(r"<title>(\d+) kept, (\d+) removed</title>", drawn)
    assert [sum(int(pair[n]) for pair in counts) for n in (0, 1)] == [len(kept), len(removed)]


@pytest.mark.parametrize(
    ("low", "high", "lines"),
    [(-math.inf, math.inf, 0), (1.0, math.inf, 1), (1.0, 9.0, 2), (None, 9.0, 1)],
)
def test_a_histogram_draws_the_bounds_that_bind(low: float | None, high: float | None, lines: int) -> None:
    assert charts.histogram([1.0, 5.0], [20.0], low, high, "x").count('<line class="bound"') == lines


@given(VALUES, BOUNDS, BOUNDS)
def test_no_value_lies_beyond_the_ends_of_a_scale(values: list[float], low: float, high: float) -> None:
    found = charts.scale(np.array(values), [low, high])
    inside = [*values, float(found.edges[0]), float(found.edges[-1])]
    assert found.least <= min(inside) <= max(inside) <= found.most
    assert found.below == any(value < found.edges[0] for value in values)
    assert found.above == any(value > found.edges[-1] for value in values)


@pytest.mark.parametrize(
    ("outlier", "first", "last"), [(7.0, "4", "≥ 6"), (1.0, "≤ 4", "6"), (5.0, "4", "6")]
)
def test_an_end_that_holds_more_says_so(outlier: float, first: str, last: str) -> None:
    drawn = charts.histogram([5.0] * 300, [outlier], 4.0, 6.0, "x")
    assert f'text-anchor="start">{first}</text>' in drawn
    assert f'text-anchor="end">{last}</text></svg>' in drawn


@settings(max_examples=20)
@given(losses=st.lists(st.floats(-1e3, 1e3) | st.just(math.nan), max_size=30))
def test_a_curve_is_drawn_of_any_losses(losses: list[float]) -> None:
    steps = list(range(len(losses)))
    drawn = charts.curve(steps, losses, ["<one> 段階 $x$"] * len(losses), "loss")
    ElementTree.fromstring(str(drawn))
    assert "nan" not in drawn


def test_phases_are_shaded_where_they_reach() -> None:
    drawn = charts.curve([0, 1, 2, 3], [4, 3, 2, 1], ["a", "a", "b", "b"], "loss")
    shades = re.findall(r'<g id="phase\d-\d">\s*<path d="([^"]*)"', drawn)
    widths = [float(np.ptp(np.array(re.findall(r"[\d.]+", shade), float)[::2])) for shade in shades]
    assert len(widths) == 2
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.2)


@given(st.text(), st.text())
def test_word_changes_give_back_the_removed_document(kept: str, removed: str) -> None:
    pieces = samples.word_changes(kept, removed)
    text = "".join(piece for kind, piece in pieces if kind in ("same", "added"))
    assert text == removed.lstrip()


def test_long_equal_stretches_are_shortened() -> None:
    words = " ".join(f"w{n}" for n in range(100))
    (piece,) = samples.word_changes(words, words)
    assert piece == (
        "same",
        f"{' '.join(f'w{n}' for n in range(12))}  […76 words…] w88 "
        + " ".join(f"w{n}" for n in range(89, 100)),
    )
