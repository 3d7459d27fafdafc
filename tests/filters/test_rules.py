"""Rules are closed intervals; not-a-number lies in none."""

from __future__ import annotations

import math

import pytest

from curation.filters.judge import judge_text
from curation.filters.rules import Pass, Rule
from curation.text.text import Text


@pytest.mark.parametrize(
    ("value", "is_broken"),
    [
        (49.0, True),
        (49.999999, True),
        (50.0, False),
        (75.0, False),
        (100.0, False),
        (100.000001, True),
        (math.nan, True),
        (math.inf, True),
    ],
)
def test_bounds_belong_to_the_interval(value, is_broken):
    assert Rule(name="w", signal="word_count", min=50, max=100).broken_by(value) is is_broken


@pytest.mark.parametrize(("bounds", "value"), [({"min": 1}, 1e300), ({"max": 1}, -1e300)])
def test_a_missing_bound_is_no_bound(bounds, value):
    assert not Rule(name="w", signal="word_count", **bounds).broken_by(value)


def test_a_rule_measures_by_its_signal_and_options():
    rule = Rule(name="words", signal="word_count", min=3, options={"splitter": "alphanumeric"})
    assert rule.measure(Text("a -- b")) == 2.0


def test_every_broken_rule_is_found_in_recipe_order():
    rules = (
        Rule(name="b", signal="word_count", min=5),
        Rule(name="fine", signal="word_count", max=5),
        Rule(name="a", signal="text_length", max=1),
    )
    step = Pass(name="p", edits=(), rules=rules)
    verdict = judge_text("ab", "crawl", [step], measure_all=False)
    assert [(reason["name"], reason["value"]) for reason in verdict.reasons] == [("p.b", 1.0), ("p.a", 2.0)]
    assert [*verdict.measures] == ["p.b", "p.fine", "p.a"]


def test_a_pass_concerns_the_sources_it_names_or_all():
    assert Pass(name="p", edits=(), rules=()).applies_to("wiki")
    assert Pass(name="p", edits=(), rules=(), only=("crawl", "wiki")).applies_to("wiki")
    assert not Pass(name="p", edits=(), rules=(), only=("crawl",)).applies_to("wiki")
