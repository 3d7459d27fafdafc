"""Bad-word lists, periodic tokens, repeated characters, comments: published and hand-computed values."""

from __future__ import annotations

import gzip
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.signals import LABELLERS
from curation.signals.comments import comment_fraction
from curation.signals.lists import listed_phrase_count
from curation.signals.periods import (
    character_ngram_fraction,
    longest_periodic_length,
    periodic_character_fraction,
    periodic_repetition_count,
)
from curation.signals.urls import url_word_count
from curation.text.text import Text

LISTED = "# a list\nbad word\nnaughty\n2 rude\n🖕\n\nbad\n"


@pytest.fixture
def listed(tmp_path: Path) -> str:
    (tmp_path / "en").write_text(LISTED, encoding="utf-8")
    (tmp_path / "en.gz").write_bytes(gzip.compress(LISTED.encode()))
    (tmp_path / "ja").write_text("悪い\n", encoding="utf-8")
    return str(tmp_path / "en")


@pytest.mark.parametrize(
    ("text", "count", "distinct"),
    [
        ("nothing here, badly put: naughtyish", 0, 0),
        ("NAUGHTY naughty.", 2, 1),
        ("a bad word", 2, 2),  # the phrase, and the word in it
        ("bad-word _bad_ 2 rude", 2, 2),
        ("🖕🖕 and 🖕", 3, 1),
        ("", 0, 0),
    ],
)
def test_words_and_phrases_of_a_list(listed: str, text: str, count: int, distinct: int) -> None:
    assert listed_phrase_count(Text(text), list=listed) == count
    assert listed_phrase_count(Text(text), list=f"{listed}.gz", distinct=True) == distinct


def test_a_list_of_a_language_without_spaces(listed: str) -> None:
    text = Text("これは悪いです。悪い。")
    assert listed_phrase_count(text, list=str(Path(listed).with_name("ja"))) == 1
    assert listed_phrase_count(text, list=str(Path(listed).with_name("ja")), where="anywhere") == 2


# The text of Dolma's own test of its taggers (tests/python/test_repetitions.py), and what they find in it.
SEEN = "Seeing doubles: bass banana bass banana bass banana bass banana\n"


@pytest.mark.parametrize(
    ("text", "length", "times"),
    [
        ("blah blah blah blah blah", 24, 5),
        (SEEN, len("bass banana bass banana bass banana bass banana"), 4),
        ("one two three", 0, 1),
        ("ha ha", 0, 2),
        ("", 0, 0),
        ("= = = = = = = = = = = = = = = =", 31, 16),
        (" ".join("abcdefghijklmn" * 4), 0, 1),  # a period of 14
        (" ".join("abcdefghijklm" * 4), 2 * 13 * 4 - 1, 4),
    ],
)
def test_tokens_that_repeat_in_step(text: str, length: int, times: int) -> None:
    assert longest_periodic_length(Text(text)) == length
    assert periodic_repetition_count(Text(text)) == times


@given(st.text(alphabet="ab c", max_size=40), st.integers(1, 4))
def test_periods_are_those_of_brute_force(raw: str, max_period: int) -> None:
    tokens = raw.split()
    most = 1 if tokens else 0
    for period in range(1, max_period + 1):
        for start in range(len(tokens)):
            times = 1
            while (
                tokens[start : start + period]
                == tokens[start + times * period : start + (times + 1) * period]
                != []
            ):
                times += 1
            if len(tokens[start : start + period]) == period:
                most = max(most, times)
    assert periodic_repetition_count(Text(raw), max_period=max_period) == most


def test_a_share_counts_each_character_once() -> None:
    assert periodic_character_fraction(Text("ha ha ha")) == 1.0
    assert periodic_character_fraction(Text("x ha ha ha y")) == 8 / 12
    assert periodic_character_fraction(Text("")) == 0.0


@given(st.text(alphabet="abc\ud800é", max_size=60), st.integers(1, 11))
def test_character_ngrams_are_those_of_the_published_code(raw: str, n: int) -> None:
    counts = sorted(Counter(raw[i : i + n] for i in range(len(raw) - n + 1)).values(), reverse=True)
    top = min(int(len(counts) ** 0.5), sum(count > 1 for count in counts))
    expected = sum(counts[:top]) / sum(counts) if counts else 0.0
    assert character_ngram_fraction(Text(raw), n=n) == pytest.approx(expected)


def test_words_in_an_address_without_some_of_its_characters() -> None:
    text = Text("", url="http://free-casi.no/Ga-mes")
    assert url_word_count(text, words=("freecasino", "games"), where="anywhere") == 0
    assert url_word_count(text, words=("freecasino", "games"), where="anywhere", ignore="-.") == 2
    assert url_word_count(text, words=("freecasino", "games"), ignore="-.") == 2


@pytest.mark.parametrize(
    ("name", "code", "comments"),
    [
        ("a.py", 'def f():\n    """What it does."""\n    return "# no" # yes\n', 19 + 5),
        ("a.py", 'text = """no docstring"""\n', 0),
        ("a.java", '/* a\n b */ int x; // y\nString s = "// no";\n', 10 + 4),
        ("a.sql", "select '--' -- x\n", 4),
        ("a.sh", "#!/bin/sh\necho '# no' # x\n", 9 + 3),
        ("a.html", "<p>x</p><!-- y -->", 10),
        ("a.hs", "{- a -} f = 1 -- b", 7 + 4),
        ("a.tex", "50\\% of it % x", 3),
        ("a.php", "<?php // a\n# b\n", 4 + 3),
        ("a.c", "int x; /* never ends", 13),
        ("a.unknown", "# x", 0),
    ],
)
def test_the_share_of_comments(name: str, code: str, comments: int) -> None:
    text = Text(code, url=f"https://git.example/raw/{name}?x=1")
    assert comment_fraction(text) == pytest.approx(comments / len(code))


def test_a_style_and_the_value_of_what_is_unknown() -> None:
    assert comment_fraction(Text("# x"), style="hash") == 1.0
    assert comment_fraction(Text("# x"), unknown=0.01) == 0.01
    assert comment_fraction(Text("", url="a.py"), unknown=0.5) == 0.0


@pytest.mark.parametrize(
    ("url", "ending"),
    [
        ("https://git.example/a/Main.JAVA?raw=1#L3", "java"),
        ("src/a.tar.gz", "gz"),
        ("https://git.example/a/Makefile", "unknown"),
        ("https://git.example/", "unknown"),
        (".gitignore", "unknown"),
        ("https://news.example/a.very_long-story-with-a-dot", "unknown"),
        ("https://news.example/a.слово", "unknown"),
        ("", "unknown"),
    ],
)
def test_the_ending_of_a_file_is_a_label(url: str, ending: str) -> None:
    assert LABELLERS["extension"](Text("", url=url)) == ending


def test_no_code_makes_comments_slow() -> None:
    # A quadratic pattern would take minutes here and end the run by its time limit.
    pieces = ["'", "/*", '"""\\', '"', "<!-", "<!--", "{-", "--[[", "\n   ", "\n   '''", "\\", "`", '""" ']
    text = "".join(random.Random(1).choices(pieces, k=100_000))
    for style in ("c", "php", "hash", "python", "sql", "lua", "haskell", "markup", "lisp", "tex"):
        for raw in (text, *(piece * 100_000 for piece in pieces)):
            assert 0 <= comment_fraction(Text(raw), style=style) <= 1
