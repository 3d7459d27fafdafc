"""Near duplicates on Spark: modes, components on one executor and on many, containment, hot buckets."""

from __future__ import annotations

import itertools
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import networkx
import pyarrow as pa
import pytest
from pyspark.sql.pandas.types import from_arrow_schema

from curation.dedup.decide import PAIRS
from curation.recipe.sections.dedup import Dedup, Near
from curation.spark.dedup import history, near
from curation.spark.dedup.components import stars
from curation.spark.dedup.inputs import Preference
from curation.spark.scratch import Scratch
from curation.spark.stages.dedup import Finder

from .tables import documents

pytestmark = pytest.mark.spark

WORDS = [f"word{i}" for i in range(4000)]
PREFER = [Preference("characters", True)]


def document(number: int, text: str, **changes: Any) -> dict[str, Any]:
    row = {"id": f"{number:032x}", "source": "s", "file": "f", "offset": number, "text": text}
    row |= {"characters": len(text), "characters_in": len(text), "edits": [], "measures": [], "reasons": []}
    return row | changes


def families() -> list[dict[str, Any]]:
    """Families with light and heavy edits, and a chain: each link is near the next, the ends share nothing."""
    rng = random.Random(5)
    texts = []
    for _ in range(8):
        base = [rng.choice(WORDS) for _ in range(rng.randint(80, 160))]
        for changes in (0, 0, 1, 3, 30):
            copy = list(base)
            for _ in range(changes):
                copy[rng.randrange(len(copy))] = rng.choice(WORDS)
            texts.append(" ".join(copy))
    chain = [rng.choice(WORDS) for _ in range(80)]
    for i in range(18):
        chain[4 * i] = f"link{i}"
        texts.append(" ".join(chain))
    return [document(i, text) for i, text in enumerate(texts)]


def clusters(
    spark: Any, rows: list[dict[str, Any]], folder: Path, near_settings: Near, **settings: Any
) -> Any:
    finder = Finder(spark, Dedup(near=near_settings), PREFER, str(folder), **settings)
    return {row["id"]: row for row in finder.mark(documents(spark, rows, 3))[1].toArrow().to_pylist()}


def jaccard(a: str, b: str) -> float:
    left, right = (
        {tuple(words[i : i + 5]) for i in range(len(words) - 4)} for words in (a.split(), b.split())
    )
    return len(left & right) / len(left | right)


@pytest.fixture(scope="module")
def led(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The clusters of the families in mode leader, decided by one worker."""
    return clusters(spark, families(), tmp_path_factory.mktemp("led"), Near())


@pytest.mark.long
def test_leaders_elected_in_components_are_those_of_one_worker(spark: Any, led: Any, tmp_path: Path) -> None:
    rows = families()
    texts = {row["id"]: row["text"] for row in rows}
    assert clusters(spark, rows, tmp_path, Near(), max_edges=0) == led
    kept = [text for name, text in texts.items() if name not in led]
    alike = [pair for pair in itertools.combinations(kept, 2) if jaccard(*pair) >= 0.85]
    assert not alike, "a kept document was matched with one that is removed, and not compared again"
    assert all(row["jaccard"] >= 0.8 for row in led.values())


def test_partitions_order_and_a_killed_worker_leave_the_clusters_as_they_are(
    spark: Any, led: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = families()
    random.Random(1).shuffle(rows)
    flag = tmp_path / "a worker was killed"

    def dying(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if not flag.exists():
                flag.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            yield batch

    monkeypatch.setattr(near, "PAIRS_IN_MEMORY", -1)
    before = spark.conf.get("spark.sql.shuffle.partitions")
    spark.conf.set("spark.sql.shuffle.partitions", "11")
    try:
        frame = documents(spark, rows, 7)
        frame = frame.mapInArrow(dying, frame.schema)
        clusters_now = Finder(spark, Dedup(near=Near()), PREFER, str(tmp_path)).mark(frame)[1].toArrow()
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", before)
    assert flag.exists(), "no worker was killed"
    assert {row["id"]: row for row in clusters_now.to_pylist()} == led, "joins decide what one worker decides"


def test_transitive_keeps_one_of_a_chain_and_unverified_measures_nothing(
    spark: Any, led: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = families()
    texts = {row["id"]: row["text"] for row in rows}
    chained = clusters(spark, rows, tmp_path / "transitive", Near(mode="transitive"))
    assert set(led) < set(chained)
    for name, row in chained.items():
        assert row["kept_id"] not in chained
        assert row["jaccard"] == pytest.approx(jaccard(texts[name], texts[row["kept_id"]]))
    assert min(row["jaccard"] for row in chained.values()) < 0.2, "the chain's ends are in one cluster"
    banded = clusters(spark, rows, tmp_path / "unverified", Near(mode="unverified"), max_edges=0)
    assert set(chained) <= set(banded)
    assert {row["jaccard"] for row in banded.values() if row["reason"] == "dedup.near"} == {None}
    assert {row["kept_id"] for row in banded.values()}.isdisjoint(banded)
    monkeypatch.setattr(near, "PAIRS_IN_MEMORY", -1)
    assert clusters(spark, rows, tmp_path / "joins", Near(mode="transitive")) == chained


def test_a_part_of_a_document_goes_where_containment_says_so(spark: Any, tmp_path: Path) -> None:
    rng = random.Random(1)
    whole = [rng.choice(WORDS) for _ in range(200)]
    rows = [document(1, " ".join(whole)), document(2, " ".join(whole[:110]))]
    bands = {"bands": 64, "rows_per_band": 2}  # 0.53 alike: 14 bands of 8 would not bring them together
    (row,) = clusters(spark, rows, tmp_path, Near(containment=0.95, **bands)).values()
    assert (row["reason"], row["containment"]) == ("dedup.contained", 1.0)
    assert row["jaccard"] == pytest.approx(106 / 196)
    assert row["id"] == f"{2:032x}"


def test_hot_buckets_are_listed_and_leaders_carry_their_size(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PART_BITS", 1)
    text = " ".join(f"w{i}" for i in range(100))
    rows = [document(i, f"{text} tail{i}") for i in range(40)] + [
        document(50, "something else entirely here")
    ]
    finder = Finder(spark, Dedup(near=Near(hot_bucket=20), index=True), PREFER, str(tmp_path / "scratch"))
    out = tmp_path / "out"
    detail = finder.write(documents(spark, rows, 3), str(out), 1.0)
    pairs = detail["pairs"]
    assert pairs["compared"] == pairs["verified"] >= 39
    assert pairs["ruled_out_by_size"] == 0
    buckets = spark.read.parquet(f"file:{out}/buckets").toArrow().to_pylist()
    best_first = [f"{i:032x}" for i in (*range(10, 40), *range(10))]  # the longest, of equals the least id
    assert buckets
    for row in buckets:
        assert 20 < row["documents"] <= 40
        assert row["ids"] == sorted(row["ids"], key=best_first.index)
        assert len(row["ids"]) == 3
    kept = spark.read.parquet(f"file:{out}/rows/state=kept").toArrow().to_pylist()
    sizes = {row["id"]: dict(row["measures"])["dedup.cluster_size"] for row in kept}
    assert sizes == {f"{10:032x}": 40.0, f"{50:032x}": 1.0}
    indexed = spark.read.parquet(f"file:{out}/index/documents").toArrow().to_pylist()
    assert {row["id"] for row in indexed} == set(sizes)


def test_stars_of_the_whole_cluster_are_the_components(spark: Any, tmp_path: Path) -> None:
    rng = random.Random(1)
    chain, some, hubs = (rng.sample(range(i << 40, (i + 1) << 40), 601) for i in range(3))
    pairs = list(itertools.pairwise(chain))
    pairs += [(rng.choice(some), rng.choice(some)) for _ in range(420)]
    pairs += [(hubs[i % 9], hubs[i]) for i in range(9, 601)] + [(hubs[0], hubs[1])]
    rng.shuffle(pairs)
    rows = [{"better": min(pair), "worse": max(pair)} for pair in pairs if len(set(pair)) == 2]
    edges = spark.createDataFrame(
        pa.Table.from_pylist(rows, schema=PAIRS), schema=from_arrow_schema(PAIRS)
    ).repartition(16)
    result = stars(Scratch(spark, str(tmp_path)), edges).toArrow().to_pylist()
    expected = {
        node: min(nodes)
        for nodes in networkx.connected_components(networkx.Graph(pairs))
        for node in nodes
        if node != min(nodes)
    }
    assert {row["worse"]: row["better"] for row in result} == expected
    assert len(result) == len(expected)
