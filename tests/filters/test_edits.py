"""Edits: tables, and the laws that hold on any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.filters import EDITS, edit
from curation.filters.edits import c4_lines, cut_phrases, drop_lines, remove_citations

C4 = {
    "min_words": 5,
    "max_word_length": 20,
    "end_marks": (".", "?", "!", '"'),
    "not_end_marks": ("...",),
    "drop_phrases": ("javascript", "use cookies"),
}
ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("line", "stays"),
    [
        ("", False),
        ("One two three four five.", True),
        ("One two three four.", False),
        ("One two three four five", False),
        ("One two three four five...", False),
        ("One two three four five…", False),
        ("One two three four five?", True),
        ('One two three four "five."', True),
        ("One two three four five;", False),
        ("One two three four " + "f" * 19 + ".", True),
        ("One two three four " + "f" * 20 + ".", False),
        ("Please enable JavaScript to go on.", False),
        ("We Use Cookies on this site.", False),
        ("We use cookie jars on this site.", True),
    ],
)
def test_c4_lines_keeps_prose(line, stays):
    before, after = "The first line always stays here.", "So does the last line here."
    expected = [before, line, after] if stays else [before, after]
    assert c4_lines(f"{before}\n  {line}\t\n{after}\n", **C4) == "\n".join(expected)


def test_without_end_marks_any_end_will_do():
    options = {**C4, "end_marks": (), "not_end_marks": ()}
    assert c4_lines("One two three four five\nOne two.", **options) == "One two three four five"


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("a[1] b[] c[edit] d[citation needed]", "a b c d"),
        ("a[12a] b[Edit] [x]", "a[12a] b[Edit] [x]"),
        ("", ""),
    ],
)
def test_remove_citations(text, edited):
    assert remove_citations(text) == edited


REFINED = {
    "min_words": 2,
    "max_uppercase_fraction": 0.5,
    "max_digit_fraction": 0.999999,
    "counters": ("likes", "shares"),
}


@pytest.mark.parametrize(
    ("line", "stays"),
    [
        ("", True),
        ("  \t", True),
        ("Two words", True),
        ("word", False),
        ("ABcd EFgh", True),  # 4 of 9
        ("ABC DEF g", False),  # 6 of 9
        ("AB cd", True),
        ("| AB | cd |", True),  # reads as "AB   cd"
        ("12 34", True),
        ("1234", False),
        ("3 likes", False),
        ("· 3,201 Likes ·", False),
        ("12.5K shares!", False),
        ("12 K shares", True),
        ("3 likes and more", True),
        ("likes 3", True),
        ("3likes too", True),
    ],
)
def test_drop_lines(line, stays):
    before, after = "The first line always stays here.", "So does the last line here."
    expected = [before, line, after] if stays else [before, after]
    assert drop_lines("\n".join([before, line, after]), **REFINED) == "\n".join(expected)


@pytest.mark.parametrize(
    ("line", "at", "left"),
    [
        ("Sign-in to go on", "start", "to go on"),
        ("  SIGN-IN to go on", "start", "to go on"),
        ("Please sign-in", "start", "Please sign-in"),
        ("Please sign-in", "end", "Please"),
        ("Now sign-in or leave", "anywhere", "Now or leave"),
        ("Sign-in", "anywhere", None),
        (
            "Sign-in one two three four five six seven eight nine",
            "start",
            "one two three four five six seven eight nine",
        ),
        (
            "Sign-in one two three four five six seven eight nine ten",
            "start",
            "Sign-in one two three four five six seven eight nine ten",
        ),
        ("Signxin to go on", "start", "Signxin to go on"),
    ],
)
def test_cut_phrases(line, at, left):
    text = f"first\n\n{line}\nlast"
    expected = ["first", "", left, "last"] if left is not None else ["first", "", "last"]
    assert cut_phrases(text, phrases=("Sign-in",), max_words=10, at=at) == "\n".join(expected)


@given(ANY_TEXT | st.lists(st.sampled_from(["A", "a b", "1", "3 likes", "\n", " "])).map("".join))
def test_dropping_lines_twice_is_dropping_them_once(text):
    dropped = drop_lines(text, **REFINED)
    assert drop_lines(dropped, **REFINED) == dropped
    assert set(dropped.split("\n")) <= set(text.split("\n")) | {""}


@given(ANY_TEXT)
def test_cleaning_lines_twice_is_cleaning_them_once_and_only_leaves_out(text):
    cleaned = c4_lines(text, **C4)
    assert c4_lines(cleaned, **C4) == cleaned
    assert len(cleaned) <= len(text)


@pytest.mark.parametrize(
    "text",
    ["a" * 300_000, "a@" * 100_000, "a.a" * 100_000 + "@", "1." * 200_000, "[" * 300_000, "@a.a" * 80_000],
)
def test_no_text_makes_an_edit_slow(text):
    # A quadratic pattern would take minutes here and end the run by its time limit.
    assert len(remove_citations(text)) <= len(text)
    assert len(drop_lines(text, **REFINED)) <= len(text)
    assert len(cut_phrases(text, phrases=("a@", "1.", "."), max_words=2, at="end")) <= len(text)


def test_a_second_edit_of_a_name_is_refused():
    def c4_lines(text):
        return text

    with pytest.raises(ValueError, match="already an edit") as error:
        edit(c4_lines)
    assert str(error.value) == "there is already an edit named 'c4_lines', in curation.filters.edits"
    assert {"c4_lines", "cut_phrases", "drop_lines", "mask_pii", "remove_citations"} <= set(EDITS)
