"""At most so many documents of a site: beside a count by hand, nested, in any layout; and as a stage of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation.accounting.ledger import Ledger, balanced
from curation.accounting.sample import position
from curation.recipe.recipe import read_recipe
from curation.recipe.sections.sites import Sites
from curation.spark.run import Run
from curation.spark.scratch import Scratch
from curation.spark.stages.sites import REASON, write
from curation.spark.store import Store
from curation.spark.tables import account, read_rows
from curation.text.address import site

from .tables import documents

pytestmark = pytest.mark.spark

HOSTS = ["big.org", "www.big.org", "sub.big.org", "small.org", ""]


def corpus() -> list[dict[str, Any]]:
    """Thirty documents of each host, some without any address."""
    return [
        {
            "id": f"{n:032x}", "source": "s", "file": f"f{n % 3}", "offset": n, "text": f"text {n}",
            "url": f"http://{host}/{n}" if host else ("" if n % 2 else None), "characters": 6 + (n > 9),
            "characters_in": 99, "edits": [("gone", 9)], "measures": [("a.b", 1.0)], "reasons": [],
        }
        for n, host in enumerate(HOSTS[i % 5] for i in range(150))
    ]  # fmt: skip


def capped(spark: Any, folder: Path, partitions: int, **options: Any) -> dict[str, dict[str, Any]]:
    frame = documents(spark, corpus(), partitions)
    write(frame, Sites(**options), Scratch(spark, f"{folder}/_scratch/tables"), str(folder), 1.0)
    counted = account(spark, str(folder))
    counted.ledger.check()
    assert counted.rows == 150
    return {row["id"]: row for row in read_rows(spark, str(folder)).toArrow().to_pylist()}


def kept(rows: dict[str, dict[str, Any]]) -> set[str]:
    return {each for each, row in rows.items() if row["state"] == "kept"}


@pytest.mark.parametrize("domains", [None, 2])
def test_those_first_by_hash_stay(spark: Any, tmp_path: Path, domains: int | None) -> None:
    rows = capped(spark, tmp_path / "a", 5, at_most=20, domains=domains)
    by_site: dict[str, list[str]] = {}
    for row in corpus():
        by_site.setdefault(site(row["url"], domains), []).append(row["id"])
    assert {name: len(ids) for name, ids in by_site.items()} == (
        {"big.org": 60, "sub.big.org": 30, "small.org": 30, "": 30}
        if domains is None
        else {"big.org": 90, "small.org": 30, "": 30}
    )
    first = {
        each
        for name, ids in by_site.items()
        for each in sorted(ids, key=lambda i: position(i, "sites"))[: 20 if name else None]
    }
    assert kept(rows) == first
    gone = next(row for row in rows.values() if row["state"] == "dropped" and "small" in row["url"])
    (reason,) = gone["reasons"]
    assert reason["name"] == REASON
    assert (reason["max"], reason["detail"]) == (20.0, "small.org")
    assert reason["value"] > 20
    assert (gone["characters_in"], gone["edits"]) == (gone["characters"], [])


def test_nested_and_the_same_in_any_layout(spark: Any, tmp_path: Path) -> None:
    runs = [capped(spark, tmp_path / f"{n}", n, at_most=12) for n in (1, 4)]
    assert runs[0] == runs[1]
    assert kept(capped(spark, tmp_path / "less", 3, at_most=5)) < kept(runs[0])


def test_a_stage_of_a_run(made: Any, tmp_path: Path) -> None:
    recipe = read_recipe(str(made.recipe), ["sites.at_most=7", "shard.by=[source]"])
    out = made.copy(tmp_path / "out", "extract", "filter", "dedup")
    manifests = {each.stage: each for each in Run(recipe, Store(str(out))).run()}
    assert list(manifests) == ["extract", "filter", "dedup", "sites", "shard"]
    assert balanced([Ledger.from_json(each.ledger) for each in manifests.values()])
    found = manifests["sites"]
    assert found.ledger["reasons"][REASON]["records"] == found.ledger["dropped"]["records"] > 0
    assert found.detail == {"sites_over": 1}
