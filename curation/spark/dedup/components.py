"""Graphs of near duplicates: their leaders and their connected components.

Nodes are ranks: integers, the better document the lesser. While the edges fit on one executor they are
decided there, exactly, in seconds. Beyond that the components are found by alternating large-star and
small-star (Kiveris et al. 2014, "Connected components in MapReduce and beyond"), and leaders are elected
in each. That gives the same result, as an election never looks across components.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from curation.dedup.decide import EDGES, PAIRS
from curation.dedup.leaders import components, elect
from curation.spark.frames import Batches, conform, map_partitions
from curation.spark.scratch import Scratch

#: Edges decided on one executor. Each takes about 100 bytes meanwhile: 2 GB in all, for which a small
#: executor has room. A hundred million documents, a tenth of them near duplicates, have about this many.
MAX_EDGES = 20_000_000
ROOTS = pa.schema([("worse", pa.int64()), ("better", pa.int64())])


def leaders(scratch: Scratch, edges: DataFrame, one_executor: bool) -> DataFrame:
    """Return EDGES: of each removed node the verified edge with a kept one (see `elect`).

    `one_executor`: there is room for MAX_EDGES on one.
    """
    if one_executor:
        spread = edges.repartition(1)
    else:
        roots = stars(scratch, edges).withColumnRenamed("better", "root")
        spread = edges.join(roots, "worse").repartition("root").select(*EDGES.names)

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        table = pa.Table.from_batches([conform(batch, EDGES) for batch in batches], EDGES)
        yield from elect(table).to_batches()

    return map_partitions(spread, run, EDGES)


def roots(scratch: Scratch, edges: DataFrame, one_executor: bool) -> DataFrame:
    """Return ROOTS: each node that is not its component's best (`worse`), and that best (`better`)."""
    return _joined(edges.repartition(1)) if one_executor else stars(scratch, edges)


def stars(scratch: Scratch, edges: DataFrame) -> DataFrame:
    """Return ROOTS by alternating large-star and small-star over the whole cluster.

    The components inside each partition are found first. Each round is written to scratch. It was the last
    one if it changed no edge; an unchanged sum over the edges would not prove that.
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
    """Turn the edges of each partition into stars around the least node of each component there."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        table = pa.Table.from_batches([conform(batch, PAIRS) for batch in batches], PAIRS)
        nodes, roots = components(table["better"].to_numpy(), table["worse"].to_numpy())
        yield pa.RecordBatch.from_pydict({"worse": nodes, "better": roots})

    return map_partitions(edges.select("better", "worse"), run, ROOTS)


def _large_star(edges: DataFrame) -> DataFrame:
    """Link every greater neighbour of a node to the node's least neighbour (or to the node, if lesser)."""
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
    pairs = pairs.where("least != node").withColumnsRenamed({"least": "better", "node": "worse"})
    return pairs.distinct()
