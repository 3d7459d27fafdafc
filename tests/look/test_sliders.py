from __future__ import annotations

import base64
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curation.look import frames
from curation.look.report.sliders import narrowed, slider_data
from curation.look.run import open_run

NUMBERS = st.floats(-1e30, 1e30)


@given(st.lists(NUMBERS, max_size=20), NUMBERS, NUMBERS)
def test_values_stay_on_their_side_of_each_bound(values: list[float], one: float, other: float) -> None:
    low, high = sorted((one, other))
    small = narrowed(np.array([*values, low, high, math.nextafter(low, -math.inf)]), low, high)
    with np.errstate(over="ignore"):
        floor, ceiling = np.float32(low), np.float32(high)
    for value, packed in zip([*values, low, high, math.nextafter(low, -math.inf)], small, strict=True):
        assert (value < low) == bool(packed < floor)
        assert (value > high) == bool(packed > ceiling)


def test_the_page_counts_as_the_run_did(judged: Path) -> None:
    frame = frames.documents(str(judged), "filter")
    data = slider_data(frame, open_run(str(judged)).bounds)
    broken = np.zeros(len(frame), np.int64)
    for rule in data["rules"]:
        values = np.frombuffer(base64.b64decode(rule["values"]), "<f4")
        low, high = (np.float32(-np.inf if rule["low"] is None else rule["low"]),
                     np.float32(np.inf if rule["high"] is None else rule["high"]))  # fmt: skip
        broken += (values < low) | (values > high)
    assert ((broken == 0) == (frame["state"] == "kept")).all()
    characters = np.frombuffer(base64.b64decode(data["characters"]), "<f4")
    assert characters[broken == 0].sum() == frames.ledgers(str(judged)).iloc[0]["kept_characters"]
    assert set(base64.b64decode(data["fixed"])) == {0}
    assert data["documents"] == len(frame) == 150


def test_nothing_judged_is_nothing_to_move(judged: Path) -> None:
    frame = frames.documents(str(judged), "filter").head(0)
    assert slider_data(frame, open_run(str(judged)).bounds) == {}


def test_a_languages_own_bounds_stay(judged: Path) -> None:
    frame = frames.documents(str(judged), "filter")
    bounds = open_run(str(judged)).bounds
    own = np.full(len(bounds.names), -np.inf), np.array([4.0, *[np.inf] * (len(bounds.names) - 1)])
    data = slider_data(frame, replace(bounds, per_language={"de": own}))
    fixed = np.frombuffer(base64.b64decode(data["fixed"]), "u1")
    german = (frame["language"] == "de").to_numpy()
    longer = np.array([each.get(bounds.names[0], np.nan) > 4 for each in frame["measures"]])
    assert (fixed == (german & longer)).all()
    assert fixed.sum() > 3
    for rule in data["rules"]:
        values = np.frombuffer(base64.b64decode(rule["values"]), "<f4")
        assert np.isnan(values[german]).all()


def test_a_language_follows_a_moved_bound_unless_it_has_its_own(judged: Path) -> None:
    bounds = open_run(str(judged)).bounds
    low, high = bounds.low.copy(), bounds.high.copy()
    low[1] = 2.5
    moved = replace(bounds, per_language={"de": (low, high)})
    for number in (0, 1):
        moved = moved.changed(bounds.names[number], "min", 7.0)
    assert moved.low[:2].tolist() == [7.0, 7.0]
    assert moved.per_language["de"][0][:2].tolist() == [7.0, 2.5]
    assert moved.own("de").tolist() == [number == 1 for number in range(len(bounds.names))]
    assert low[0] == bounds.low[0], "what was moved is a copy"
