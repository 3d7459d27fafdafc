"""Word boundaries from character classes agree with one regular expression."""

from __future__ import annotations

from typing import get_args

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from curation.text import splitters
from curation.text.bounds import count, words
from curation.text.splitters import Splitter
from curation.text.text import Text

UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
RUN = rf"[\p{{L}}\p{{M}}\p{{N}}--[{UNSPACED}]]+"
WORD = rf"[{UNSPACED}]\p{{M}}*|{RUN}(?:['’]{RUN})*"
PATTERNS = {False: regex.compile(WORD, regex.V1), True: regex.compile(rf"{WORD}|[^\s\x1c-\x1f]", regex.V1)}
EVERY_POINT = "".join(map(chr, range(0x110000)))

#: Letters of every class, and characters at the edges of classes.
LETTERS = "aZ1_'’ \n.-é\u0301漢カ\u0e31\u0e01\u0e34ก\u1039က\x00\x1c\x1f\x85\u2028\ud800İΣςK𝐀\U000e0100"
TEXTS = st.text(alphabet=st.sampled_from(LETTERS), max_size=30) | st.text(
    alphabet=st.characters(exclude_categories=())
)


@pytest.mark.slow
@pytest.mark.parametrize("others", [False, True])
@pytest.mark.parametrize("text", [EVERY_POINT, EVERY_POINT[::-1]])
def test_every_character_is_in_the_class_that_the_pattern_has_it_in(text, others):
    assert words(text, others=others) == PATTERNS[others].findall(text)


@given(TEXTS, st.booleans())
def test_words_are_those_of_the_pattern(text, others):
    expected = PATTERNS[others].findall(text)
    assert words(text, others=others) == expected
    assert count(text, others=others) == len(expected)


@given(TEXTS, st.sampled_from(get_args(Splitter)))
def test_a_long_text_is_cut_into_pieces_that_cut_no_word(text, splitter):
    whole = Text(text).words(splitter)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splitters, "PIECE_CHARACTERS", 2)
        pieces = Text(text).words(splitter)
        assert pieces.count == whole.count
        assert pieces.vocabulary == whole.vocabulary
        assert pieces.ids.tolist() == whole.ids.tolist()


@given(TEXTS, st.sampled_from(get_args(Splitter)))
def test_words_in_lower_case_are_those_of_the_lowered_text(text, splitter):
    result = Text(text).words(splitter, lowercase=True)
    expected = Text(text.lower()).words(splitter)
    assert result.count == expected.count
    assert result.vocabulary == expected.vocabulary
    assert result.ids.tolist() == expected.ids.tolist()


def test_every_capital_is_lowered_to_the_same_words_in_any_splitter():
    text = " ".join(point for point in EVERY_POINT if point.lower() != point)
    for splitter in get_args(Splitter):
        result = Text(text).words(splitter, lowercase=True)
        assert result.vocabulary == Text(text.lower()).words(splitter).vocabulary
