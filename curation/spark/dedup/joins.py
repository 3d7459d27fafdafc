"""Near duplicates of a corpus of any size: the tables of `decide`, with joins over the whole cluster.

Pairs are a few numbers a row. What is large are the shingle sets, so they move as little as possible: while
the pairs fit on every executor, the pairs go to the sets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from curation.dedup.buckets import LINKS, MEMBERS, Buckets
from curation.dedup.decide import EDGES
from curation.dedup.verify import similarities
from curation.recipe.sections.dedup import Near
from curation.spark.dedup.components import leaders, roots
from curation.spark.frames import Batches, map_batches, map_partitions
from curation.spark.scratch import Scratch

#: Up to this many pairs are sent to every executor, so that shingle sets need not move to meet them.
MAX_BROADCAST_PAIRS = 1_000_000
#: Compared pairs with the columns of the worse document that its next bucket needs.
_COMPARED = pa.schema([*EDGES, ("old", pa.bool_()), ("sketch", pa.int64())])


@dataclass(frozen=True, slots=True)
class Joins:
    """Frames of pairs of documents.

    Attributes:
        sets: rank, old, sketch, band_keys and shingles of every document that a pair names.
        max_edges: up to this many edges are decided on one executor.
    """

    scratch: Scratch
    sets: DataFrame
    settings: Near
    max_edges: int

    def compare(self, pairs: DataFrame, measure_all: bool = False) -> DataFrame:
        """See `Tables`. A worse document's set travels once for each of its pairs, a better one's once."""
        pairs = self.scratch.saved(pairs, "to_compare")
        count = pairs.count()
        if not count:
            return self.scratch.none(_COMPARED)
        betters = pairs.select(F.col("better").alias("rank")).distinct()
        if count <= MAX_BROADCAST_PAIRS:
            pairs, betters = F.broadcast(pairs), F.broadcast(betters)
        worse = self.sets.join(pairs.withColumnRenamed("worse", "rank"), "rank")
        worse = worse.select("better", F.col("rank").alias("worse"), *_side("worse"), "old", "sketch")
        better = self.sets.join(betters, "rank", "left_semi")
        both = worse.join(better.select(F.col("rank").alias("better"), *_side("better")), "better")
        bounds = (0.0, None) if measure_all else (self.settings.jaccard, self.settings.containment)
        return self.scratch.saved(_measured(both, *bounds), "measured")

    def near(self, compared: DataFrame) -> DataFrame:
        """See `Tables`."""
        return compared.where(is_near(self.settings))

    def links(self, compared: DataFrame, buckets: Buckets) -> DataFrame:
        """See `Tables`."""
        members = compared.select(F.col("better").alias("key"), F.col("worse").alias("rank"), "old", "sketch")
        links = bucket_links(members, buckets).where("worse is not null")
        return links.select("better", "worse").distinct()

    def keep(self, rows: DataFrame, others: DataFrame, on: Mapping[str, str]) -> DataFrame:
        """See `Tables`."""
        return rows.join(_keys(others, on), [*on], "left_semi")

    def drop(self, rows: DataFrame, others: DataFrame, on: Mapping[str, str]) -> DataFrame:
        """See `Tables`."""
        return rows.join(_keys(others, on), [*on], "left_anti")

    def union(self, rows: DataFrame, more: DataFrame) -> DataFrame:
        """See `Tables`."""
        return rows.unionByName(more)

    def is_empty(self, rows: DataFrame) -> bool:
        """See `Tables`."""
        return rows.isEmpty()

    def elect(self, edges: DataFrame) -> DataFrame:
        """See `Tables`."""
        edges = edges.select(*EDGES.names)
        removed = leaders(self.scratch, edges, edges.count() <= self.max_edges)
        return self.scratch.saved(removed, "elected")

    def roots(self, edges: DataFrame) -> DataFrame:
        """See `Tables`."""
        pairs = roots(self.scratch, edges, edges.count() <= self.max_edges)
        return self.scratch.saved(without_old_pairs(pairs, self.sets), "roots")


def is_near(near: Near) -> Column:
    """Tell of a measured pair whether it is similar enough."""
    similar = F.col("jaccard") >= near.jaccard
    return similar if near.containment is None else similar | (F.col("containment") >= near.containment)


def bucket_links(members: DataFrame, buckets: Buckets) -> DataFrame:
    """Return LINKS of MEMBERS: each bucket is read by one task, best document first."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        return replace(buckets).links(batches)  # its state is one partition's

    ordered = members.select(*MEMBERS.names).repartition("key").sortWithinPartitions("key", "rank")
    return map_partitions(ordered, run, LINKS)


def without_old_pairs(pairs: DataFrame, nodes: DataFrame) -> DataFrame:
    """Leave out the pairs of two documents of earlier runs: neither can be removed."""
    old = nodes.where("old").select("rank")
    both = pairs
    for side in ("better", "worse"):
        both = both.join(old.withColumnRenamed("rank", side), side, "left_semi")
    return pairs.join(both, ["better", "worse"], "left_anti")


def _keys(others: DataFrame, on: Mapping[str, str]) -> DataFrame:
    return others.select(*[F.col(theirs).alias(ours) for ours, theirs in on.items()])


def _side(side: str) -> list[Column]:
    return [F.col("shingles").alias(f"{side}_shingles"), F.col("band_keys").alias(f"{side}_bands")]


def _measured(both: DataFrame, min_jaccard: float, min_containment: float | None) -> DataFrame:
    """Return _COMPARED of pairs with the sets and bands of both sides."""

    def measured(batch: pa.RecordBatch) -> pa.RecordBatch:
        jaccard, containment = similarities(
            batch["better_shingles"], batch["worse_shingles"], min_jaccard, min_containment
        )
        batch = batch.drop_columns(["better_shingles", "worse_shingles"])
        return batch.append_column("jaccard", jaccard).append_column("containment", containment)

    shared = F.size(F.array_intersect("better_bands", "worse_bands")).alias("bands_shared")
    columns = both.select("better", "worse", "better_shingles", "worse_shingles", shared, "old", "sketch")
    return map_batches(columns, measured, _COMPARED)
