"""The scores of bench-dedup-quality on sets small enough to count by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from dedup_corpus import Labelled, exact_pairs, true_jaccard, words
from dedup_scores import Outcome, adjusted_rand, components, leaders, score

#: Five documents, longest first: a is near b, b near c, and a is not near c.
CHAIN = Labelled(list("abcde"), ["x" * (9 - i) for i in range(5)], {(0, 1): 0.9, (1, 2): 0.85, (0, 2): 0.6})


def test_a_chain_merged_into_one_breaks_the_promise_once() -> None:
    found = components(CHAIN.near(0.8), range(5))
    assert found.kept_of == {1: 0, 2: 0}
    told = score(found, CHAIN, 0.8)
    assert (told.violations, told.wrongly_removed, told.unsettled) == (1, 1, 0)
    assert (told.removal_precision, told.settled_fraction) == (1 / 2, 1.0)
    assert told.figures()["removal_precision"] == 1 / 2
    assert (told.precision, told.recall) == (pytest.approx(2 / 3), 1.0)
    assert told.rand < 1


def test_verified_leaders_break_none() -> None:
    found = leaders(CHAIN.near(0.8), CHAIN)
    assert found.kept_of == {1: 0}
    told = score(found, CHAIN, 0.8)
    assert (told.violations, told.wrongly_removed, told.unsettled, told.removed) == (0, 0, 0, 1)
    assert (told.precision, told.recall, told.rand, told.near_pairs) == (1.0, 0.5, 1.0, 2)


def test_what_is_left_alone_and_what_is_removed_for_nothing() -> None:
    nothing = score(Outcome({}), CHAIN, 0.8)
    assert (nothing.unsettled, nothing.recall, nothing.precision, nothing.f1) == (2, 0.0, 1.0, 0.0)
    for nothing_like in ({4: 3}, {4: 3, 3: 0}):
        told = score(Outcome(nothing_like), CHAIN, 0.8)
        assert told.violations == told.wrongly_removed == len(nothing_like)


def test_a_set_of_copies_needs_no_list_of_pairs() -> None:
    copies = Labelled(list("abc"), ["x"] * 3, None)
    told = score(Outcome({1: 0, 2: 0}), copies, 0.8)
    assert (told.near_pairs, told.precision, told.recall, told.rand, told.violations) == (3, 1.0, 1.0, 1.0, 0)
    assert score(Outcome({}), copies, 0.8).unsettled == 3


def test_the_adjusted_rand_index() -> None:
    assert adjusted_rand([0, 0, 1, 1], [5, 5, 7, 7]) == 1.0
    assert adjusted_rand([0, 0, 1, 1], [0, 1, 0, 1]) == pytest.approx(-0.5)


def test_labels_are_jaccards_of_python_s_sets() -> None:
    assert words("Straße, ÇA-va 漢字!") == ["strasse", "ça", "va", "漢", "字"]
    texts = ["a b c d e f", "a b c d e g", "other words", "Other: words", "", " "]
    assert exact_pairs(texts, 0.1) == {(0, 1): pytest.approx(1 / 3), (2, 3): 1.0}


def test_jaccard_of_the_strings_themselves_is_that_of_their_hashes() -> None:
    texts = ["a b c d e f g h", "A b, c d e f g x", "one two", ""]
    assert true_jaccard(texts[0], texts[1]) == 3 / 5 == exact_pairs(texts)[0, 1]
    assert [true_jaccard(texts[0], other) for other in texts[2:]] == [0.0, 0.0]
    assert true_jaccard("one two", "One two!") == 1.0
