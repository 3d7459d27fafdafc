"""Edits that clean a text: hand-made values, the published ones, and what holds for any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.filters import EDITS
from curation.filters.cleaning import cap_newlines, drop_matching_lines, drop_repeated, fix_unicode
from curation.filters.judge import judge_text
from curation.filters.rules import Edit, Pass
from curation.text.parts import parts

from .pinned import loaded

UNITS = ("line", "paragraph", "sentence", "three_sentences")


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("schÃ¶n", "schön"),  # the examples of ftfy's documentation
        ("âœ” No problems", "✔ No problems"),
        ("The Mona Lisa doesnÃƒÂ¢Ã¢â€šÂ¬Ã¢â€žÂ¢t have eyebrows.", "The Mona Lisa doesn’t have eyebrows."),
        ("ＬＯＵＤ　ＮＯＩＳＥＳ", "LOUD NOISES"),
        ("“straight” stays &amp; so do entities", "“straight” stays &amp; so do entities"),
        ("e\u0301 a\ud800b\x00\r\nc", "é a\ufffdb\nc"),
        ("", ""),
    ],
)
def test_wrongly_decoded_text_is_restored(text: str, fixed: str) -> None:
    assert fix_unicode(text) == fixed


def test_what_ftfy_does_otherwise_is_an_option() -> None:
    assert fix_unicode("“a” &amp; b", uncurl_quotes=True, unescape_html=True) == '"a" & b'
    assert fix_unicode("e\u0301½", normalization="none") == "e\u0301½"
    assert fix_unicode("½", normalization="NFKC") == "1⁄2"


@pytest.mark.parametrize(
    ("text", "most", "left"),
    [
        ("a\n\n\n\nb\n\nc\nd", 2, "a\n\nb\n\nc\nd"),  # newline_removal_modifier of DCLM
        ("a\n\n\n\n\n\nb", 3, "a\n\n\nb"),
        ("\n\n\n", 1, "\n"),
        ("a\n \n\n\nb", 2, "a\n \n\nb"),
        ("", 2, ""),
    ],
)
def test_newlines_are_capped(text: str, most: int, left: str) -> None:
    assert cap_newlines(text, max_consecutive=most) == left


def test_dclm_caps_newlines_before_it_looks_at_lines() -> None:
    edited = judge_text(
        "one line of it\n\n\n\nanother line of it", "crawl", [loaded("dclm_lines")], measure_all=True
    )
    assert edited.text == "one line of it\n\nanother line of it"


LINES = "Share on Facebook\n\nA line of prose.\n12 likes and more\nComments off\n  SHARE it with everybody you know today"


def test_lines_go_by_pattern_and_by_phrase() -> None:
    assert drop_matching_lines(LINES, patterns=(r"^\d+ likes", "off$")) == (
        "Share on Facebook\n\nA line of prose.\n  SHARE it with everybody you know today"
    )
    assert (
        drop_matching_lines(LINES, starts=("share",)) == "\nA line of prose.\n12 likes and more\nComments off"
    )
    assert drop_matching_lines(LINES, starts=("share",), max_words=3) == LINES.partition("\n")[2]
    assert drop_matching_lines(LINES, ends=("MORE", "off")) == (
        "Share on Facebook\n\nA line of prose.\n  SHARE it with everybody you know today"
    )
    assert drop_matching_lines(LINES) == LINES
    assert drop_matching_lines("**Share** it\n# Share", "markdown", starts=("share",)) == ""


@pytest.mark.parametrize(
    ("unit", "text", "left"),
    [
        ("line", "Menu\nOne.\n  Menu \nTwo.\nMenu", "Menu\nOne.\nTwo."),
        ("paragraph", "x\ny\n\nz\n\nx\ny\n\nx", "x\ny\n\nz\n\nx"),
        ("sentence", "One. Two. One. Three.\nTwo.", "One. Two. Three."),
        ("three_sentences", "A a. B b. C c. D d. A a. B b. C c. E e.", "A a. B b. C c. D d. E e."),
        ("three_sentences", "A a. B b. A a. B b. C c.", "A a. B b. A a. B b. C c."),
        ("three_sentences", "A a. A a. A a. A a. A a.", "A a. A a. A a. "),
        ("three_sentences", "不是。好的。走吧。不是。好的。走吧。", "不是。好的。走吧。"),
    ],
)
def test_one_of_what_is_repeated_stays(unit: str, text: str, left: str) -> None:
    assert drop_repeated(text, unit=unit) == left


def test_short_parts_are_not_compared() -> None:
    assert drop_repeated("}\n}\nlonger\nlonger", unit="line", min_characters=2) == "}\n}\nlonger"
    assert drop_repeated("a\n\n\nb", unit="line") == "a\n\n\nb"


@given(st.text(alphabet="ab. \n!A。", max_size=60), st.sampled_from(UNITS))
def test_what_is_left_is_parts_of_the_text_and_has_no_repetition(text: str, unit: str) -> None:
    assert "".join(parts(text, unit)) == text
    left = drop_repeated(text, unit=unit)
    remaining = iter(text)
    assert all(character in remaining for character in left)
    if unit in ("line", "sentence"):
        kept = [part.strip() for part in parts(left, unit) if part.strip()]
        assert len(kept) == len(set(kept)) == len({part.strip() for part in parts(text, unit)} - {""})


def test_they_are_edits_of_a_recipe() -> None:
    step = Pass(
        name="clean",
        edits=(Edit(name="fix_unicode"), Edit(name="cap_newlines", options={"max_consecutive": 1})),
        rules=(),
    )
    verdict = judge_text("schÃ¶n\n\n\nda", "crawl", [step], measure_all=False)
    assert verdict.text == "schön\nda"
    assert verdict.edits == {"clean.fix_unicode": 1, "clean.cap_newlines": 2}
    assert {"drop_repeated", "drop_matching_lines"} <= set(EDITS)
