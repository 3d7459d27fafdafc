from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.filters.rules import Rule
from curation.look.run import open_run
from curation.look.run.spans import _stretches, measurable, segments, spans

PROSE = "The first line says something of its own.\n"


def marked(text: str, rule: Rule, value: float) -> list[str]:
    return [text[start:end] for start, end in spans(text, rule, value)]


def test_a_repeated_line_is_marked_wherever_it_stands() -> None:
    rule = Rule(name="r", signal="duplicate_line_fraction", max=0.1)
    text = f"{PROSE}Read more\nAnother line of prose follows.\nRead more\nRead more\n"
    assert marked(text, rule, 0.4) == ["Read more"] * 3


def test_a_line_of_long_words_is_marked_and_a_text_too_short_has_no_span() -> None:
    rule = Rule(name="r", signal="mean_word_length", min=3, max=10)
    text = f"{PROSE}{'x' * 60} {'y' * 60}\n{PROSE}"
    assert marked(text, rule, 12.0) == [f"{'x' * 60} {'y' * 60}"]
    assert marked(f"{PROSE}short\n", Rule(name="r", signal="word_count", min=50), 9.0) == []


def test_a_text_of_one_line_is_marked_by_sentences() -> None:
    rule = Rule(name="r", signal="symbol_word_ratio", max=0.1, options={"symbols": ("#",)})
    assert marked("Some prose here. # # # # tags. And an end.", rule, 0.4) == ["# # # # tags."]


@given(st.text("ab\n", max_size=200), st.integers(1, 40))
def test_stretches_are_a_text_in_its_order_and_none_is_long(text: str, characters: int) -> None:
    found = _stretches(text, characters)
    assert "".join(text[start:end] for start, end in found) == text
    assert all(characters <= end - start < 2 * characters for start, end in found[:-1])
    assert all(0 < end - start < 2 * characters for start, end in found[-1:])


def test_rules_of_models_and_of_other_versions_are_left_out(small_run: Path, judged: Path) -> None:
    assert set(measurable(open_run(str(small_run)).rules)) == {"gopher.word_count", "gopher.mean_word_length"}
    found = measurable(open_run(str(judged)).rules)
    assert found["gopher.mean_word_length"].max == 8
    assert set(found) == {"gopher.word_count", "gopher.mean_word_length", "house.line_count"}


PLACES = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)).map(sorted).map(tuple), max_size=4)


@given(st.text(min_size=20, max_size=20), st.dictionaries(st.integers(0, 3), PLACES, max_size=3))
def test_segments_give_back_the_text_and_its_marks(
    text: str, marks: dict[int, list[tuple[int, int]]]
) -> None:
    found = list(segments(text, marks))
    assert "".join(part for part, _ in found) == text
    at = 0
    for part, on in found:
        for place in range(at, at + len(part)):
            assert set(on) == {n for n, spots in marks.items() if any(a <= place < b for a, b in spots)}
        at += len(part)


@pytest.mark.parametrize("text", ["", "one", "\n\n\n"])
def test_a_text_without_lines_has_no_span(text: str) -> None:
    assert spans(text, Rule(name="r", signal="word_count", max=0), 1.0) == []
