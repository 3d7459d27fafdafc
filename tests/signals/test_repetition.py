"""Repetition: values by hand, and a slow oracle that marks characters one by one."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.signals import SIGNALS
from curation.signals.repetition import duplicate_ngram_character_fraction, top_ngram_character_fraction
from curation.text.text import Text

CASES = [
    ("duplicate_line_fraction", {}, "", 0),
    ("duplicate_line_fraction", {}, "a", 0),
    ("duplicate_line_fraction", {}, "a\n\na \nb", 2 / 3),
    ("duplicate_line_fraction", {"count_first": False}, "a\na\nb", 1 / 3),
    ("duplicate_line_fraction", {"count_first": False}, "a\nb\na\nb", 0.5),
    ("duplicate_line_character_fraction", {}, "", 0),
    ("duplicate_line_character_fraction", {}, "aaa\naaa\nbb", 6 / 8),
    ("duplicate_line_character_fraction", {"count_first": False}, "aaa\naaa\nbb", 3 / 8),
    ("duplicate_paragraph_fraction", {}, "a\nb\n\na\nb\n\nc", 2 / 3),
    ("duplicate_paragraph_fraction", {}, "a\nb\na\nb", 0),
    ("duplicate_paragraph_character_fraction", {"count_first": False}, "ab\n\nab\n\ncd", 1 / 3),
    ("duplicate_ngram_character_fraction", {"n": 2}, "", 0),
    ("duplicate_ngram_character_fraction", {"n": 2}, "a a", 0),
    ("duplicate_ngram_character_fraction", {"n": 2}, "a a a", 1),  # overlapping occurrences count once
    ("duplicate_ngram_character_fraction", {"n": 2, "count_first": False}, "a a a", 2 / 3),
    ("duplicate_ngram_character_fraction", {"n": 2}, "aa b x aa b", 6 / 7),
    ("duplicate_ngram_character_fraction", {"n": 2}, "A b x a b", 0),
    ("duplicate_ngram_character_fraction", {"n": 2, "lowercase": True}, "A b x a b", 4 / 5),
    ("duplicate_ngram_character_fraction", {"n": 2}, "a b, x a b.", 0),
    ("duplicate_ngram_character_fraction", {"n": 2, "splitter": "alphanumeric"}, "a b, x a b.", 4 / 5),
    ("top_ngram_character_fraction", {"n": 2}, "This is a test.", 0),
    ("top_ngram_character_fraction", {"n": 2}, "a b x a b y a b", 6 / 8),
    ("top_ngram_character_fraction", {"n": 2}, "a b x a b cc dd x cc dd", 8 / 14),  # the longer of two equals
    ("top_ngram_character_fraction", {"n": 2}, "a a a a", 1),
    ("top_ngram_character_fraction", {"n": 5}, "a b a b", 0),
    ("top_ngram_character_fraction", {"n": 2, "overlaps": "each"}, "a a a", 1),  # 4 of 3 characters
    ("top_ngram_character_fraction", {"n": 2, "overlaps": "each"}, "a b x a b y y y y", 6 / 9),
    ("top_ngram_character_fraction", {"n": 2, "top": "first"}, "This is a test.", 6 / 12),
    ("top_ngram_character_fraction", {"n": 5, "top": "first"}, "a b a b", 0),
    ("top_ngram_character_fraction", {"n": 2, "top": "first"}, "a b x a b cc dd x cc dd", 4 / 14),
    ("top_ngram_character_fraction", {"n": 2, "over": "spaced_text"}, "a b x a b", 6 / 9),
    ("top_ngram_character_fraction", {"n": 2, "over": "spaced_text"}, "a a a", 1),
    ("duplicate_line_fraction", {"blank": "all"}, "a\n\n\nb", 0.5),
    ("duplicate_line_fraction", {"blank": "all"}, "", 0),
    ("duplicate_line_fraction", {"blank": "spaces", "stripped": False}, "a\n \n \n\n\n  \nb", 0.4),
    ("duplicate_line_fraction", {"stripped": False}, "a\n a\n \n \n a", 2 / 3),
    ("duplicate_line_fraction", {"blank": "spaces"}, "a\n \n  \n\n a", 1),
    ("duplicate_line_character_fraction", {"blank": "all", "stripped": False}, "a\n  \n  ", 0.8),
    ("duplicate_paragraph_fraction", {"stripped": False}, "a\n\na\n \na\n\n\na", 2 / 3),
    ("duplicate_paragraph_fraction", {"stripped": False}, "\n", 0),
    ("duplicate_line_character_fraction", {"over": "text"}, "a b\n a b\nc", 6 / 10),
    ("duplicate_line_character_fraction", {"over": "words"}, "a b\n a b\nc", 1),
    ("duplicate_line_character_fraction", {"over": "words"}, "ab\nab\n cd", 4 / 6),
    ("duplicate_paragraph_character_fraction", {"over": "text"}, "ab\n\nab", 4 / 6),
]


@pytest.mark.parametrize(("name", "options", "raw", "value"), CASES)
def test_value(name, options, raw, value):
    assert SIGNALS[name](Text(raw), **options) == pytest.approx(value)


def marked(words, n, starts):
    """Characters in the union of the n-grams at `starts`, over all characters."""
    covered = {i for start in starts for i in range(start, start + n)}
    total = sum(map(len, words))
    return sum(len(words[i]) for i in covered) / total if total else 0.0


def grams(words, n):
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


WORDS = st.lists(st.sampled_from(["a", "bb", "ccc", "d"]), max_size=60)


@given(WORDS, st.integers(1, 8), st.booleans())
def test_duplicate_ngrams_by_marking_characters(words, n, count_first):
    counts, known, starts = Counter(grams(words, n)), set(), []
    for i, gram in enumerate(grams(words, n)):
        if counts[gram] > 1 and (count_first or gram in known):
            starts.append(i)
        known.add(gram)
    value = duplicate_ngram_character_fraction(Text(" ".join(words)), n=n, count_first=count_first)
    assert value == pytest.approx(marked(words, n, starts))


@given(WORDS, st.integers(1, 5))
def test_top_ngram_by_marking_characters(words, n):
    ngrams = grams(words, n)
    counts = Counter(ngrams)
    most = max(counts.values(), default=0)
    best = max(
        (
            marked(words, n, [i for i, g in enumerate(ngrams) if g == top])
            for top in counts
            if counts[top] == most
        ),
        default=0.0,
    )
    value = top_ngram_character_fraction(Text(" ".join(words)), n=n)
    assert value == pytest.approx(best if most > 1 else 0.0)


def stepping(words, n):
    """Characters of n-grams that occurred before, moving n words on after one of them, else one word."""
    known, characters, i = set(), 0, 0
    while i + n <= len(words):
        gram = tuple(words[i : i + n])
        if gram in known:
            characters += sum(map(len, gram))
            i += n
        else:
            known.add(gram)
            i += 1
    return characters


@given(WORDS, st.integers(1, 8))
def test_duplicate_ngrams_apart_by_stepping(words, n):
    text = " ".join(words)
    value = duplicate_ngram_character_fraction(
        Text(text), n=n, count_first=False, overlaps="apart", over="text"
    )
    assert value == pytest.approx(stepping(words, n) / max(len(text), 1))


@given(WORDS, st.integers(1, 8), st.booleans())
def test_each_duplicate_ngram_over_all_ngrams(words, n, count_first):
    counts = Counter(grams(words, n))
    mass = {gram: sum(map(len, gram)) for gram in counts}
    part = sum((count - (not count_first)) * mass[gram] for gram, count in counts.items() if count > 1)
    whole = sum(count * mass[gram] for gram, count in counts.items())
    value = duplicate_ngram_character_fraction(
        Text(" ".join(words)), n=n, count_first=count_first, overlaps="each", over="ngrams"
    )
    assert value == pytest.approx(part / max(whole, 1))


@given(WORDS, st.integers(1, 5), st.sampled_from(["words", "spaced_text"]))
def test_the_first_top_ngram_by_a_counter(words, n, over):
    text = " ".join(words)
    gram, count = next(iter(Counter(grams(words, n)).most_common(1)), ((), 0))
    characters = len("".join(gram)) if over == "words" else len(" ".join(gram))
    whole = sum(map(len, words)) if over == "words" else len(text)
    value = top_ngram_character_fraction(Text(text), n=n, top="first", overlaps="each", over=over)
    assert value == pytest.approx(min(count * characters / max(whole, 1), 1))


@given(WORDS, st.integers(2, 9), st.booleans())
def test_longer_ngrams_never_cover_more(words, n, count_first):
    text = Text(" ".join(words))
    longer = duplicate_ngram_character_fraction(text, n=n, count_first=True)
    assert longer <= duplicate_ngram_character_fraction(text, n=n - 1, count_first=True)
    assert duplicate_ngram_character_fraction(text, n=n, count_first=count_first) <= longer
