"""Repeated runs of tokens against brute force: Python's tuples of words, every run compared with every other."""

import collections
import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dedup.letters import ALONE, table
from curation.dedup.substring import (
    fingerprint_batch,
    fingerprint_tokens,
    run_batch,
    spans,
    tokens,
    without,
)


def documents(texts):
    """Return a batch of id and text; ids are positions."""
    return pa.record_batch({"id": [str(i) for i in range(len(texts))], "text": pa.array(texts, pa.string())})


def repeated(texts, min_tokens, batch=3):
    """Return the later places of each repeated run as the stage finds them: text -> tokens it begins at."""
    table_of = documents(texts)
    counts = collections.Counter()
    for start in range(0, len(texts), batch):
        for row in fingerprint_batch(table_of.slice(start, batch), min_tokens).to_pylist():
            counts[row["fingerprint"]] += row["occurrences"]
    shared = sorted(value for value, count in counts.items() if count > 1)
    lists = pa.array([shared] * len(texts), pa.list_(pa.int64()))
    occurrences = collections.defaultdict(list)
    for start in range(0, len(texts), batch):
        part = table_of.slice(start, batch)
        part = pa.record_batch({"text": part["text"], "fingerprints": lists.slice(start, len(part))})
        for row in run_batch(part, min_tokens).to_pylist():
            occurrences[row["high"], row["low"]].append((start + row["row"], row["position"]))
    later = [[] for _ in texts]
    for positions in occurrences.values():
        for row, position in sorted(positions)[1:]:
            later[row].append(position)
    return [sorted(starts) for starts in later]


def by_brute_force(texts, min_tokens):
    """Return the same by Python's tuples of words."""
    seen, later = set(), [[] for _ in texts]
    for row, text in enumerate(texts):
        words = text.split()
        for i in range(len(words) - min_tokens + 1):
            run = tuple(words[i : i + min_tokens])
            if run in seen:
                later[row].append(i)
            seen.add(run)
    return later


TEXTS = st.lists(
    st.one_of(
        st.lists(st.sampled_from(["a", "b"]), max_size=40),
        st.lists(st.sampled_from(list("abcdefgh")), max_size=60),
        st.lists(st.sampled_from(["x y z w v u", "p q r s t o n m", "k"]), max_size=12),
    ).map(" ".join),
    max_size=7,
)


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.integers(1, 15))
def test_every_repeated_run_is_found_and_no_other(texts, min_tokens):
    assert repeated(texts, min_tokens) == by_brute_force(texts, min_tokens)


@pytest.mark.parametrize("seed", range(3))
def test_runs_of_75_planted_in_prose(seed):
    rng = random.Random(seed)
    vocabulary = [f"{rng.randrange(1 << 20):x}" for _ in range(500)]
    planted = [rng.choices(vocabulary, k=size) for size in (74, 75, 76, 120, 400)]
    texts = []
    for _ in range(40):
        words = rng.choices(vocabulary, k=rng.randrange(300))
        at = rng.randrange(len(words) + 1)
        texts.append(" ".join(words[:at] + rng.choice(planted) + words[at:]))
    expected = by_brute_force(texts, 75)
    assert sum(map(len, expected)) > 1000
    assert repeated(texts, 75) == expected
    batch = fingerprint_batch(documents(texts), 75)
    count = sum(len(text.split()) for text in texts)
    assert len(batch) < count / 10, "winnowing keeps two of each 27 fingerprints"


def cut(texts, min_tokens):
    """Return the texts without what is repeated."""
    later = pa.array(repeated(texts, min_tokens), pa.list_(pa.int64()))
    cuts = spans(pa.array(texts, pa.string()), later, min_tokens)
    return [without(text, own) for text, own in zip(texts, cuts, strict=True)]


def test_the_first_place_keeps_it_and_white_space_stays_whole():
    first = "One two three four.\n\nThe end"
    texts = [first, "Before\n\none TWO\nOne  two three\tfour.\n\nAfter", "Last:  One two three four."]
    assert cut(texts, 4) == [first, "Before\n\none TWO\nAfter", "Last:"]


def test_tokens_are_compared_byte_for_byte():
    texts = ["one two three four", "one two, three four", "One two three four", "one two\u00a0three four"]
    assert cut(texts, 4) == [*texts[:3], ""]


def test_a_text_that_repeats_itself_keeps_one_period():
    assert cut(["a b c " * 50], 6) == ["a b c"]
    assert cut(["a " * 50], 6) == ["a"]


def test_scripts_without_spaces_are_cut_between_letters_and_never_before_a_mark():
    chinese = "北京大学是中国第一所国立综合性大学"
    assert cut([chinese, f"他说{chinese}。"], 10) == [chinese, "他说。"]
    thai = "กรุงเทพมหานครเป็นเมืองหลวง"
    kept = cut([thai, "ที่" + thai + "ิ่"], 10)
    assert kept[0] == thai
    assert kept[1] == "ที่งิ่", "the last letter goes with the marks that follow it"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text(st.one_of(st.sampled_from("ab \n\u3000漢กิ"), st.characters()), max_size=20), max_size=5)
)
def test_tokens_are_those_of_a_plain_reading(texts):
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    hashes, starts, offsets = tokens(pa.array(texts, pa.string()))
    seen = {}
    for row, text in enumerate(texts):
        plain, word, begin = [], "", 0
        for i, letter in enumerate(text + " "):
            alone = bool(int(table()[ord(letter)]) & int(ALONE))
            ends = letter.isspace() or letter == "\0" or alone
            if ends and word:
                plain.append((begin, word))
                word = ""
            if alone:
                plain.append((i, letter))
            elif not ends:
                begin, word = (begin if word else i), word + letter
        own = slice(offsets[row], offsets[row + 1])
        assert starts[own].tolist() == [begin for begin, _ in plain]
        for (_, word), value in zip(plain, hashes[own].tolist(), strict=True):
            assert seen.setdefault(value, word) == word
    assert len(set(seen.values())) == len(seen)


def test_short_empty_and_absent_texts_have_no_fingerprints():
    batch = documents(["", None, "one two", "a b c"])
    assert fingerprint_batch(batch, 3)["id"].to_pylist() == ["3"]
    assert len(fingerprint_batch(batch, 4)) == 0
    assert len(fingerprint_batch(batch.slice(0, 0), 4)) == 0
    lists = pa.array([[]] * 4, pa.list_(pa.int64()))
    for size in (3, 40):
        runs = run_batch(pa.record_batch({"text": batch["text"], "fingerprints": lists}), size)
        assert len(runs) == 0
        assert runs.schema.names == ["row", "position", "high", "low"]


def test_a_fingerprint_leaves_room_for_a_window():
    assert [fingerprint_tokens(size) for size in (1, 2, 3, 75, 100)] == [1, 1, 2, 50, 66]


def test_long_texts_are_hashed_in_pieces_as_short_ones_are():
    rng = np.random.default_rng(1)
    words = [f"w{i}" for i in rng.integers(0, 1000, 80_000)]
    long, piece = " ".join(words), " ".join(words[50_000:50_200])
    assert repeated([long, piece], 75)[1] == list(range(200 - 75 + 1))
