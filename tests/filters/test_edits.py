"""Edits: tables, and the laws that hold on any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.filters.edits import EDITS, c4_lines, edit, mask_pii, parameters, remove_citations

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


E = "email@example.com"
I = "192.0.2.1"  # noqa: E741


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        ("", ""),
        ("Write to jane.doe+x@mail.example.org.", f"Write to {E}."),
        ("<a@b.co>,c@d.de", f"<{E}>,{E}"),
        ("mailto:me@my-host.co.uk?subject=x", f"mailto:{E}?subject=x"),
        ("@user and user@ and user@host", "@user and user@ and user@host"),
        ("x" * 64 + "@mail.org", E),
        ("x" * 65 + "@mail.org", "x" * 65 + "@mail.org"),
        ("from 8.8.8.8, and 1.1.1.1.", f"from {I}, and {I}."),
        ("http://93.184.216.34:80/", f"http://{I}:80/"),
        ("private 10.0.0.1 192.168.1.1 127.0.0.1 stay", "private 10.0.0.1 192.168.1.1 127.0.0.1 stay"),
        ("section 8.8.8.8.1 or v1.2.3.4.5", "section 8.8.8.8.1 or v1.2.3.4.5"),
        ("v8.8.8.8 8.8.8.8b 8.8.8 8.8.8.256", "v8.8.8.8 8.8.8.8b 8.8.8 8.8.8.256"),
        ("08.8.8.8", "08.8.8.8"),
    ],
)
def test_mask_pii(text, edited):
    assert mask_pii(text) == edited


def test_placeholders_are_the_recipes():
    assert mask_pii("a@b.org 8.8.8.8", email="|||EMAIL|||", ip=r"\1") == r"|||EMAIL||| \1"


@given(ANY_TEXT | st.lists(st.sampled_from(["a@b.org", "8.8.8.8", " ", ".", "@", "x", "1"])).map("".join))
def test_masking_twice_is_masking_once(text):
    assert mask_pii(mask_pii(text)) == mask_pii(text)


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
    assert len(mask_pii(remove_citations(text))) <= len(text) * 10


def test_parameters_and_refusal():
    assert list(parameters("c4_lines")) == list(C4)
    assert parameters("c4_lines")["end_marks"].annotation == tuple[str, ...]

    def mask_pii(text):
        return text

    with pytest.raises(ValueError, match="already an edit") as error:
        edit(mask_pii)
    assert str(error.value) == "there is already an edit named 'mask_pii', in curation.filters.edits"
    assert set(EDITS) == {"c4_lines", "mask_pii", "remove_citations"}
