from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from resiliparse.parse.html import HTMLTree

from curation.extract.classifier.batch import PageBatch
from curation.extract.classifier.choice import best_set, choose, data_tables
from curation.extract.classifier.columns.sums import sums
from curation.extract.classifier.walk import walk

ROWS = "<tr><td>a</td><td>b</td></tr>" * 3


def batch(page: str) -> PageBatch:
    return walk([str(HTMLTree.parse(page))])


def expected(probability: np.ndarray, words: np.ndarray, chosen: list[int]) -> float:
    hits = (probability * words)[chosen].sum()
    return float(2 * hits / (words[chosen].sum() + (probability * words).sum() + 1e-9))


@pytest.mark.parametrize("seed", range(20))
def test_no_other_set_has_a_higher_expected_f1(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probability, words = rng.random(8).round(2), rng.integers(1, 50, 8).astype(float)
    kept, value = best_set(probability, words)
    every = (list(chosen) for size in range(1, 9) for chosen in combinations(range(8), size))
    assert value == pytest.approx(max(expected(probability, words, chosen) for chosen in every))
    assert value == pytest.approx(expected(probability, words, np.flatnonzero(kept).tolist()))


def test_a_page_without_blocks_keeps_none() -> None:
    kept, value = best_set(np.zeros(0), np.zeros(0))
    assert (kept.tolist(), value) == ([], 0.0)


@pytest.mark.parametrize(
    ("page", "is_data"),
    [
        (f"<table>{ROWS}</table>", True),
        (f"<table><tbody>{ROWS}</tbody></table>", True),
        ("<table><tr><td>a</td><td>b</td></tr></table>", False),  # one row
        ("<table>" + "<tr><td>a</td></tr>" * 5 + "</table>", False),  # one column
        (f"<table>{ROWS}<tr><td>{'long ' * 100}</td><td>b</td></tr></table>", False),  # prose
    ],
)
def test_which_tables_hold_data(page: str, is_data: bool) -> None:
    found = batch(page)
    table = data_tables(found, sums(found))[found.blocks.container]
    assert set(table >= 0) == {is_data}


def test_of_nested_tables_the_inner_may_hold_data() -> None:
    found = batch(f"<table><tr><td>out<td>er<tr><td>a<td>b<tr><td><table>{ROWS}</table><td>c</table>")
    table = data_tables(found, sums(found))[found.blocks.container]
    of = dict(zip(found.blocks.text, table >= 0, strict=True))
    assert not of["out"]
    assert table[found.blocks.text.index("a", 3)] >= 0


def test_a_data_table_is_kept_whole_or_not_at_all() -> None:
    found = batch(f"<p>{'words and more words ' * 5}</p><table>{ROWS}</table>")
    probability = np.array([1.0, 0.9, 0.1, 0.9, 0.1, 0.4, 0.1], np.float32)
    kept = choose(found, sums(found), probability).kept
    assert kept.tolist() == [True] * 7
    assert (
        choose(found, sums(found), probability * [1, 0, 0, 0, 0, 0, 0]).kept.tolist() == [True] + [False] * 6
    )
