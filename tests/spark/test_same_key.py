"""Duplicates by a column, and clusters of which nothing stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation.recipe.sections.dedup import Dedup
from curation.spark.stages.dedup import Finder

from .tables import documents

pytestmark = pytest.mark.spark

TEXT = "one text that is the same in two places, with enough words for its shingles to be compared"
#: (id, URL, captured, text): a and b are two captures of a page, b and d the same text, e and f have no URL.
ROWS = [
    ("a", "http://a.org/", "2024-01-01T00:00:00Z", "the page of January, of which little stays the same"),
    ("b", "http://a.org/", "2025-01-01T00:00:00Z", TEXT),
    ("c", "http://c.org/", "", "something else that is nowhere else"),
    ("d", "http://d.org/", "2023-01-01T00:00:00Z", TEXT + " "),
    ("d2", "http://d.org/2", "2023-01-01T00:00:00Z", TEXT + " "),
    ("e", "", "", "no address, the first of them, and a text of its own"),
    ("f", "", "", "no address, the second of them: it stays as well"),
]


def verdicts(spark: Any, folder: Path, settings: Dedup, partitions: int) -> dict[str, tuple[Any, ...]]:
    """Return id -> (merged into, name of the reason, its state, its detail)."""
    rows = [
        {
            "id": name, "source": "s", "url": url, "captured_at": captured, "file": "f", "offset": i, "text": text,
            "characters": len(text), "edits": [], "measures": [], "reasons": [],
            "metadata": [("column.day", f"2024-01-{9 - i:02}")],
        }
        for i, (name, url, captured, text) in enumerate(ROWS)
    ]  # fmt: skip
    finder = Finder(spark, settings, [], str(folder / f"scratch{partitions}"))
    marked, _ = finder.mark(documents(spark, rows, partitions))
    return {
        row["id"]: (row["merged_into"], *[(r["name"], r["state"], r["detail"]) for r in row["reasons"]])
        for row in marked.collect()
    }


def test_one_document_of_each_key_stays(spark: Any, tmp_path: Path) -> None:
    assert verdicts(spark, tmp_path, Dedup(key="url", keep="latest", near=None), 3) == {
        "a": ("b", ("dedup.key", "merged", "the same url as b")),
        "b": (None,), "c": (None,), "d": (None,),
        "d2": ("d", ("dedup.exact", "merged", "the same text as d")),
        "e": (None,), "f": (None,),
    }  # fmt: skip


def test_a_column_that_an_input_carries_along_is_a_time(spark: Any, tmp_path: Path) -> None:
    found = verdicts(spark, tmp_path, Dedup(key="url", keep="latest", time="day", near=None, exact=False), 2)
    assert {name: verdict[0] for name, verdict in found.items() if verdict[0]} == {"b": "a"}


def test_a_key_that_no_document_has(spark: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no document has a value of 'date'"):
        verdicts(spark, tmp_path, Dedup(key="url", keep="latest", time="date", near=None), 1)
    with pytest.raises(ValueError, match="no document has a value") as error:
        verdicts(spark, tmp_path, Dedup(key="adress", near=None), 1)
    assert str(error.value) == (
        "dedup.key: no document has a value of 'adress'; expected a column of documents (url, record_id, captured_at), "
        "one that an input carries along (columns), or a name of metadata"
    )


def test_nothing_of_a_cluster_stays_and_a_merge_names_the_last_document(spark: Any, tmp_path: Path) -> None:
    found = verdicts(spark, tmp_path, Dedup(key="url", keep="latest", drop_all=True), 1)
    assert {name for name, verdict in found.items() if len(verdict) == 1} == {"c", "e", "f"}
    (leader,) = [
        name for name, verdict in found.items() if len(verdict) > 1 and verdict[1][0] == "dedup.drop_all"
    ]
    assert found[leader] == (None, ("dedup.drop_all", "dropped", "it stands for others: 3"))
    assert {found[name][0] for name in ("a", "b", "d", "d2") if name != leader} == {leader}
