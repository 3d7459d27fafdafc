"""Graphs of near duplicates: who leads, and what hangs together.

Nodes are ranks: integers, the better document the lesser. While the edges fit on one executor they are
decided there, exactly, in seconds; beyond that the components are found by alternating large-star and
small-star (Kiveris et al. 2014, "Connected components in MapReduce and beyond"), and leaders are elected
in each, which gives the same result: an election never looks across components.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from curation.dedup.at_once import EDGES
from curation.dedup.components import components
from curation.dedup.leaders import elect
from curation.spark.frames import Batches, conform, map_batches
from curation.spark.scratch import Scratch

#: Edges decided on one executor: about 100 bytes each while it works, so 2 GB, of which a small executor
#: has room; a hundred million documents of which a tenth are near duplicates have about that many.
EDGES_AT_ONCE = 20_000_000
ELECTED = pa.schema([pa.field("id", pa.int64()), pa.field("kept_id", pa.int64()), *list(EDGES)[2:]])
ROOTS = pa.schema([pa.field("worse", pa.int64()), pa.field("better", pa.int64())])


def leaders(scratch: Scratch, edges: DataFrame, at_once: bool) -> DataFrame:
    """Return ELECTED: each removed node with the kept one of its verified edges (see `elect`).

    `at_once`: on one executor, which has room for EDGES_AT_ONCE.
    """
    if at_once:
        spread = edges.repartition(1)
    else:
        roots = stars(scratch, edges).withColumnRenamed("better", "root")
        spread = edges.join(roots, "worse").repartition("root").select(*EDGES.names)

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        table = pa.Table.from_batches([conform(batch, EDGES) for batch in batches], EDGES)
        ends = (table.column(side).to_numpy() for side in ("better", "worse"))
        yield from elect(table, pa.array(np.unique(np.concatenate([*ends])))).to_batches()

    return map_batches(spread, run, ELECTED)


def roots(scratch: Scratch, edges: DataFrame, at_once: bool) -> DataFrame:
    """Return ROOTS: each node that is not its component's best (`worse`), and that best (`better`)."""
    return _joined(edges.repartition(1)) if at_once else stars(scratch, edges)


def stars(scratch: Scratch, edges: DataFrame) -> DataFrame:
    """Return ROOTS by alternating large-star and small-star over the whole cluster.

    What hangs together inside one partition is joined first. Each round is written to scratch; the end is
    reached when a round changes no edge (not when some sum of them stays the same).
    """
    now = scratch.saved(_joined(edges.select("better", "worse")).distinct(), "stars")
    count = now.count()
    while True:
        after, before = scratch.saved(_small_star(_large_star(now)), "stars"), count
        count = after.count()
        if count == before and now.join(after, ["better", "worse"], "left_anti").isEmpty():
            return after
        now = after


def _joined(edges: DataFrame) -> DataFrame:
    """Join each partition's edges to stars around the least node of what hangs together in it."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        table = pa.Table.from_batches([conform(batch, _PAIRS) for batch in batches], _PAIRS)
        nodes, roots = components(table["better"].to_numpy(), table["worse"].to_numpy())
        yield pa.RecordBatch.from_pydict({"worse": nodes, "better": roots})

    return map_batches(edges.select("better", "worse"), run, ROOTS)


_PAIRS = pa.schema([EDGES.field("better"), EDGES.field("worse")])


def _large_star(edges: DataFrame) -> DataFrame:
    """Link every greater neighbour of a node to the node's least neighbour (or itself, if less)."""
    both = edges.select(F.col("better").alias("node"), F.col("worse").alias("next")).unionByName(
        edges.select(F.col("worse").alias("node"), F.col("better").alias("next"))
    )
    least = F.first("next").over(Window.partitionBy("node").orderBy("next"))
    linked = both.withColumn("better", F.least("node", least)).where("next > node")
    return linked.select("better", F.col("next").alias("worse")).distinct()


def _small_star(edges: DataFrame) -> DataFrame:
    """Link a node and its lesser neighbours to the least of them."""
    least = F.first("better").over(Window.partitionBy("worse").orderBy("better"))
    linked = edges.withColumn("least", least)
    pairs = linked.select("least", F.col("better").alias("node")).unionByName(
        linked.select("least", F.col("worse").alias("node"))
    )
    return (
        pairs.where("least != node")
        .select(F.col("least").alias("better"), F.col("node").alias("worse"))
        .distinct()
    )
