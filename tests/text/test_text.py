"""Text: words, lines, paragraphs, n-grams that repeat."""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.text import spacy_like
from curation.text.markdown import plain
from curation.text.spacy_like import split_chunk
from curation.text.text import Text
from curation.text.vocabulary import current_vocabulary
from curation.text.words import Words


@pytest.mark.parametrize(
    ("raw", "splitter", "words"),
    [
        ("", "whitespace", []),
        (" a\tb\u00a0c\n", "whitespace", ["a", "b", "c"]),
        ("Don't stop, it's 5 o'clock!", "alphanumeric", ["Don't", "stop", "it's", "5", "o'clock"]),
        ("don’t snake_case 3.5", "alphanumeric", ["don’t", "snake", "case", "3", "5"]),
        ("'quoted' rock 'n' roll", "alphanumeric", ["quoted", "rock", "n", "roll"]),
        ("naïve e\u0301t\u00e9", "alphanumeric", ["naïve", "e\u0301t\u00e9"]),
        ("हिन्दी भाषा", "alphanumeric", ["हिन्दी", "भाषा"]),
        ("北京 Beijing カ", "alphanumeric", ["北", "京", "Beijing", "カ"]),
        ("a, b...", "unicode", ["a", ",", "b", ".", ".", "."]),
        ("ä, “b”", "unicode", ["ä", ",", "“", "b", "”"]),
        ("\ud800 a \x00", "unicode", ["\ud800", "a", "\x00"]),
        ("Don't -- a_b, 3.5!", "wordpunct", ["Don", "'", "t", "--", "a_b", ",", "3", ".", "5", "!"]),
        ("naïve…  “b”", "wordpunct", ["naïve", "…", "“", "b", "”"]),
        ("Don't -- a_b, 3.5 …!", "unpunctuated", ["Dont", "ab", "35", "…"]),
    ],
)
def test_words(raw, splitter, words):
    result = Text(raw).words(splitter)
    assert [result.vocabulary[i] for i in result.ids] == words


def test_lowercase_words_are_another_vocabulary_of_the_same_text():
    text = Text("The the THE")
    assert text.words().vocabulary == ["The", "the", "THE"]
    assert text.words(lowercase=True).vocabulary == ["the"]
    assert text.words() is text.words("whitespace", lowercase=False)


def test_an_unknown_splitter_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match="no word splitter") as error:
        Text("a").words("spacy")
    assert (
        str(error.value)
        == "no word splitter named 'spacy'; known: whitespace, alphanumeric, unicode, spacy-like, wordpunct, unpunctuated, icu, icu-marks"
    )


@pytest.mark.parametrize(
    ("raw", "lines", "paragraphs"),
    [
        ("", [], []),
        (" \n\t\n", [], []),
        ("a", ["a"], ["a"]),
        (" a \r\nb\n\n c", ["a", "b", "c"], ["a\nb", "c"]),
        ("\n\na\n \n\nb\n", ["a", "b"], ["a", "b"]),
        ("a\u2028b", ["a\u2028b"], ["a\u2028b"]),
        (
            "# a\n| b | c |\n|---|---|\n|  | d. |\n|  |  |\n**e**.",
            ["a", "b   c", "d.", "e."],
            ["a\nb   c", "d.", "e."],
        ),
    ],
)
def test_lines_and_paragraphs(raw, lines, paragraphs):
    assert Text(raw, "markdown").lines == lines
    assert Text(raw, "markdown").paragraphs == paragraphs


@given(st.lists(st.sampled_from("abc"), max_size=40), st.integers(1, 6), st.booleans())
def test_repeats_are_the_ngrams_that_a_counter_counts_twice(tokens, n, shorter_first):
    words = Words.of(tokens)
    if shorter_first and n > 1:
        words.repeats(n - 1)
    ngrams = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
    counts = Counter(ngrams)
    expected = sorted(i for i, gram in enumerate(ngrams) if counts[gram] > 1)
    repeats = words.repeats(n)
    if repeats is None:
        assert expected == []
        return
    assert repeats.starts.tolist() == expected
    assert repeats.counts.tolist() == np.bincount(repeats.group).tolist()
    by_group = {}
    for start, first, group in zip(repeats.starts, repeats.first, repeats.group, strict=True):
        assert first == (group not in by_group)
        by_group.setdefault(group, []).append(start)
    assert sorted(map(len, by_group.values())) == sorted(c for c in counts.values() if c > 1)
    assert all(starts == sorted(starts) for starts in by_group.values())
    assert all(len({ngrams[i] for i in starts}) == 1 for starts in by_group.values())


def test_an_ngram_has_at_least_one_word():
    with pytest.raises(ValueError, match=r"^an n-gram has at least 1 word, not 0$"):
        Words.of(["a"]).repeats(0)


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_no_visible_character_is_lost_between_unicode_words(raw):
    words = Text(raw).words("unicode")
    visible = "".join(raw.split())
    assert "".join(words.vocabulary[i] for i in words.ids) == visible
    assert words.ends[-1] == len(visible)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("", ""),
        ("# Title", "Title"),
        ("###### Title #", "Title #"),
        ("####### seven", "####### seven"),
        ("#hashtag", "#hashtag"),
        ("a # b", "a # b"),
        ("- ### item", "- item"),
        ("* item", "* item"),
        ("* * *", "* * *"),
        ("a **bold** *word*.", "a bold word."),
        ("***both***", "both"),
        ("2 * 3", "2 * 3"),
        (r"a \* b \[1\] \| c \d", r"a * b [1] | c \d"),
        ("| a | b |", "a   b"),
        ("a | b", "a | b"),
        ("| a", "| a"),
        ("|---|:-:|", ""),
        ("|  |  |\nx", "\nx"),
        (r"| a \| b |", "a | b"),
        ("5*3*2 and 2*3", "5*3*2 and 2*3"),
        ("f(*args, **kw)", "f(*args, **kw)"),
        ("****", "****"),
        ("**bold *and* more**, `a * b *c*`", "bold and more, a * b *c*"),
        ("``a`b`` and ` alone", "a`b and ` alone"),
        ("# A\n```py\n# *b* | c\n| d |\n```\n# E", "A\n\n# *b* | c\n| d |\n\nE"),
        ("````\n```\n# b\n````\n# c", "\n```\n# b\n\nc"),
        ("~~~\n# b", "\n# b"),
        ("```not a fence` *a*", "```not a fence` a"),
        ("    ```\n# a", "    ```\na"),
    ],
)
def test_plain_removes_markdown_markup(raw, text):
    assert plain(raw) == text


MARKDOWN = st.lists(
    st.sampled_from(["#", "# ", "|", "*", "\\", "a", " ", "\n", "\t", "-", "é", "\r", "`", "```"])
).map("".join)


@given(MARKDOWN | st.text(alphabet=st.characters(exclude_categories=())))
def test_plain_keeps_the_number_of_every_line(raw):
    lines = plain(raw).split("\n")
    assert len(lines) == raw.count("\n") + 1
    assert len(plain(raw)) <= len(raw)
    if "```" not in raw and "~~~" not in raw:
        assert lines == [plain(line) for line in raw.split("\n")]


def test_no_character_becomes_shorter_in_lower_case():
    assert all(chr(point).lower() for point in range(sys.maxunicode + 1))


@given(st.lists(st.text(alphabet="aB.,'$5 \n", max_size=30), min_size=1, max_size=4), st.booleans())
def test_words_do_not_depend_on_the_texts_before(texts, full):
    vocabulary = current_vocabulary(split_chunk)
    if full:
        vocabulary._words.characters = 1 << 30
    for text in texts:
        words, expected = Text(text).words("spacy-like"), Words.of(spacy_like.words(text))
        assert words.vocabulary == expected.vocabulary
        assert words.ids.tolist() == expected.ids.tolist()
        assert words.lengths.tolist() == expected.lengths.tolist()
        assert words.marked(str.istitle).tolist() == expected.marked(str.istitle).tolist()
        assert words.having(frozenset(["a", "Ba", "$"])) == expected.having(frozenset(["a", "Ba", "$"]))
    assert (current_vocabulary(split_chunk) is vocabulary) is not full
