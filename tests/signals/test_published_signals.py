"""Values of the signals that RedPajama, MADLAD-400, NeMo Curator and StarCoder brought, and their laws."""

from __future__ import annotations

import html
import math
from collections import Counter
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from curation.signals import SIGNALS, UNITS
from curation.signals.code import visible_text_length
from curation.signals.models.tokens import letter_token_ratio, token_count
from curation.signals.removal import duplicate_ngram_removal_fraction, top_ngram_removal_fraction
from curation.signals.sentences import questionable_sentence_fraction, sentences
from curation.text.text import Text

CASES = [
    ("character_fraction", {"classes": ("letter",)}, "", 0),
    ("character_fraction", {"classes": ("letter",)}, "aé1 ", 0.5),
    ("character_fraction", {"classes": ("ascii_letter",)}, "aé1 ", 0.25),
    ("character_fraction", {"classes": ("digit",)}, "1½٣ ", 0.5),
    ("character_fraction", {"classes": ("numeric",)}, "1½٣ ", 0.75),
    ("character_fraction", {"classes": ("ascii_digit", "ascii_letter"), "characters": "\n"}, "a1\n½", 0.75),
    ("character_fraction", {"classes": ("uppercase",)}, "ABÉd", 0.75),
    ("character_fraction", {"classes": ("whitespace",)}, "a \n\u00a0", 0.75),
    ("character_fraction", {"characters": "{}"}, "{{}}a", 0.8),
    ("character_fraction", {"characters": "a", "classes": ("letter",)}, "aab-", 0.75),  # once each
    ("character_fraction", {"characters": "#|*"}, "# **a** | b", 6 / 11),  # marks of Markdown count
    ("url_character_fraction", {}, "", 0),
    ("url_character_fraction", {}, "://", 0),
    ("url_character_fraction", {}, "http://é", 0),
    ("url_character_fraction", {}, "ftp://a.b https://c.d", 11 / 21),
    ("url_character_fraction", {}, 'http://a.b/%41%zz"', 14 / 18),
    ("url_character_fraction", {}, "http://a.bhttp://c.d", 1),
    ("longest_word_length", {}, "", 0),
    ("longest_word_length", {}, "a bcd ef", 3),
    ("listed_word_fraction", {"words": ("a",)}, "", 0),
    ("listed_word_fraction", {"words": ("#", "...")}, "a # ## ... a...", 0.4),
    ("listed_word_fraction", {"words": ("the",)}, "The the", 0.5),
    ("listed_word_fraction", {"words": ("the",), "lowercase": True}, "The the", 1),
    ("listed_word_fraction", {"words": ("the",), "splitter": "wordpunct"}, "the-the", 2 / 3),
    ("uppercase_word_fraction", {}, "", 0),
    ("uppercase_word_fraction", {}, "NATO A b B-52 52 Don", 0.5),
    ("unigram_entropy", {}, "", 0),
    ("unigram_entropy", {}, "a a a", 0),
    ("unigram_entropy", {}, "a b c d", math.log(4)),
    ("unigram_entropy", {}, "A a", math.log(2)),
    ("unigram_entropy", {"lowercase": True}, "A a", 0),
    ("top_ngram_removal_fraction", {"n": 2}, "", 0),
    ("top_ngram_removal_fraction", {"n": 2}, "a b c d", 0),
    ("top_ngram_removal_fraction", {"n": 2}, "a b a b", 6 / 7),
    ("top_ngram_removal_fraction", {"n": 2}, "a b\na\nb c", 3 / 9),  # missed across a line feed
    ("top_ngram_removal_fraction", {"n": 2}, "a b a b la bx", 9 / 13),  # counted inside words
    ("top_ngram_removal_fraction", {"n": 1}, "aa a aa", 4 / 7),
    ("top_ngram_removal_fraction", {"n": 2}, "a b c d a b c d", 6 / 15),  # the first of equals
    ("duplicate_ngram_removal_fraction", {"n": 2}, "", 0),
    ("duplicate_ngram_removal_fraction", {"n": 2}, "a b a b", 3 / 7),
    ("duplicate_ngram_removal_fraction", {"n": 2}, "a a a", 3 / 5),
    ("duplicate_ngram_removal_fraction", {"n": 2}, "a b c a b c", 5 / 11),  # b stands in two of them
    ("marked_sentence_count", {}, "", 0),
    ("marked_sentence_count", {}, "...", 0),
    ("marked_sentence_count", {}, "One. Two!? 3.5", 4),
    ("phrase_paragraph_fraction", {"phrases": ("x",)}, "", 0),
    ("phrase_paragraph_fraction", {"phrases": ("use",)}, "We use\nit.\n\nUse it.", 0.5),
    ("phrase_paragraph_fraction", {"phrases": ("use",), "lowercase": True}, "We use\nit.\n\nUse it.", 1),
    ("phrase_paragraph_fraction", {"phrases": ("a b",)}, "a\n\nb", 0),
    ("longest_line_length", {}, "", 0),
    ("longest_line_length", {}, "  a\r\n# b c\n", 5),
    ("mean_code_line_length", {}, "", 0),
    ("mean_code_line_length", {}, "  ab\n\n*c*\n", 7 / 3),
    ("mean_code_line_length", {"breaks": "counted"}, "  ab\n\n*c*\n", 10 / 3),
    ("head_phrase_count", {"phrases": ("<?xml",), "length": 5}, "<?xml <?xml", 1),
    ("head_phrase_count", {"phrases": ("<?xml",), "length": 4}, "<?xml", 0),
    ("token_count", {}, "", 0),
    ("token_count", {}, "# *a_b* = 1", 6),
    ("letter_token_ratio", {}, "", 0),
    ("letter_token_ratio", {}, "# *a_b* = 1", 1 / 3),
    ("visible_text_length", {}, "", 0),
    ("visible_text_length", {}, "a < b && c <3", 13),
    ("visible_text_length", {}, "<b>a</b>&lt;<!-- <i> -->", 2),
    ("visible_text_length", {}, "<SCRIPT>if (a < b) x</Script >a<style>b</style>", 1),
    ("visible_text_length", {}, "<scripted>a</scripted>", 1),
    ("visible_text_length", {}, "a<script>never closed", 1),
    ("visible_text_length", {}, "a<b never closed", 1),
    ("visible_text_length", {}, "İ<script>x</script>", 1),  # its small letter has two characters
    ("visible_text_length", {}, "a<script", 1),
    ("visible_text_length", {}, "<p>\n    <b> a  </b>  </p>", 1 + 4 + 1),  # indentation is no text
    ("visible_text_length", {}, "&#" + "9" * 5000 + ";", 1),
    ("visible_text_fraction", {}, "", 0),
    ("visible_text_fraction", {}, "<p>ab</p>", 2 / 9),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "raw", "value"), CASES)
def test_value(name, options, raw, value):
    assert SIGNALS[name](Text(raw), **options) == pytest.approx(value)


@pytest.mark.parametrize(
    ("options", "raw", "value"),
    [
        ({}, "Anything. 123 456.", 0),
        ({"min_length": 5}, "", 0),
        ({"min_length": 5}, "Four\nFives.", 0.5),
        ({"max_length": 4}, "Four\nFives.", 0.5),
        ({"list_words": 3, "max_capitalized": 0.5}, "One Two three\nOne two three\nOne Two", 1 / 3),
        ({"list_words": 2, "max_capitalized": 0.5}, "One two\nOne Two", 0.5),
        ({"technical": "0123456789{}", "max_technical": 0.2}, "abcd1\nabc12\n{}", 2 / 3),
        ({"patterns": ("Vol\\.", " sex ")}, "See Vol. 3 here\nVolume\nany sex will do\nsex", 0.4),
        ({"patterns": (r" nr\.$",)}, "house nr.\nhouse nr. 3", 2 / 3),
        ({"patterns": (" [^ ] [^ ] [^ ]",)}, "s p a c e d\nnot spaced a b\n", 0.5),
        ({"one_language": True}, "This is a sentence in English.\nSo is the second of these sentences.\n"
         "Das hier ist aber ein deutscher Satz.\n123", 0.25),
        ({"min_length": 3, "technical": "1", "max_technical": 0.2}, "a1\nabc", 0.5),  # flagged once
    ],
)  # fmt: skip
def test_questionable_sentences(options, raw, value):
    assert questionable_sentence_fraction(Text(raw), **options) == pytest.approx(value)


ANY = st.text(alphabet=st.characters(exclude_categories=()))
PIECES = st.lists(st.sampled_from(["One", "two", ". ", "! ", "\n", "。", "”", " ", "Ä", "3.5"])).map("".join)


@given(ANY | PIECES)
def test_sentences_are_those_that_are_counted(raw):
    parts = sentences(Text(raw))
    assert len(parts) == SIGNALS["sentence_count"](Text(raw))
    assert "".join("".join(parts).split()) == "".join("".join(Text(raw).lines).split())


WORDS = st.lists(st.sampled_from(["a", "bb", "ccc", "d"]), max_size=60)


@given(WORDS, st.integers(1, 8))
def test_duplicate_ngrams_taken_out_by_marking_characters(words, n):
    text, known, removed = " ".join(words), set(), set()
    starts = [sum(map(len, words[:i])) + i for i in range(len(words))]
    for i in range(len(words) - n + 1):
        gram = tuple(words[i : i + n])
        if gram in known:
            removed |= set(range(starts[i], starts[i + n - 1] + len(words[i + n - 1])))
        known.add(gram)
    value = duplicate_ngram_removal_fraction(Text(text), n=n)
    assert value == pytest.approx(len(removed) / max(len(text), 1))


@given(WORDS, st.integers(1, 5))
def test_top_ngram_taken_out_by_replacing_it(words, n):
    text = " ".join(words)
    counts = Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
    top = " ".join(max(counts, key=counts.__getitem__, default=()))  # the first of equals
    left = text.replace(top, "") if max(counts.values(), default=0) > 1 else text
    assert top_ngram_removal_fraction(Text(text), n=n) == pytest.approx(
        (len(text) - len(left)) / max(len(text), 1)
    )


class Visible(HTMLParser):
    """The standard library's parser as the oracle for markup whose attributes hold no angle bracket."""

    def __init__(self):
        super().__init__(convert_charrefs=False)
        self.parts, self.run, self.inside = [], "", None

    def shown(self):
        self.flush()
        return "".join(self.parts)

    def flush(self):
        """End what stands between two tags; white space alone counts once."""
        self.parts.append(self.run if self.run.strip() else self.run[:1])
        self.run = ""

    def handle_starttag(self, tag, attrs):
        self.flush()
        self.inside = tag if tag in ("script", "style") else None

    def handle_endtag(self, tag):
        self.flush()
        self.inside = None

    def handle_comment(self, data):
        self.flush()

    def handle_decl(self, decl):
        self.flush()

    def handle_data(self, data):
        self.run += "" if self.inside else data

    def handle_entityref(self, name):
        self.run += html.unescape(f"&{name};")


TAGS = ["<p>", "</p>", "<br/>", "<a href='x'>", "<!-- a < b -->", "<script>if (a < b) c;</script>", "<!DOCTYPE a>",
        "<style>p > a {}</style>", "text ", "é", "&amp;", "3 < 4 ", "\n"]  # fmt: skip


@given(st.lists(st.sampled_from(TAGS)).map("".join))
def test_visible_text_is_what_a_parser_sees(source):
    oracle = Visible()
    oracle.feed(source)
    oracle.close()
    assert visible_text_length(Text(source)) == len(oracle.shown())


def test_letters_per_token(tmp_path):
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    path = str(tmp_path / "tokenizer.json")
    tokenizer.save(path)
    for raw, value in [("ab12 cd", 2.0), ("", 0.0), ("12 34", 0.0), ("a \ud800", 0.5)]:
        assert letter_token_ratio(Text(raw), tokenizer=path) == value
        assert token_count(Text(raw), tokenizer=path) == len(raw.split())


#: Options that switch on every part of a signal, so that every part reads all texts.
FULL = {
    "character_fraction": {"characters": "{}", "classes": ("letter", "numeric", "uppercase")},
    "url_character_fraction": {},
    "longest_word_length": {},
    "listed_word_fraction": {"words": ("#", "a"), "splitter": "wordpunct"},
    "uppercase_word_fraction": {"splitter": "wordpunct"},
    "unigram_entropy": {"splitter": "unpunctuated", "lowercase": True},
    "top_ngram_removal_fraction": {"n": 2},
    "duplicate_ngram_removal_fraction": {"n": 5},
    "marked_sentence_count": {},
    "phrase_paragraph_fraction": {"phrases": ("a", "uses cookies"), "lowercase": True},
    "questionable_sentence_fraction": {
        "one_language": True, "min_length": 20, "max_length": 500, "list_words": 12, "max_capitalized": 0.5,
        "technical": "0123456789{}+/()>", "max_technical": 0.2,
        "patterns": (r"\|\s*$", " sex ", " [^ ] [^ ] [^ ]", ", ..,,? ..,,?"),
    },
    "longest_line_length": {},
    "mean_code_line_length": {"breaks": "counted"},
    "letter_token_ratio": {},
    "head_phrase_count": {"phrases": ("<?xml",), "length": 100},
    "visible_text_length": {},
    "visible_text_fraction": {},
}  # fmt: skip


def check(name, raw):
    value = SIGNALS[name](Text(raw), **FULL[name])
    low, high = UNITS[name.rpartition("_")[2]]
    assert type(value) is float
    assert low <= value <= high
    assert math.isfinite(value)


@pytest.mark.slow
@pytest.mark.parametrize("name", FULL)
@given(raw=ANY | PIECES | st.lists(st.sampled_from(TAGS)).map("".join))
def test_finite_and_inside_the_unit_with_every_option(name, raw):
    check(name, raw)


#: Long enough that a quadratic step would take hours.
LONG = {
    "one letter": "a" * 10_000_000,
    "one mark": "." * 2_000_000,
    "one angle": "<" * 2_000_000,
    "open tags": "<a " * 600_000,
    "open comments": "<!--" * 400_000,
    "open scripts": "<script>" * 200_000,
    "ampersands": "&#" * 1_000_000,
    "escaped address": "http://" + "%41" * 600_000,
    "addresses": "http://a " * 200_000,
    "bars": "| " * 1_000_000,
    "sentences": "One. Two is here! " * 100_000,
    "feeds": "\n" * 2_000_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", LONG)
def test_long_texts_of_one_line_are_measured(kind):
    for name in FULL:
        check(name, LONG[kind])


@pytest.mark.slow
@pytest.mark.usefixtures("hours_are_a_fault")
def test_half_a_million_scripts_are_passed_over_in_linear_time() -> None:
    assert visible_text_length(Text("<script></script>" * 1_000_000)) == 0
