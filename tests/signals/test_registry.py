"""The registry: units, options, refusals."""

from __future__ import annotations

import inspect

import pytest

from curation.signals import SIGNALS, UNITS
from curation.signals.registry import signal


@pytest.mark.parametrize("name", sorted(SIGNALS))
def test_every_signal_says_its_unit_its_types_and_what_it_returns(name):
    assert name.rpartition("_")[2] in UNITS
    assert SIGNALS[name].__name__ == name
    signature = inspect.signature(SIGNALS[name], eval_str=True)
    assert signature.return_annotation is float
    first, *options = signature.parameters.values()
    assert first.name == "text"
    assert all(option.kind is option.KEYWORD_ONLY for option in options)
    assert all(option.annotation is not option.empty for option in options)
    assert (inspect.getdoc(SIGNALS[name]) or "").strip()


def test_a_second_signal_of_a_name_is_refused():
    def word_count(text):
        return 0.0

    with pytest.raises(ValueError, match="already a signal") as error:
        signal(word_count)
    assert str(error.value) == "there is already a signal named 'word_count', in curation.signals.words"


def test_a_name_without_a_unit_is_refused():
    def quality(text):
        return 0.0

    with pytest.raises(ValueError, match="does not end in a unit") as error:
        signal(quality)
    assert str(error.value) == (
        "signal 'quality' does not end in a unit; a signal's name ends in one of: "
        "count, length, ratio, fraction, probability, entropy, perplexity"
    )
    assert "quality" not in SIGNALS
