from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from curation.look import cells, frames, thresholds

RULES = pd.DataFrame(
    {"name": ["p.a", "p.b"], "signal": ["a", "b"], "min": [2.0, -float("inf")], "max": [float("inf"), 5.0]}
)
MEASURED = pd.DataFrame(
    {
        "source": ["x", "x", "y", "y"],
        "state": ["dropped", "kept", "dropped", "kept"],
        "p.a": [1.0, 2.0, 1.0, None],
        "p.b": [5.0, 5.0, 5.1, 4.0],
    }
)


def test_the_same_bounds_change_nothing() -> None:
    table = thresholds.what_if(MEASURED, RULES, {})
    assert table.loc["all"].to_dict() == {"kept now": 2, "kept then": 2, "gained": 0, "lost": 0}


@pytest.mark.parametrize(
    ("changes", "kept", "gained", "lost"),
    [
        ({"p.a": {"min": 1.0}}, 3, 1, 0),
        ({"p.a": {"min": 2.1}}, 1, 0, 1),
        ({"p.a": {"min": 1.0}, "p.b": {"max": 5.1}}, 4, 2, 0),
        ({"p.b": {"max": 4.0}}, 1, 0, 1),
    ],
)
def test_another_bound(changes: dict[str, dict[str, float]], kept: int, gained: int, lost: int) -> None:
    row = thresholds.what_if(MEASURED, RULES, changes).loc["all"]
    assert (row["kept then"], row["gained"], row["lost"]) == (kept, gained, lost)


def test_an_unknown_rule_names_those_there_are() -> None:
    with pytest.raises(KeyError, match=re.escape("no rule is called 'p.c'; known: p.a, p.b")):
        thresholds.what_if(MEASURED, RULES, {"p.c": {"min": 1.0}})


def test_alone_counts_what_no_other_rule_breaks() -> None:
    table = thresholds.alone(MEASURED, RULES)
    assert table.to_dict("index") == {"p.a": {"records": 2, "alone": 1}, "p.b": {"records": 1, "alone": 0}}
    overlap = thresholds.overlap(MEASURED, RULES)
    assert overlap.loc["p.a", "p.b"] == 0.5
    assert overlap.loc["p.b", "p.a"] == 1.0


def test_the_stored_measures_give_the_stored_verdicts(small_run: Path) -> None:
    measured, rules = frames.measures(str(small_run)), frames.rules(str(small_run))
    kept = thresholds.verdicts(measured, rules).all(axis=1)
    assert (kept == (measured["state"] == "kept")).all()


def test_cells_show_hostile_text_as_text(small_run: Path, metrics: Path) -> None:
    frame = frames.documents(str(small_run), "filter")
    shown = [
        cells.documents(frame),
        cells.pair(frames.pairs(str(small_run)).iloc[0]),
        cells.histograms(frames.measures(str(small_run)), frames.rules(str(small_run))),
        cells.loss(frames.training(str(metrics))),
    ]
    for cell in shown:
        html = cell._repr_html_()
        assert not re.search("<script|<img|<a |[\x00\x1b\u202e]", html)
    assert "&lt;script&gt;" in shown[0].html
    assert "<ins" in shown[1].html
    assert shown[2].html.count("<svg") == 2
    assert "main &amp; &lt;late&gt;" in shown[3].html
