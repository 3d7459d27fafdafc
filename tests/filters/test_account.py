"""The arithmetic of the account against its definitions, by enumeration."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.filters.account import empty, tally

RULES = 4
DOCUMENTS = st.lists(
    st.tuples(st.lists(st.booleans(), min_size=RULES, max_size=RULES), st.integers(0, 10_000)), max_size=12
)
Documents = list[tuple[list[bool], int]]


def arrays(documents: Documents) -> tuple[np.ndarray, np.ndarray]:
    broken = np.array([flags for flags, _ in documents], np.bool_).reshape(-1, RULES)
    return broken, np.array([characters for _, characters in documents], np.int64)


def worth(documents: Documents, rules: set[int]) -> tuple[int, int]:
    """Documents and characters that a set of rules drops."""
    dropped = [characters for broken, characters in documents if any(broken[rule] for rule in rules)]
    return len(dropped), sum(dropped)


@given(DOCUMENTS)
def test_shares_are_the_mean_over_all_orders_of_the_rules(documents: Documents) -> None:
    result = tally(*arrays(documents))
    orders = list(permutations(range(RULES)))
    for rule in range(RULES):
        gains = np.zeros(2)
        for order in orders:
            before = set(order[: order.index(rule)])
            gains += np.subtract(worth(documents, before | {rule}), worth(documents, before))
        assert result.shapley[:, rule] == pytest.approx(gains / len(orders))
    assert result.shapley.sum(axis=1) == pytest.approx(result.dropped), "they add up to what is dropped"


@given(DOCUMENTS)
def test_each_number_is_what_it_says(documents: Documents) -> None:
    result = tally(*arrays(documents))
    everything = set(range(RULES))
    assert result.received.tolist() == [len(documents), sum(characters for _, characters in documents)]
    assert tuple(result.dropped) == worth(documents, everything)
    for rule in everything:
        assert tuple(result.broke[:, rule]) == worth(documents, {rule})
        without = worth(documents, everything - {rule})
        assert tuple(result.only[:, rule]) == tuple(np.subtract(worth(documents, everything), without))
        for other in everything:
            both = [characters for broken, characters in documents if broken[rule] and broken[other]]
            assert result.pairs[:, rule, other].tolist() == [len(both), sum(both)]


@given(DOCUMENTS, st.integers(0, 12))
def test_tallies_add_up_however_the_documents_are_cut(documents: Documents, cut: int) -> None:
    whole = tally(*arrays(documents))
    parts = empty(RULES) + tally(*arrays(documents[cut:])) + tally(*arrays(documents[:cut]))
    for name in ("received", "dropped", "by_broken_count", "pairs"):
        assert (getattr(whole, name) == getattr(parts, name)).all(), "to the last digit"


def test_tokens_are_one_more_unit() -> None:
    result = tally(np.array([[True, False], [True, True]]), np.array([100, 300])).with_tokens(0.25)
    assert result.dropped.tolist() == [2, 400, 100]
    assert result.only[2].tolist() == [25, 0]
    assert result.shapley[2].tolist() == [62.5, 37.5]


def test_no_rules_drop_nothing() -> None:
    result = tally(np.zeros((3, 0), np.bool_), np.array([1, 2, 3]))
    assert result.received.tolist() == [3, 6]
    assert result.dropped.tolist() == [0, 0]
    assert result.only.shape == result.shapley.shape == result.broke.shape == (2, 0)
