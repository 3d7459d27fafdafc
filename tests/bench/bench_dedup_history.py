"""What adding one snapshot costs beside what was there before: bytes shuffled, and time.

    python tests/bench/bench_dedup_history.py [--documents N]

Snapshots of N short synthetic documents, a third of each near copies of the first one's; each was added against those
before it. One more is added against 1 and against 4 of them. Its shuffle should depend on it, not on them; what grows with them is what their
indexes' row groups make it read. Writes build/bench/dedup_history.json.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema
from recording import ROOT, record

from curation.accounting.manifest import Manifest
from curation.document import DOCUMENT
from curation.recipe.dedup import Dedup
from curation.spark.duplicates import Finder, Preference
from curation.spark.history import History
from curation.spark.session import start
from curation.spark.store import sizes

FOLDER = ROOT / "build" / "bench" / "dedup_history"
WORDS = 80
EARLIER = (1, 4)


def snapshot(spark: SparkSession, number: int, count: int) -> DataFrame:
    """Return `count` documents; those of other snapshots share a third, but for one word."""
    rows = []
    for i in range(count):
        shared = i % 3 == 0
        rng = random.Random(i if shared else f"{number} {i}")
        words = [f"w{rng.randrange(1 << 18):x}" for _ in range(WORDS)]
        if shared:
            words[number % 11] = "other"
        text = " ".join(words)
        row = {"id": f"{number:08x}{i:024x}", "source": "s", "file": f"{number}", "offset": i, "text": text}
        rows.append(row | {"characters": len(text), "edits": [], "measures": [], "reasons": []})
    table = pa.Table.from_pylist(rows, schema=DOCUMENT)
    return spark.createDataFrame(table, schema=from_arrow_schema(DOCUMENT))


def deduplicated(
    spark: SparkSession, documents: DataFrame, name: str, earlier: dict[str, Manifest]
) -> Manifest:
    """Run the stage's writer into FOLDER/name; return a manifest of what it wrote."""
    path = FOLDER / name
    history = History(spark, earlier) if earlier else None
    settings = Dedup(index=True, against=tuple(earlier))
    finder = Finder(spark, settings, [Preference("characters", True)], f"{path}/_scratch", None, history)
    finder.write(documents, str(path), 1.0)
    made: dict[str, Any] = {"config": {}, "inputs": {}, "resources": {}, "versions": {}, "output_version": 1}
    shutil.rmtree(path / "_scratch")
    return Manifest(stage="dedup", fingerprint=name, files=sizes(str(path)), **made)


def shuffled_bytes(spark: SparkSession) -> int:
    """Return what all tasks so far wrote to shuffles."""
    executors = spark.sparkContext._jsc.sc().statusStore().executorList(False)
    return sum(executors.apply(i).totalShuffleWrite() for i in range(executors.size()))


def main() -> int:
    """Measure, print, record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=5_000)
    count = parser.parse_args().documents
    spark = start("dedup_history", "local[2]")
    shutil.rmtree(FOLDER, ignore_errors=True)
    held: dict[str, Manifest] = {}
    found = {}
    for number in range(1, max(EARLIER) + 1):
        name = f"earlier{number}"
        held[str(Path(FOLDER, name))] = deduplicated(spark, snapshot(spark, number, count), name, dict(held))
        if number in EARLIER:
            documents = snapshot(spark, 99, count)
            before, began = shuffled_bytes(spark), time.monotonic()
            made = deduplicated(spark, documents, f"added{number}", dict(held))
            wall_s, shuffled = time.monotonic() - began, shuffled_bytes(spark) - before
            removed = count - spark.read.parquet(f"file:{FOLDER}/added{number}/rows/state=kept").count()
            found[str(number)] = {"wall_s": wall_s, "shuffle_bytes": shuffled, "removed": removed}
            print(
                f"{count:,} documents against {number} x {count:,}: {shuffled / 1e6:.1f} MB shuffled, "
                f"{wall_s:.1f} s, {removed:,} removed, {len(made.files)} files"
            )
    most, least = (found[str(n)]["shuffle_bytes"] for n in (max(EARLIER), min(EARLIER)))
    bars = {"shuffle_1_over_4_earlier": (least / most, 0.8)}
    shutil.rmtree(FOLDER)
    return record(
        "dedup_history", {"documents": count, "against": found}, bars, ("numpy", "pyarrow", "pyspark")
    )


if __name__ == "__main__":
    sys.exit(main())
