from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from curation.look.report.edits import aligned, edited
from curation.look.report.extraction import agreement
from curation.look.run import open_run

LINES = st.lists(st.sampled_from(["a b", "c", "", "a b c d", "e f"]), max_size=12).map("\n".join)


def words(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.split("\n") if line.strip()]


@given(LINES, LINES)
def test_both_sides_are_there_in_order(before: str, after: str) -> None:
    lines = list(aligned(before, after))
    if any(line.kind == "skipped" for line in lines):
        return
    left = ["".join(text for _, text in line.before) for line in lines]
    right = ["".join(text for _, text in line.after) for line in lines]
    assert [line for each in left for line in words(each)] == words(before)
    assert [line for each in right for line in words(each)] == words(after)


@given(LINES)
def test_equal_texts_have_no_change(text: str) -> None:
    assert {line.kind for line in aligned(text, text)} <= {"same", "skipped"}


def test_long_equal_stretches_are_counted() -> None:
    text = "\n".join(f"line {n}" for n in range(50))
    kinds = [line.kind for line in aligned(text, text + "\nmore")]
    assert kinds == ["skipped", "same", "same", "added"]


def test_edits_are_shown_with_what_the_stage_received(small_run: Path, judged: Path, tmp_path: Path) -> None:
    assert edited(open_run(str(small_run))) == {}, "no edit changed anything"
    assert edited(open_run(str(judged))) == {}, "what the filter received is not there"


def test_agreement_is_symmetric_and_whole_for_equal_texts() -> None:
    assert agreement("", "") == 1.0
    assert agreement("a", "") == 0.0
    assert agreement("a b b", "b c") == agreement("b c", "a b b")
