"""Decontamination: matches agree with brute force and ignore formatting; cuts remove the right characters."""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.contamination.index import BadEvaluation, Item, read_items, write
from curation.contamination.passages import PASSAGE_WORDS, Aligner, passages, word_hashes, word_spans
from curation.contamination.search import Index, MatchCriteria, PassageMatch, remove_spans

WORDS = [f"word{i}" for i in range(300)]
CRITERIA = MatchCriteria()


def index_of(folder: Path, texts: list[str], criteria: MatchCriteria = CRITERIA) -> Index:
    items = [Item(set="s", id=f"item {i}", place=f"s.jsonl:{i + 1}", texts=(t,)) for i, t in enumerate(texts)]
    write(items, str(folder), criteria)
    return Index(folder, criteria)


def longest_common(one: list[int], other: list[int]) -> int:
    """By dynamic programming."""
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


small = st.lists(st.integers(0, 5), max_size=24)


@given(small, small)
def test_alignment_is_the_longest_common_subsequence(passage: list[int], words: list[int]) -> None:
    aligner = Aligner(passage)
    common = aligner.common(words)
    assert common == longest_common(passage, words)
    if common:
        first, last = aligner.span(words, common)
        assert longest_common(passage, words[first:last]) == common
        assert longest_common(passage, words[first + 1 : last]) == common - 1


@given(st.text())
def test_hashes_and_spans_have_the_same_words(text: str) -> None:
    spans = word_spans(text)
    assert len(word_hashes(text)) == len(spans)
    ends = [0, *[end for span in spans for end in span], len(text)]
    assert ends == sorted(ends)
    assert all(a < b for a, b in spans)


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_ascii_and_unicode_patterns_agree(text: str) -> None:
    wide = word_hashes(text + " é")  # not ASCII, so the other pattern is used
    assert word_hashes(text).tolist() == wide.tolist()[:-1]


FORMS = {
    "original": "Tom’s café sells 80,000 cakes a year, and each of them costs at least 4 dollars in all.",
    "straight quotes": "Tom's café sells 80,000 cakes a year, and each of them costs at least 4 dollars in all.",
    "no accents": "Tom's cafe sells 80000 cakes a year and each of them costs at least $4 dollars in all",
    "capitals": "TOM'S CAFÉ SELLS 80,000 CAKES A YEAR, AND EACH OF THEM COSTS AT LEAST 4 DOLLARS IN ALL.",
    "Markdown": "**Tom's** _café_ sells\n> 80,000 cakes\n> a year, and *each of them* costs at least `4` dollars in all.",
    "broken lines": "Tom's café\nsells 80,000\ncakes a year,\nand each of\nthem costs at\nleast 4 dollars\nin all.",
    "compatibility forms": "Tom's ｃａｆé sells 80,000 cakes a year, and each of them costs at least ４ dollars in all.",
}


@pytest.mark.parametrize("form", FORMS)
def test_formatting_does_not_hide_a_match(form: str, tmp_path: Path) -> None:
    index = index_of(tmp_path, [FORMS["original"]])
    before = "Some other text comes first. "
    (match,) = index.find(f"{before}{FORMS[form]} And more after it.")
    assert match.overlap == 1.0
    assert len(before) <= match.start < len(before) + 4
    assert index.name(match.item) == "item 0"


def test_texts_without_spaces_match(tmp_path: Path) -> None:
    item = "小明有五个苹果他给了小红两个请问他还剩下几个苹果"
    index = index_of(tmp_path, [item])
    (match,) = index.find(f"题目如下{item}答案是三")
    assert match.overlap == 1.0
    assert match.start == 4
    assert match.end == 4 + len(item)


@given(st.data())
def test_matches_are_those_of_brute_force(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    seed = data.draw(st.integers(0, 10_000))
    rng = random.Random(seed)
    texts = [" ".join(rng.choices(WORDS, k=rng.randrange(8, 40))) for _ in range(6)]
    index = index_of(tmp_path_factory.mktemp("index"), texts)
    words = rng.choices(WORDS, k=200)
    planted = texts[rng.randrange(6)].split()
    for i in rng.sample(range(len(planted)), rng.randrange(0, 1 + len(planted) // 5)):
        planted[i] = "edited"
    position = rng.randrange(200)
    matches = {
        match.item: match for match in index.find(" ".join([*words[:position], *planted, *words[position:]]))
    }
    hashes = word_hashes(" ".join(planted)).tolist()
    for number, text in enumerate(texts):
        own = word_hashes(text).tolist()
        run = any(
            own[i : i + 5] == hashes[j : j + 5] for i in range(len(own) - 4) for j in range(len(hashes) - 4)
        )
        common = longest_common(own, hashes)
        if run and common >= CRITERIA.needed(len(own)):
            assert matches[number].found >= common
        if number in matches:
            assert matches[number].found >= CRITERIA.needed(len(own))


def test_an_edited_item_matches_but_a_short_one_must_be_complete(tmp_path: Path) -> None:
    rng = random.Random(2)
    long, short = " ".join(rng.sample(WORDS, 40)), " ".join(rng.sample(WORDS, 10))
    index = index_of(tmp_path, [long, short])
    edited = long.split()
    edited[7:9], edited[20] = ["other", "words", "too"], "else"
    (match,) = index.find(" ".join([*rng.sample(WORDS, 60), *edited, *rng.sample(WORDS, 60)]))
    assert (match.item, match.words, match.found) == (0, 40, 37)
    almost = short.split()
    almost[9] = "else"
    assert index.find(" ".join(almost)) == []
    assert [match.item for match in index.find(short)] == [1]
    assert [CRITERIA.needed(n) for n in (8, 12, 18, 24, 40)] == [8, 12, 16, 18, 30]


def test_ngrams_of_many_items_are_ignored(tmp_path: Path) -> None:
    rng = random.Random(4)
    prompt = "please choose the right answer from the list of options that is given below"
    texts = [f"{prompt} {' '.join(rng.sample(WORDS, 20))}" for _ in range(12)]
    index = index_of(tmp_path, [*texts, prompt], replace(CRITERIA, common_items=5))
    assert index.find(f"{prompt} and nothing else") == []
    assert [match.item for match in index.find(f"so: {texts[3]}.")] == [3]


def test_identical_passages_belong_to_the_first_item(tmp_path: Path) -> None:
    text = " ".join(WORDS[:20])
    items = [Item(set="s", id=name, place="", texts=(text, "too short")) for name in ("first", "second")]
    rows = write(items, str(tmp_path), CRITERIA)
    assert [(row["passages"], row["short"], row["searchable"]) for row in rows] == [
        (1, 1, True),
        (1, 1, False),
    ]
    index = Index(tmp_path, CRITERIA)
    assert [index.name(match.item) for match in index.find(text)] == ["first"]


def test_a_part_of_a_long_item_matches(tmp_path: Path) -> None:
    rng = random.Random(6)
    words = rng.choices(WORDS, k=500)
    pieces = [len(passage) for passage in passages(" ".join(words))]
    assert sum(pieces) == 500
    assert min(pieces) >= PASSAGE_WORDS
    index = index_of(tmp_path, [" ".join(words)])
    assert index.find(" ".join(words[200:300]))
    lines = "\n".join(" ".join(words[i : i + 6]) for i in range(0, 60, 6))
    assert [len(passage) for passage in passages(lines)] == [24, 36]


@pytest.mark.parametrize("text", ["", " ", "\x00", "\ud800", "a" * 100_000, "漢" * 10_000, "word1 " * 50_000])
def test_matches_are_inside_any_text(text: str, tmp_path: Path) -> None:
    index = index_of(tmp_path, [" ".join(WORDS[:30]), "word1 " * 20])
    assert all(0 <= match.start < match.end <= len(text) for match in index.find(text))


def test_an_index_without_passages_has_no_matches(tmp_path: Path) -> None:
    assert index_of(tmp_path, ["short"]).find(" ".join(WORDS)) == []


def test_an_opened_index_is_memory_mapped(tmp_path: Path) -> None:
    index = index_of(tmp_path, [" ".join(WORDS[:30])])
    arrays = [getattr(index, name) for name in vars(index) if isinstance(getattr(index, name), np.ndarray)]
    assert arrays
    assert all(isinstance(array.base, np.memmap) for array in arrays)


@given(st.text(alphabet="ab \n", max_size=300), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 40))))
def test_a_cut_never_splits_a_word(text: str, given_spans: list[tuple[int, int]]) -> None:
    spans = [(a, min(len(text), a + size)) for a, size in given_spans if a < len(text) and size]
    pieces = remove_spans(text, spans, 3, 2)
    assert sum(map(len, pieces)) <= len(text)
    assert all(len(piece) >= 2 for piece in pieces)
    words = text.split()
    assert all(word in words for piece in pieces for word in piece.split())
    assert remove_spans(text, [], 3, 1) == ([text.strip()] if text.strip() else [])


def test_a_cut_includes_the_margin() -> None:
    text = "a" * 500 + " " + "X" * 50 + " " + "b" * 150 + " " + "c" * 300
    assert remove_spans(text, [(501, 551)], 0, 200) == ["a" * 500, "b" * 150 + " " + "c" * 300]
    assert remove_spans(text, [(501, 551)], 10, 200) == ["c" * 300]
    assert remove_spans(text, [(501, 551)], 10, 400) == []


def test_fields_can_be_nested_and_lists(tmp_path: Path) -> None:
    path = tmp_path / "deep.jsonl.gz"
    row = {"q": {"stem": "why", "choices": [{"text": "this"}, {"text": "that"}]}, "n": 7, "none": None}
    with gzip.open(path, "wt") as stream:
        stream.write(json.dumps(row) + "\n\n")
    (item,) = read_items(str(path), "deep", ["q.stem", "q.choices.text", "none"], "n")
    assert item == Item(set="deep", id="7", place="deep.jsonl.gz:1", texts=("why", "this", "that"))


def test_a_field_that_an_item_lacks_is_null(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text(
        '{"a": "x", "id": 1}\n{"b": "y"}\n{"a": {"c": ["z", "!"]}}\n{"a": ["w", {"c": null}], "id": 2}\n'
    )
    items = list(read_items(str(path), "some", ["a.c", "b"], "id"))
    assert [(item.id, item.texts) for item in items] == [
        ("1", ()),
        ("some.jsonl:2", ("y",)),
        ("some.jsonl:3", ("z", "!")),
        ("2", ()),
    ]


BAD = {
    "no such field": ('\n{"b": "x", "c": 1}\n{"d": 1}\n', ": no line has a field 'a'; line 2 has b, c"),
    "not JSON": ('{"a": "x"}\n{"a": \n', ", line 2: is not JSON: Expecting value: line 2 column 1 (char 7)"),
    "no object": ("[1]\n", ", line 1: expected a JSON object, found list"),
    "no text": ('{"a": {"b": 1}}\n', ", line 1: 'a' is a dict; expected a text"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_evaluation_file_is_reported_with_its_line(name: str, tmp_path: Path) -> None:
    text, message = BAD[name]
    path = tmp_path / "bad.jsonl"
    path.write_text(text)
    with pytest.raises(BadEvaluation) as error:
        list(read_items(str(path), "bad", ["a"], None))
    assert str(error.value) == f"{path}{message}"


def test_overlap_is_a_share() -> None:
    assert PassageMatch(passage=0, item=0, words=20, found=15, start=0, end=1).overlap == 0.75
