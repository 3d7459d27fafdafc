"""What adding one snapshot costs beside what was there before: bytes shuffled, and time.

    python benchmarks/bench_dedup_history.py [--documents N]

Snapshots of N short synthetic documents, a third of each near copies of the first one's; each was added against those
before it. One more is added against 1 and against 4 of them: its shuffle should depend on it, not on them. Then
snapshots of 1,000, 4,000 and 16,000 are added against the 4: the shuffle of a document should not depend on how many
come. What does grow with the history is the search of its index, measured apart, without Spark: of the row groups of
its bands nearly each can hold one of the keys that are looked for. Writes build/bench/dedup_history.json.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema
from recording import ROOT, record

from curation.accounting.manifest import Manifest
from curation.document import DOCUMENT
from curation.recipe.sections.dedup import Dedup
from curation.spark.dedup.history import GROUP_BYTES, PART_BITS, History, _matching
from curation.spark.dedup.inputs import Preference
from curation.spark.session import start
from curation.spark.stages.dedup import Finder
from curation.spark.store import sizes

FOLDER = ROOT / "build" / "bench" / "dedup_history"
WORDS, BANDS, ROW_BYTES = 80, 14, 44
EARLIER, ADDED = (1, 4), (1_000, 4_000, 16_000)
SEARCHED = (100_000, 400_000, 1_600_000, 6_400_000)


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


def removed_of(spark: SparkSession, name: str, count: int) -> int:
    """Return how many of a run's `count` documents were removed."""
    return count - spark.read.parquet(f"file:{FOLDER}/{name}/rows/state=kept").count()


def added(spark: SparkSession, name: str, count: int, held: dict[str, Manifest]) -> dict[str, float]:
    """Add a snapshot of `count` documents to what is held; print and return what that cost."""
    documents = snapshot(spark, 99, count)
    before, began = shuffled_bytes(spark), time.monotonic()
    deduplicated(spark, documents, name, held)
    wall_s, shuffled = time.monotonic() - began, shuffled_bytes(spark) - before
    found = {"documents": count, "earlier": len(held), "wall_s": wall_s, "shuffle_bytes": shuffled}
    found |= {"removed": removed_of(spark, name, count)}
    print(
        f"{count:,} documents against {len(held)} snapshots: {shuffled / count:,.0f} bytes shuffled and "
        f"{1000 * wall_s / count:.2f} ms a document, {wall_s:.1f} s, {found['removed']:,} removed",
        flush=True,
    )
    return found


def search_cpu_s(documents: int, new: int, seed: int = 1) -> float:
    """Return CPU seconds to search the bands of so many earlier documents for those of `new` ones.

    One part of an index is made and searched, as the stage does, and its time taken for each of the parts. A third of
    the new documents is there.
    """
    rng, parts = np.random.default_rng(seed), 1 << PART_BITS
    keys = np.sort(rng.integers(0, 1 << 58, documents * BANDS // parts))
    ids = pa.array([f"{each:032x}" for each in rng.integers(0, documents, len(keys)).tolist()])
    path = FOLDER / "part.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"key": keys, "id": ids}), path, row_group_size=GROUP_BYTES // ROW_BYTES)
    count = new * BANDS // parts
    others = rng.integers(0, 1 << 58, count - count // 3)
    wanted = np.unique(np.concatenate([rng.choice(keys, count // 3), others]))
    least = float("inf")
    for _ in range(3):
        began = time.process_time()
        assert sum(map(len, _matching(str(path), wanted, 0, PART_BITS))) >= count // 3 * 0.9
        least = min(least, time.process_time() - began)
    return least * parts


def main() -> int:
    """Measure, print, record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=5_000, help="of each snapshot that is there")
    count = parser.parse_args().documents
    shutil.rmtree(FOLDER, ignore_errors=True)
    searches = {f"{earlier}": search_cpu_s(earlier, ADDED[0]) for earlier in SEARCHED}
    for earlier, cpu_s in searches.items():
        print(f"bands of {ADDED[0]:,} documents among those of {int(earlier):,}: {cpu_s:.3f} CPU seconds")
    spark = start("dedup_history", "local[2]")
    held: dict[str, Manifest] = {}
    against, sizes = {}, {}
    for number in range(1, max(EARLIER) + 1):
        name = f"earlier{number}"
        held[str(Path(FOLDER, name))] = deduplicated(spark, snapshot(spark, number, count), name, dict(held))
        if number in EARLIER:
            against[str(number)] = added(spark, f"added{number}", count, dict(held))
    for size in ADDED:
        sizes[str(size)] = added(spark, f"sized{size}", size, dict(held))
    most, least = (against[str(n)]["shuffle_bytes"] for n in (max(EARLIER), min(EARLIER)))
    small, large = (sizes[str(n)]["shuffle_bytes"] / n for n in (min(ADDED), max(ADDED)))
    bars = {
        "shuffle_1_over_4_earlier": (least / most, 0.8),
        "shuffle_a_document_small_over_large": (small / large, 0.8),
    }
    figures = {"documents": count, "against": against, "sizes": sizes, "search_cpu_s": searches}
    shutil.rmtree(FOLDER)
    return record("dedup_history", figures, bars, ("numpy", "pyarrow", "pyspark"))


if __name__ == "__main__":
    sys.exit(main())
