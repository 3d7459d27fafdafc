"""Near duplicates: buckets of equal band keys, leaders in them, true similarity, and who is removed.

Nodes are ranks in the order of preference, integers, so that what is shuffled most is a few numbers a row.
A bucket is never turned into pairs: its members are linked to its leaders while it is read once, in order,
so a bucket of ten million is ten million rows; and only if their sketches say that the two may be alike.
Members that a leader did not match are linked among themselves next, for some rounds. An election may
remove a document that others had been matched with; these orphans are compared with those who were
compared with the same document and are kept, until nothing new is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from curation.dedup.at_once import EDGES
from curation.dedup.buckets import LINKS, MEMBERS, Buckets, most_apart
from curation.dedup.verify import shingle_sets, verify_batch
from curation.recipe.sections.dedup import Near
from curation.spark.dedup.at_once import decided, few
from curation.spark.dedup.components import EDGES_AT_ONCE, leaders, roots
from curation.spark.frames import Batches, map_batches
from curation.spark.scratch import Scratch

KEY = ["id", "file", "offset"]  # a record that stands twice in the input has one id
#: Pairs that every executor may hold at once, so that shingle sets need not move to meet them.
PAIRS_EVERYWHERE = 1_000_000
_SHINGLES = pa.schema(
    [
        pa.field("rank", pa.int64()),
        pa.field("old", pa.bool_()),
        pa.field("sketch", pa.int64()),
        pa.field("band_keys", pa.list_(pa.int64())),
        pa.field("shingles", pa.binary()),
    ]
)
#: Pairs that were compared, and what of the worse one decides whom it is compared with next.
_COMPARED = pa.schema([*EDGES, pa.field("old", pa.bool_()), pa.field("sketch", pa.int64())])


def is_near(near: Near) -> Column:
    """Tell of a measured pair whether it counts."""
    similar = F.col("jaccard") >= near.jaccard
    least = near.containment
    return similar if least is None else similar | (F.col("containment") >= least)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Finds near duplicates.

    Attributes:
        order: columns of the survivors that give the total order, best first.
        edges_at_once: how many edges are decided on one executor.
    """

    scratch: Scratch
    settings: Near
    order: Sequence[Column]
    edges_at_once: int = EDGES_AT_ONCE

    def find(self, survivors: DataFrame, texts: DataFrame) -> tuple[DataFrame, DataFrame, DataFrame]:
        """Return (removed documents, buckets above `hot_bucket`, pairs compared).

        Args:
            survivors: KEY, `earlier` (the run a document is kept in already, else null), `band_keys`,
                `sketch` and what `order` names; one row an (id, earlier).
            texts: KEY, `earlier` and `text` of at least these.

        Returns:
            Of each removed document KEY, earlier, kept_id, kept_in, jaccard, containment, bands_shared;
            of each bucket band_key, documents, and the ids of its best; of each pair compared EDGES.
        """
        nodes = self.scratch.saved(self._ranked(survivors), "nodes")
        links = self.scratch.saved(self._links(nodes).distinct(), "links")
        pairs = links.where("worse is not null").select("better", "worse")
        if self.settings.mode == "unverified":
            found, compared = self._unverified(pairs, nodes), self.scratch.none(EDGES)
        else:
            sets = self.scratch.saved(self._sets(pairs, nodes, texts), "shingles")
            found, compared = self._verified(pairs, sets)
        return self._named(found, nodes), _hot(links, nodes), compared.select(*EDGES.names)

    def _ranked(self, survivors: DataFrame) -> DataFrame:
        """Number the documents in the order of preference: a sort over all executors, no single window."""
        best_first = survivors.where(F.size("band_keys") > 0).orderBy(*self.order)
        rank = F.monotonically_increasing_id().alias("rank")
        old = F.col("earlier").isNotNull().alias("old")
        return best_first.select(*KEY, "earlier", old, "band_keys", "sketch", rank)

    def _links(self, nodes: DataFrame) -> DataFrame:
        """Return the LINKS of all buckets."""
        if self.settings.mode == "unverified":  # what hangs together does so by old documents too
            alone = nodes.withColumn("old", F.lit(False))
            return self._linked(alone.withColumn("key", F.explode("band_keys")), Buckets(1, None, self._hot))
        return self._linked(nodes.withColumn("key", F.explode("band_keys")), self._buckets)

    @property
    def _hot(self) -> int:
        return self.settings.hot_bucket

    @property
    def _apart(self) -> int | None:
        """Return how many bits sketches may differ in; None where a part of a document counts as well."""
        near = self.settings
        return most_apart(near.jaccard, near.bands * near.rows_per_band) if near.containment is None else None

    @property
    def _bounds(self) -> tuple[float, float | None]:
        return self.settings.jaccard, self.settings.containment

    @property
    def _buckets(self) -> Buckets:
        return Buckets(self.settings.rounds, self._apart, self._hot)

    def _linked(self, members: DataFrame, buckets: Buckets) -> DataFrame:
        """Return LINKS of MEMBERS, read bucket by bucket, best first."""

        def run(batches: Batches) -> Iterator[pa.RecordBatch]:
            return replace(buckets).links(batches)  # each partition begins anew

        ordered = members.select(*MEMBERS.names).repartition("key").sortWithinPartitions("key", "rank")
        return map_batches(ordered, run, LINKS)

    def _sets(self, pairs: DataFrame, nodes: DataFrame, texts: DataFrame) -> DataFrame:
        """Return the shingle set and the bands of every document that is compared."""
        ranks = pairs.select(F.explode(F.array("better", "worse")).alias("rank")).distinct()
        candidates = nodes.join(ranks, "rank", "left_semi")
        same = [candidates[name].eqNullSafe(texts[name]) for name in (*KEY, "earlier")]
        found = texts.join(candidates, same[0] & same[1] & same[2] & same[3])
        others, words = ["rank", "old", "sketch", "band_keys"], self.settings.shingle_words

        def run(batches: Batches) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                columns = {name: batch[name] for name in others}
                yield pa.RecordBatch.from_pydict(columns | {"shingles": shingle_sets(batch["text"], words)})

        return map_batches(found.select(*others, "text"), run, _SHINGLES)

    def _verified(self, pairs: DataFrame, sets: DataFrame) -> tuple[DataFrame, DataFrame]:
        if few(pairs, sets, self.edges_at_once):
            both = self.scratch.saved(decided(pairs, sets, self.settings, self._buckets), "decided")
            return _as_elected(both.where("elected")), both.where("not elected")
        near, (compared, count) = is_near(self.settings), self._peeled(pairs, sets)
        edges = compared.where(near).select(*EDGES.names)
        if self.settings.mode == "transitive":
            found = roots(self.scratch, edges, count <= self.edges_at_once)
            found = self.scratch.saved(self._not_old(found, sets), "roots")
            known = found.join(edges, ["better", "worse"])
            others = found.join(edges, ["better", "worse"], "left_anti")
            others = self._compared(others, others.count(), sets, 0.0, None).select(*EDGES.names)
            return _as_elected(known.unionByName(others)), compared
        elected = self.scratch.saved(leaders(self.scratch, edges, count <= self.edges_at_once), "elected")
        for _ in range(self.settings.rounds):
            more, added = self._new(self._orphaned(compared, elected), compared, sets)
            if not added or more.where(near).isEmpty():
                break
            compared, count = compared.unionByName(more), count + added
            edges = compared.where(near).select(*EDGES.names)
            elected = leaders(self.scratch, edges, count <= self.edges_at_once)
            elected = self.scratch.saved(elected, "elected")
        return elected, compared

    def _peeled(self, pairs: DataFrame, sets: DataFrame) -> tuple[DataFrame, int]:
        """Compare the pairs; then what no leader matched among themselves: _COMPARED, and how many."""
        count = pairs.count()
        compared = last = self.scratch.saved(self._compared(pairs, count, sets, *self._bounds), "compared")
        for _ in range(self.settings.rounds - 1):
            matched = compared.where(is_near(self.settings)).select("worse")
            links = self._linked(_grouped(last.join(matched, "worse", "left_anti")), self._buckets)
            last, added = self._new(links, compared, sets)
            if not added:
                break
            compared, count = compared.unionByName(last), count + added
        return compared, count

    def _new(self, links: DataFrame, compared: DataFrame, sets: DataFrame) -> tuple[DataFrame, int]:
        """Compare the pairs of LINKS that were not compared before; return how many there are as well."""
        pairs = links.where("worse is not null").select("better", "worse").distinct()
        new = self.scratch.saved(pairs.join(compared, ["better", "worse"], "left_anti"), "pairs")
        count = new.count()
        if not count:
            return compared.limit(0), 0
        return self.scratch.saved(self._compared(new, count, sets, *self._bounds), "compared"), count

    def _orphaned(self, compared: DataFrame, elected: DataFrame) -> DataFrame:
        """Return LINKS for documents that were matched with one that is removed now.

        Of all that were compared with that one and are kept, each with the best `rounds`.
        """
        removed = elected.select(F.col("id").alias("worse"))
        kept = compared.join(removed, "worse", "left_anti")
        kept = kept.join(removed.withColumnRenamed("worse", "better"), "better", "left_semi")
        near = F.coalesce(is_near(self.settings), F.lit(False))
        kept = kept.withColumn("orphans", F.max(near).over(Window.partitionBy("better"))).where("orphans")
        return self._linked(
            _grouped(kept), replace(self._buckets, leaders=4 * self.settings.rounds, eager=True)
        )

    def _compared(
        self, pairs: DataFrame, count: int, sets: DataFrame, jaccard: float, containment: float | None
    ) -> DataFrame:
        """Measure `count` pairs (better, worse): _COMPARED, null where the sizes rule both bounds out.

        The set of a worse document travels once for each of its pairs, that of a better one once. A few
        pairs go to the sets instead.
        """
        betters = pairs.select(F.col("better").alias("rank")).distinct()
        if count <= PAIRS_EVERYWHERE:
            pairs, betters = F.broadcast(pairs), F.broadcast(betters)
        right = sets.join(pairs.withColumnRenamed("worse", "rank"), "rank")
        right = right.select("better", F.col("rank").alias("worse"), *_named("right"), "old", "sketch")
        left = sets.join(betters, "rank", "left_semi").select(F.col("rank").alias("better"), *_named("left"))
        joined = right.join(left, "better")
        shared = F.size(F.array_intersect("left_bands", "right_bands")).alias("bands_shared")
        others = ["bands_shared", "old", "sketch"]

        def run(batches: Batches) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                measured = verify_batch(batch, jaccard, containment)
                columns = {
                    "better": measured["left_id"],
                    "worse": measured["right_id"],
                    "jaccard": measured["jaccard"],
                    "containment": measured["containment"],
                }
                yield pa.RecordBatch.from_pydict(columns | {name: batch[name] for name in others})

        ids = F.col("better").alias("left_id"), F.col("worse").alias("right_id")
        wanted = joined.select(*ids, "left_shingles", "right_shingles", shared, "old", "sketch")
        return map_batches(wanted, run, _COMPARED)

    def _unverified(self, pairs: DataFrame, nodes: DataFrame) -> DataFrame:
        """Return what hangs together by shared bands alone, each with its best: nothing is compared."""
        found = self._not_old(roots(self.scratch, pairs, pairs.count() <= self.edges_at_once), nodes)
        sides = [
            nodes.select(F.col("rank").alias(side), F.col("band_keys").alias(f"{side}_bands"))
            for side in ("better", "worse")
        ]
        found = found.join(sides[0], "better").join(sides[1], "worse")
        shared = F.size(F.array_intersect("better_bands", "worse_bands"))
        unknown = F.lit(None).cast("double")
        measured = {"jaccard": unknown, "containment": unknown, "bands_shared": shared}
        return _as_elected(found.withColumns(measured))

    def _not_old(self, found: DataFrame, nodes: DataFrame) -> DataFrame:
        """Leave out documents of earlier runs that would be merged into others of earlier runs."""
        old = nodes.where("old").select("rank")
        both = found
        for side in ("better", "worse"):
            both = both.join(old.withColumnRenamed("rank", side), side, "left_semi")
        return found.join(both, ["better", "worse"], "left_anti")

    def _named(self, elected: DataFrame, nodes: DataFrame) -> DataFrame:
        removed = nodes.select(F.col("rank").alias("node"), *KEY, "earlier")
        kept = nodes.select(
            F.col("rank").alias("kept"), F.col("id").alias("kept_id"), F.col("earlier").alias("kept_in")
        )
        measured = elected.select(
            F.col("id").alias("node"),
            F.col("kept_id").alias("kept"),
            "jaccard",
            "containment",
            "bands_shared",
        )
        return measured.join(removed, "node").join(kept, "kept").drop("node", "kept")


def _hot(links: DataFrame, nodes: DataFrame) -> DataFrame:
    """Return the buckets above `hot_bucket`, with the ids of their best."""
    best = links.where("worse is null").withColumnsRenamed({"better": "rank", "key": "band_key"})
    best = best.join(nodes.select("rank", "id"), "rank")
    ids = F.transform(F.array_sort(F.collect_list(F.struct("rank", "id"))), lambda each: each["id"])
    return best.groupBy("band_key", "documents").agg(ids.alias("ids"))


def _grouped(compared: DataFrame) -> DataFrame:
    """Return MEMBERS: the worse documents of pairs, together where they were compared with the same one."""
    return compared.select(F.col("better").alias("key"), F.col("worse").alias("rank"), "old", "sketch")


def _named(side: str) -> list[Column]:
    return [F.col("shingles").alias(f"{side}_shingles"), F.col("band_keys").alias(f"{side}_bands")]


def _as_elected(found: DataFrame) -> DataFrame:
    return found.select(
        F.col("worse").alias("id"), F.col("better").alias("kept_id"), "jaccard", "containment", "bands_shared"
    )
