"""Near duplicates of few documents: one Python worker decides, where joins would take dozens of tasks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from curation.dedup.at_once import EDGES, AtOnce
from curation.dedup.buckets import Buckets
from curation.recipe.sections.dedup import Near
from curation.spark.frames import Batches, map_batches

#: Pairs, and bytes of shingle sets, up to which one worker decides: in seconds, in three times the bytes.
PAIRS_AT_ONCE, BYTES_AT_ONCE = 50_000, 128 << 20
_DECIDED = EDGES.append(pa.field("elected", pa.bool_()))


def few(pairs: DataFrame, sets: DataFrame, at_once: int) -> bool:
    """Tell whether one worker may decide: by how much there is, `at_once` pairs at most, not how it lies."""
    size = sets.select(F.lit(0).alias("pairs"), F.length("shingles").cast("long").alias("bytes"))
    both = size.unionByName(pairs.select(F.lit(1).alias("pairs"), F.lit(0).alias("bytes")))
    row = both.agg(F.sum("pairs"), F.sum("bytes")).first()
    count, size_bytes = (each or 0 for each in row or (0, 0))
    return bool(count <= min(PAIRS_AT_ONCE, at_once) and size_bytes <= BYTES_AT_ONCE)


def decided(pairs: DataFrame, sets: DataFrame, near: Near, buckets: Buckets) -> DataFrame:
    """Return EDGES: the pairs that were compared, and those that say who is merged into whom (`elected`)."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        if not (held := list(batches)):
            return
        rows = pa.Table.from_batches(held)
        pair = pc.is_valid(rows["better"])
        ends = [rows.filter(pair)[side].to_numpy() for side in ("better", "worse")]
        known = AtOnce(
            rows.filter(pc.invert(pair)), near.jaccard, near.containment, near.rounds, buckets=buckets
        )
        compared, elected = known.decide(np.stack(ends, axis=1), near.mode == "transitive")
        for table, flag in ((compared, False), (elected, True)):
            yield from table.append_column("elected", [[flag] * len(table)]).to_batches()

    together = sets.unionByName(pairs, allowMissingColumns=True)
    return map_batches(together.repartition(1), run, _DECIDED)
