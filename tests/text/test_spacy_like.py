"""The spaCy-like splitter: the words of spaCy 3.8's blank English, and laws on any text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.signals import lines
from curation.text import spacy_like
from curation.text.spacy_like import words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("Hello, world!", "Hello , world !"),
        ("(“Quoted,” she said.)", "( “ Quoted , ” she said . )"),
        ("I've you'll it’s they'd've", "I 've you 'll it ’s they 'd 've"),
        ("don't cant won’t ain't shan't've", "do n't ca nt wo n’t ai n't sha n't 've"),
        ("cannot gonna let's lets its well", "can not gon na let 's lets its well"),
        ("John's boys' O'Neil'll", "John 's boys ' O'Neil'll"),
        ("Mr. X, Dr. No, U.S. and the USA.", "Mr. X , Dr. No , U.S. and the USA ."),
        ("e.g. a. b.c I.", "e.g. a. b.c I."),
        ("5km 50% $5.50 10$ 3+ +4 + 1,000 7am", "5 km 50 % $ 5.50 10 $ 3 + +4 + 1,000 7 am"),
        ("well-made 10-12 a--b x-1 - -y", "well - made 10 - 12 a -- b x-1 - -y"),
        (
            "and/or this/that a:b key=value <b>",
            "and / or this / that a : b key = value < b >".replace("and / or", "and/or"),
        ),
        ("end.Next end.next one,two 1,two", "end . Next end.next one , two 1,two"),
        ("wait... what…no ..", "wait ... what … no .."),
        (
            "see http://a-b.org/c-d?e=f, or me-x@mail-y.com.",
            "see http://a-b.org/c-d?e=f , or me-x@mail-y.com .",
        ),
        (":) :-( <3 ;) xD ):", ":) :-( <3 ;) xD ):"),
        ("★star 🙂ok🙂 a★b", "★ star 🙂 ok 🙂 a ★ b"),
        ("'em 'tis rock 'n' roll", "'em ' tis rock ' n ' roll"),
        ("foo(bar) #tag @user snake_case C++ \\n", "foo(bar ) # tag @user snake_case C++ \\n"),
        ("naïve café's über.", "naïve café 's über ."),
    ],
)
def test_words(text, expected):
    assert words(text) == expected.split()


PIECES = [
    "a",
    "B",
    "'",
    "’",
    ".",
    "..",
    ",",
    "-",
    "(",
    ")",
    ":",
    "/",
    "@",
    "1",
    "km",
    "'s",
    " ",
    "\n",
    "…",
    "★",
    "é",
    "I",
    "n't",
]


@given(
    st.text(alphabet=st.characters(exclude_categories=())) | st.lists(st.sampled_from(PIECES)).map("".join)
)
def test_words_joined_are_the_visible_text(text):
    result = words(text)
    assert "".join(result) == "".join(text.split())
    assert all(result)


@given(st.lists(st.sampled_from(PIECES)).map("".join), st.lists(st.sampled_from(PIECES)).map("".join))
def test_chunks_are_split_independently(one, other):
    assert words(f"{one} {other}") == words(one) + words(other)


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", ["a", ".", "!", "a.", "a-", "@a", "'", "a@a.", "(", "1+", ".a!", "a" * 300 + "\x00", "\ud800"]
)
def test_no_chunk_makes_it_slow(piece):
    # Going over a chunk once for each of its marks would take hours here and end the run by its time limit.
    text = piece * (1_000_000 // len(piece))
    assert "".join(words(text)) == text


@given(st.lists(st.sampled_from([*PIECES, "Dr", "8", "US", "!", '"', "—", "$"]), min_size=1).map("".join))
def test_the_quick_pattern_agrees_with_the_rules(text):
    for chunk in text.split():
        quick = spacy_like._quick(chunk)
        assert quick is None or quick == tuple(spacy_like._pieces(chunk))


@given(st.lists(st.sampled_from([*PIECES, "Dr.", "!", "?", '"', "a. B", '." ', "。"])).map("".join))
def test_sentence_ends_agree_with_the_words_of_every_line(text):
    ends = 0
    for line in text.split("\n"):
        ended = False
        for word in words(line):
            if word in lines._END_MARKS:
                ended = True
            elif ended and not all(unicodedata.category(character)[0] == "P" for character in word):
                ends, ended = ends + 1, False
    assert lines._sentence_ends(text) == ends
