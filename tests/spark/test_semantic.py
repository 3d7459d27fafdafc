"""Semantic duplicates on Spark: from a table or an encoder, the invariant, and the same answer for any layout."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from curation.dedup.semantic import unit_vectors
from curation.recipe.sections.dedup import Semantic
from curation.spark.dedup.semantic import NAME, SemanticDuplicates
from curation.spark.scratch import Scratch

from .tables import documents

pytestmark = pytest.mark.spark

BOUND = 0.97
CLUSTERS = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("kept_id", pa.string()),
        pa.field("jaccard", pa.float64()),
        pa.field("cluster_size", pa.int32()),
        pa.field("reason", pa.string()),
        pa.field("kept_in", pa.string()),
    ]
)


def letters(texts: list[str]) -> np.ndarray:
    """Return how often each letter occurs: an encoder that needs no model."""
    return np.array([[text.count(chr(97 + i)) for i in range(26)] for text in texts], np.float32)


def corpus() -> list[dict[str, Any]]:
    """Twelve kinds of text with other words in the same shares; two documents that were merged before."""
    rng = random.Random(8)
    kinds = [
        rng.choices("abcdefghijklmnopqrstuvwxyz", weights=[rng.random() ** 4 for _ in range(26)], k=300)
        for _ in range(12)
    ]
    rows = []
    for i in range(150):
        text = "".join(rng.sample(rng.choice(kinds), 250)) if i else ""
        rows.append(
            {
                "id": f"{i:032x}", "source": "s", "file": "f", "offset": i, "text": text, "characters": len(text),
                "characters_in": len(text), "edits": [], "reasons": [],
                "measures": [("q.score", float(rng.randrange(4))), ("dedup.cluster_size", 1.0)],
            }
        )  # fmt: skip
    reason = {
        "name": "dedup.near",
        "state": "merged",
        "value": 0.9,
        "min": None,
        "max": 0.8,
        "detail": "near",
    }
    for i in (1, 2):
        rows[i] |= {"reasons": [reason], "merged_into": f"{i + 10:032x}"}
        rows[i + 10]["measures"][1] = ("dedup.cluster_size", 2.0)
    return rows


def marked(
    spark: Any, rows: list[dict[str, Any]], folder: Path, partitions: int, **options: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    frame = documents(spark, rows, partitions)
    near = [
        {
            "id": row["id"],
            "kept_id": row["merged_into"],
            "jaccard": 0.9,
            "cluster_size": 2,
            "reason": "dedup.near",
        }
        for row in rows
        if row["reasons"]
    ]
    clusters = spark.createDataFrame(
        pa.Table.from_pylist(near, schema=CLUSTERS), schema=from_arrow_schema(CLUSTERS)
    )
    settings = Semantic(clusters=8, min_cosine=BOUND, **options)
    order = [-F.col("measures.`q.score`")]
    duplicates = SemanticDuplicates(settings, order, F.col("source"), Scratch(spark, str(folder)))
    out, clusters = duplicates.mark(frame, clusters)
    out = out.select("id", "merged_into", "reasons", "measures")
    return (
        {row["id"]: row for row in out.toArrow().to_pylist()},
        {row["id"]: row for row in clusters.toArrow().to_pylist()},
    )


@pytest.fixture(scope="module")
def embeddings(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same embeddings as a table."""
    path = tmp_path_factory.mktemp("embeddings") / "embeddings.parquet"
    rows = corpus()
    vectors = letters([row["text"] for row in rows]).tolist()
    table = pa.table(
        {"id": [row["id"] for row in rows], "embedding": pa.array(vectors, pa.list_(pa.float32()))}
    )
    pq.write_table(table, path)
    return str(path)


@pytest.fixture(scope="module")
def by_table(
    spark: Any, embeddings: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the table of embeddings gives, from three partitions."""
    return marked(spark, corpus(), tmp_path_factory.mktemp("by_table"), 3, embeddings=embeddings)


def test_every_removed_document_has_a_kept_one_that_means_the_same(by_table: Any) -> None:
    rows, (out, clusters) = corpus(), by_table
    raw = pa.array(letters([row["text"] for row in rows]).tolist())
    positions, vectors = unit_vectors(raw)
    vector = {rows[position]["id"]: vectors[i] for i, position in enumerate(positions.tolist())}
    score = {row["id"]: row["measures"][0][1] for row in rows}
    removed = {name for name, row in out.items() if row["merged_into"]}
    assert removed == set(clusters)
    assert len(removed) > 80
    for name in removed:
        row, kept = clusters[name], out[name]["merged_into"]
        assert row["kept_id"] == kept
        assert kept not in removed, "a removal hangs on a removed document"
        if row["reason"] == NAME:
            assert row["cosine"] == min(float(vector[name] @ vector[kept]), 1.0) >= BOUND
            assert score[kept] >= score[name]
            assert (out[name]["reasons"][0]["name"], out[name]["reasons"][0]["value"]) == (
                NAME,
                row["cosine"],
            )
        else:
            through = row["through"] or kept
            assert (row["jaccard"], through) == (0.9, f"{int(name, 16) + 10:032x}")
    sizes = {name: dict(row["measures"])["dedup.cluster_size"] for name, row in out.items()}
    assert sum(sizes[name] for name in out if name not in removed) == len(rows)
    assert all(row["cluster_size"] == sizes[row["kept_id"]] for row in clusters.values())
    assert out[f"{0:032x}"]["merged_into"] is None, "a text without a direction stays"


def test_an_encoder_on_any_layout_gives_what_its_table_gives(
    spark: Any, by_table: Any, tmp_path: Path
) -> None:
    (tmp_path / "letter_encoder.py").write_text(
        "import numpy as np\n\n\ndef letters(texts):\n"
        "    return np.array([[t.count(chr(97 + i)) for i in range(26)] for t in texts], np.float32)\n"
    )
    spark.sparkContext.addPyFile(str(tmp_path / "letter_encoder.py"))
    rows = corpus()
    random.Random(1).shuffle(rows)
    assert marked(spark, rows, tmp_path / "out", 16, encoder="letter_encoder:letters") == by_table


def test_two_embeddings_of_one_document_are_refused(spark: Any, tmp_path: Path) -> None:
    table = pa.table({"id": ["a", "b", "a"], "embedding": [[1.0], [1.0], [2.0]]})
    pq.write_table(table, tmp_path / "twice.parquet")
    path = str(tmp_path / "twice.parquet")
    with pytest.raises(ValueError, match="embeddings") as caught:
        marked(spark, corpus()[:3], tmp_path / "a", 1, embeddings=path)
    assert str(caught.value) == f"{path}: id 'a' has 2 embeddings, expected one for each id"
