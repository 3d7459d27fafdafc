"""The presets of RedPajama, MADLAD-400, NeMo Curator and StarCoder: every rule drops what it is for."""

from __future__ import annotations

import gzip
import json
import math
import re
import string
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.filters.judge import judge_text

from . import pinned
from .pinned import loaded, names

PROSE = pinned.PROSE.partition("\nthat the parish")[0] + ".\n"
WORDS = PROSE.split()
CODE = "def half(number: int) -> float:\n    # the middle of nought and it\n    return number / 2\n"


NEMO = {
    "alphanumeric_characters": PROSE + "; " * 60,
    "symbols": PROSE + "x # # # # # # # # # # # # … ...",
    "digits": PROSE + "123456789 " * 12,
    "urls": PROSE + "https://example.org/a?b=c&d=%41 " * 6,
    "white_space": PROSE + " \n" * 60,
    "brackets": PROSE + "(a) [b] " * 30,
    "policy_paragraphs": PROSE
    + "\n\nRead our Privacy Policy.\n\nThis site uses cookies.\n\nNecessary cookies are absolutely essential for"
    " the website to work.",
    "lorem_ipsum": PROSE + "Lorem ipsum dolor",
    "duplicate_lines": PROSE + "x\nx\nx\nx\nx\nx\n",
    "duplicate_paragraphs": PROSE + "\n\nx\n\nx\n\nx\n\n",
    "duplicate_line_characters": PROSE + "\n".join(PROSE.splitlines()[:3]),
    "duplicate_paragraph_characters": PROSE + "\n\n" + PROSE.split("\n\n")[1],
    "word_count": " ".join(WORDS[:49]),
    "lines_ending_in_marks": PROSE.replace(".\n", "\n"),
    "alphabetic_words": PROSE + "1 - " * 20,
    "stop_words": " ".join(word for word in WORDS if len(word) > 4) * 2,
    "mean_word_length": " ".join(word * 3 for word in WORDS),
    "longest_word": PROSE + "a" * 1001,
    "ellipsis_lines": PROSE.replace(".\n", "…\n").replace("water…", "water [...]"),
    "top_2gram": PROSE + " wonderful offers" * 12,
    "top_3gram": PROSE + " wonderful cheap offers" * 8,
    "top_4gram": PROSE + " wonderful cheap good offers" * 6,
    **{f"duplicate_{n}gram": PROSE + " " + " ".join(WORDS[:30]) for n in range(5, 11)},
    "bullet_lines": "\n".join("• " + line for line in PROSE.splitlines() if line),
}


@pytest.mark.parametrize("rule", [rule.name for rule in loaded("nemo_english").rules])
def test_nemo_drops(rule):
    assert rule in names("nemo_english", NEMO[rule])


def test_nemo_has_every_filter_of_the_shipped_chain():
    assert len(loaded("nemo_english").rules) == 28 + 1  # lorem ipsum is a rule of its own


NUMBERS = ("one", "two", "three", "four", "five")
SENTENCES = "\n".join(f"This is sentence number {number} of the text." for number in NUMBERS)


@pytest.mark.parametrize(
    ("preset", "text", "broken"),
    [
        ("redpajama_v2", " ".join(WORDS[:49]), {"word_count"}),
        ("redpajama_v2", PROSE * 150, {"word_count"}),  # above 10,000 words
        ("redpajama_v2", " ".join(word * 3 for word in WORDS), {"mean_word_length"}),
        ("redpajama_v2", PROSE + "x # # # # # # # … ... ... #…#…#…", {"symbols"}),
        ("redpajama_v2", "\n".join("• " + line for line in PROSE.splitlines() if line), {"bullet_lines"}),
        ("redpajama_v2", PROSE + " wonderful offers" * 12, {"top_2gram"}),
        ("madlad400", SENTENCES, set()),
        ("madlad400", "\n".join(SENTENCES.split("\n")[:4]), {"sentence_count"}),
        ("madlad400", SENTENCES + "\nToo short.", set()),
        ("madlad400", SENTENCES + "\nToo short.\nAnd so.", {"questionable_sentences"}),
        ("madlad400", SENTENCES + "\n" + "very " * 100 + "long.\nDownload this mp3 now for free", {"questionable_sentences"}),
        ("madlad400", SENTENCES + "\nHotel Rome Hotel Paris Hotel London Hotel Berlin Hotel Madrid Hotel Vienna\n"
         "Tel: 123/456 (789) 123/456 (789)", {"questionable_sentences"}),
        ("madlad400", SENTENCES + "\nt h i s i s s p a c e d o u t text\nab, cd, ef, gh, ij, kl and more",
         {"questionable_sentences"}),
        ("madlad400", SENTENCES + "\nDies ist ein deutscher Satz in einem englischen Text.\n"
         "Und noch einer, der hier nicht hingehört.", {"questionable_sentences"}),
        ("redpajama_github", CODE, set()),
        ("redpajama_github", "", {"alphanumeric_characters", "letters_per_token"}),
        ("redpajama_github", CODE + "a" * 1001, {"longest_line", "mean_line"}),
        ("redpajama_github", ("a" * 100 + "\n") * 3, {"mean_line"}),  # its line breaks count
        ("redpajama_github", "# *|*|*|*|*|*|*|*|*|*| {}[]();\n" * 3 + "ab", {"alphanumeric_characters", "letters_per_token"}),
        ("starcoder", CODE, set()),
        ("starcoder", ("a" * 100 + "\n") * 3, set()),
        ("starcoder", "1, 2, 3\n" * 20, {"letters"}),
        ("starcoder", '\n<?xml version="1.0"?>\n<a>text</a>', {"xml_head"}),
        ("starcoder", CODE * 2 + '<?xml version="1.0"?>', set()),
        ("starcoder_html", "<html><script>" + CODE * 9 + "</script><p>" + PROSE[:99], {"visible_text", "visible_text_length"}),
        ("starcoder_html", "<html><p>" + PROSE + "</p></html>", set()),
        ("starcoder_data", '{"name": "value"}' * 4, set()),
        ("starcoder_comments", CODE, set()),
        ("starcoder_data", '{"a": "b"}', {"text_length", "letters"}),
        ("starcoder_data", '{"some": 1}\n' * 500, {"text_length", "letters"}),
    ],
)  # fmt: skip
def test_preset_drops(preset, text, broken):
    assert set(names(preset, text)) == broken


def test_redpajama_v2_measures_what_it_does_not_judge():
    rules = loaded("redpajama_v2").rules
    assert len(rules) == 27
    assert sum(rule.min == -math.inf and rule.max == math.inf for rule in rules) == 22
    verdict = judge_text(PROSE, "crawl", [loaded("redpajama_v2")], measure_all=False)
    assert verdict.reasons == []
    assert verdict.measures["redpajama_v2.sentences"] == PROSE.count(".")
    assert 0 < verdict.measures["redpajama_v2.unigram_entropy"] < math.log(len(WORDS))


PIECES = [
    "The",
    "the",
    "don't",
    "--",
    "a_b",
    "3.5",
    "…",
    "x#",
    "...",
    "NATO",
    "Ä",
    "no.",
    "Yes!",
    "\n",
    "{",
    "}",
]


ANNOTATIONS = loaded("redpajama_v2")


def shares(counts):
    return [count / sum(counts) for count in counts]


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map(" ".join))
def test_redpajama_v2_measures_what_its_annotations_are_defined_as(text):
    measures = judge_text(text, "crawl", [ANNOTATIONS], measure_all=True).measures
    words = text.translate(str.maketrans("", "", string.punctuation)).lower().split()
    raw = re.findall(r"\w+|[^\w\s]+", text)
    grams = [tuple(words[i : i + 5]) for i in range(len(words) - 4)]
    covered = {i + k for i, gram in enumerate(grams) if grams.count(gram) > 1 for k in range(5)}
    expected = {
        "word_count": len(words),
        "mean_word_length": sum(map(len, words)) / max(len(words), 1),
        "symbols": sum(map(text.count, ("#", "...", "…"))) / max(len(raw), 1),
        "all_caps_words": sum(map(str.isupper, raw)) / max(len(raw), 1),
        "unique_words": len(set(words)) / len(words) if words else 1.0,
        "unigram_entropy": -sum(p * math.log(p) for p in shares(Counter(words).values())),
        "curly_brackets": (text.count("{") + text.count("}")) / max(len(text), 1),
        "sentences": len(re.findall(r"\b[^.!?]+[.!?]*", text)),
        "duplicate_5gram": sum(len(words[i]) for i in covered) / max(sum(map(len, words)), 1),
    }
    measured = {name: measures[f"redpajama_v2.{name}"] for name in expected}
    assert measured == pytest.approx(expected)


@pytest.mark.shared
@pytest.mark.parametrize("preset", ["redpajama_github", "starcoder"])
def test_most_published_code_passes(shared, preset):
    with gzip.open(shared / "corpora" / "code.jsonl.gz", "rt", encoding="utf-8") as stream:
        texts = [json.loads(line)["text"] for line, _ in zip(stream, range(400), strict=False)]
    kept = sum(not names(preset, text) for text in texts)
    assert kept / len(texts) >= 0.95
