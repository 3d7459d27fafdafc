"""What holds for every signal: finite on any text, inside its unit, the same twice."""

from __future__ import annotations

import inspect
import math
from typing import Literal, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.signals import SIGNALS, UNITS
from curation.text.text import Text

#: Options for those that have no default; with every splitter and switch the others are drawn from types.
REQUIRED = {
    "n": st.integers(1, 12),
    "symbols": st.just(("#", "...", "…")),
    "words": st.just(("the", "a", "of")),
    "phrases": st.just(("{", "lorem ipsum")),
    "starts": st.just(("- ", "•")),
    "endings": st.just((".", "…")),
    "length": st.integers(0, 60),
    "language": st.sampled_from(["en", "de", "un"]),
    "script": st.sampled_from(["Latn", "Hani", "none"]),
}
ODD = [
    "",
    " ",
    "\n\n\n",
    "\x00",
    "\ud800",
    "a \udfff b",
    "👩‍👩‍👧 🏳️‍🌈 e\u0301",
    "\u202e\u200b\ufeff",
    "...",
    "# # #",
    "a " * 3000,
    "a" * 200_000,
    "word, and " * 20_000,
    "ab\n" * 5000,
    "\n" * 10_000,
    "." * 20_000 + '"' * 20_000,
    "北京大学。" * 500,
    "\ufdfa" * 50 + "ﬃ ß İ",
]
#: Those that cannot run without a file: tests/signals/test_models.py and test_urls.py have them.
MODELS = {"fasttext_probability", "blocked_entry_count", "listed_phrase_count"}
MODELS |= {"unigram_perplexity", "importance_ratio", "kenlm_perplexity"}  # in test_likeness.py
NAMES = sorted(set(SIGNALS) - MODELS)
ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))
WORDY = st.lists(
    st.sampled_from(["a", "the", "of", "#", "…", "...", "- ", "b.", "\n", "\n\n", "é", "北"])
).map(" ".join)


@st.composite
def options(draw, name):
    chosen = {}
    for option in list(inspect.signature(SIGNALS[name], eval_str=True).parameters.values())[1:]:
        if option.default is inspect.Parameter.empty:
            chosen[option.name] = draw(REQUIRED[option.name])
        elif isinstance(option.default, bool):
            chosen[option.name] = draw(st.booleans())
        elif get_origin(option.annotation) is Literal:
            chosen[option.name] = draw(st.sampled_from(get_args(option.annotation)))
        elif option.name == "ignore":
            chosen[option.name] = draw(st.sampled_from(["", "#.…-"]))
    return chosen


def check(name, raw, chosen):
    value = SIGNALS[name](Text(raw), **chosen)
    low, high = UNITS[name.rpartition("_")[2]]
    assert type(value) is float
    assert math.isfinite(value)
    assert low <= value <= high
    assert SIGNALS[name](Text(raw), **chosen) == value


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_signal_is_finite_and_inside_its_unit_on_any_text(name, data):
    check(name, data.draw(ANY_TEXT | WORDY), data.draw(options(name)))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_every_signal_is_finite_and_inside_its_unit_on_odd_texts(name, data):
    chosen = data.draw(options(name))
    for raw in ODD:
        check(name, raw, chosen)


@settings(max_examples=60, deadline=None)
@given(raw=ANY_TEXT | WORDY, order=st.permutations(NAMES), data=st.data())
def test_no_signal_depends_on_which_were_asked_before(raw, order, data):
    chosen = {name: data.draw(options(name)) for name in NAMES}
    shared = Text(raw)
    together = {name: SIGNALS[name](shared, **chosen[name]) for name in order}
    alone = {name: SIGNALS[name](Text(raw), **chosen[name]) for name in NAMES}
    assert together == alone
