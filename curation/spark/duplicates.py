"""Duplicates: exact by digest, near by bands and verified by true Jaccard, each removal explained.

Decisions are made on thin tables (ids, hashes); the text is read once for its hashes, once more for the
shingles of documents that share a bucket, and joined with the decisions at the end. Results depend on the
set of (id, text, preference) alone. Tables that several steps read are written to scratch, which also cuts
Spark's lineage.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from curation.dedup.exact import text_digests
from curation.dedup.leaders import ELECTED, elect
from curation.dedup.minhash import Scheme, band_batch
from curation.dedup.verify import shingle_sets, verify_batch
from curation.document import DOCUMENT
from curation.recipe.recipe import Dedup, Near
from curation.spark.frames import Batches, map_batches
from curation.spark.store import spark_url

_KEY = ["id", "file", "offset"]  # a record that stands twice in the input has one id
_EDGES = pa.schema(
    [
        pa.field("better", pa.string()),
        pa.field("worse", pa.string()),
        pa.field("jaccard", pa.float64()),
        pa.field("bands_shared", pa.int32()),
    ]
)


@dataclass(frozen=True, slots=True)
class Preference:
    """One expression of `prefer`: a measure (or `characters`), and whether more of it is better."""

    name: str
    more: bool

    def value(self) -> Column:
        """Return the number to compare, as a column of a DOCUMENT frame."""
        return F.col("characters" if self.name == "characters" else f"measures.`{self.name}`").cast("double")


def _order(preferences: Sequence[Preference]) -> list[Column]:
    """Return the total order, best first: the preferences (absent measures last), then the id."""
    wanted = [
        F.col(f"preference_{i}").desc_nulls_last() if each.more else F.col(f"preference_{i}").asc_nulls_last()
        for i, each in enumerate(preferences)
    ]
    return [*wanted, F.col("id"), F.col("file"), F.col("offset")]


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds the duplicates of one corpus; `scratch` is a directory for tables between steps."""

    spark: SparkSession
    settings: Dedup
    preferences: Sequence[Preference]
    scratch: str

    def mark(self, documents: DataFrame) -> tuple[DataFrame, DataFrame]:
        """Return (documents with `merged_into` and a reason where removed, clusters)."""
        hashed = self._saved(self._hashes(documents), "hashes")
        group = "digest" if self.settings.exact else "id"
        window = Window.partitionBy(group).orderBy(*_order(self.preferences))
        ranked = hashed.withColumns(
            {"same_as": F.first("id").over(window), "rank": F.row_number().over(window)}
        )
        ranked = self._saved(ranked, "ranked")
        near = self._near(ranked.where("rank = 1"), documents) if self.settings.near else None
        decisions = self._saved(self._decisions(ranked, near), "decisions")
        return self._explained(documents, decisions), _clusters(decisions)

    def _saved(self, frame: DataFrame, name: str) -> DataFrame:
        path = spark_url(f"{self.scratch}/{name}")
        frame.write.parquet(path)
        return self.spark.read.schema(frame.schema).parquet(path)

    def _hashes(self, documents: DataFrame) -> DataFrame:
        """One thin row a document: digest of the text, band keys, preferences."""
        names = [f"preference_{i}" for i in range(len(self.preferences))]
        values = [each.value().alias(name) for each, name in zip(self.preferences, names, strict=True)]
        scheme = _scheme(self.settings.near) if self.settings.near else None
        extra = [pa.field("digest", pa.binary()), pa.field("band_keys", pa.list_(pa.int64()))]
        keys = [pa.field("id", pa.string()), pa.field("file", pa.string()), pa.field("offset", pa.int64())]
        schema = pa.schema([*keys, *[pa.field(name, pa.float64()) for name in names], *extra])

        def run(batches: Batches) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                columns = {name: batch[name] for name in [*_KEY, *names]}
                columns["digest"] = text_digests(batch["text"])
                empty = pa.array([[]] * len(batch), pa.list_(pa.int64()))
                columns["band_keys"] = band_batch(batch, scheme)["band_keys"] if scheme else empty
                yield pa.RecordBatch.from_pydict(columns)

        return map_batches(documents.select(*_KEY, *values, "text"), run, schema)

    def _near(self, survivors: DataFrame, documents: DataFrame) -> DataFrame:
        """Return (id, kept_id, jaccard, bands_shared) of every near duplicate removed."""
        near = self.settings.near
        assert near is not None
        members = survivors.select(*_KEY, *_names(survivors), F.explode("band_keys").alias("band_key"))
        shared = members.select("band_key", "id").groupBy("band_key").agg(F.count("*").alias("members"))
        members = members.join(shared.where("members > 1").select("band_key"), "band_key", "left_semi")
        members = self._saved(members, "members_0")
        shingles = self._saved(self._shingles(documents, members, survivors, near), "shingles")
        edges = self._none(_EDGES)
        for i in range(near.rounds):
            verified = _verified(self._stars(members), shingles, near.jaccard)
            verified = self._saved(verified, f"edges_{i}")
            edges = edges.unionByName(verified)
            members = self._saved(self._remaining(members, verified), f"members_{i + 1}")
            if members.isEmpty():
                break
        return self._elected(edges, survivors)

    def _none(self, schema: pa.Schema) -> DataFrame:
        return self.spark.createDataFrame([], from_arrow_schema(schema))

    def _shingles(
        self, documents: DataFrame, members: DataFrame, survivors: DataFrame, near: Near
    ) -> DataFrame:
        """The shingle set and bands of every document that shares a bucket: they travel once."""
        candidates = members.select("id").distinct()
        texts = documents.select(*_KEY, "text").join(survivors.select(*_KEY, "band_keys"), _KEY)
        texts = texts.join(candidates, "id", "left_semi").select("id", "text", "band_keys")
        schema = pa.schema(
            [
                pa.field("id", pa.string()),
                pa.field("band_keys", pa.list_(pa.int64())),
                pa.field("shingles", pa.binary()),
            ]
        )

        def run(batches: Batches) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                sets = shingle_sets(batch["text"], near.shingle_words)
                columns = {"id": batch["id"], "band_keys": batch["band_keys"], "shingles": sets}
                yield pa.RecordBatch.from_pydict(columns)

        return map_batches(texts, run, schema)

    def _best(self, members: DataFrame) -> DataFrame:
        """Name each bucket's best member to all of it: one streaming window, no pair lists."""
        window = Window.partitionBy("band_key").orderBy(*_order(self.preferences))
        return members.withColumn("better", F.first("id").over(window))

    def _stars(self, members: DataFrame) -> DataFrame:
        pairs = self._best(members).where("id != better").select("better", F.col("id").alias("worse"))
        return pairs.distinct()

    def _remaining(self, members: DataFrame, verified: DataFrame) -> DataFrame:
        """Members that their bucket's best did not match: they are compared among themselves next."""
        others = self._best(members).where("id != better").withColumnRenamed("id", "worse")
        rest = others.join(verified.select("better", "worse"), ["better", "worse"], "left_anti")
        return rest.withColumnRenamed("worse", "id").select(*members.columns)

    def _elected(self, edges: DataFrame, survivors: DataFrame) -> DataFrame:
        """Walk the verified pairs best first, on one executor: removed = has a kept better twin."""
        ends = edges.select(F.col("better").alias("id")).union(edges.select("worse")).distinct()
        window = Window.orderBy(*_order(self.preferences))
        nodes = survivors.join(ends, "id", "left_semi").select(
            "id", F.row_number().over(window).alias("rank")
        )

        def run(left: pa.Table, right: pa.Table) -> pa.Table:
            return elect(left.drop_columns(["one"]), right.sort_by("rank")["id"])

        one = F.lit(1).alias("one")
        pairs, order = edges.select("*", one).groupBy("one"), nodes.select("*", one).groupBy("one")
        return pairs.cogroup(order).applyInArrow(run, from_arrow_schema(ELECTED))

    def _decisions(self, ranked: DataFrame, near: DataFrame | None) -> DataFrame:
        """One row for every removed document: what it was merged into, and why."""
        near = self._none(ELECTED) if near is None else near
        of_kept = near.select(
            F.col("id").alias("same_as"), *[F.col(c).alias(f"near_{c}") for c in near.columns[1:]]
        )
        exact = ranked.where("rank > 1").join(of_kept, "same_as", "left")
        same = exact.select(
            *_KEY,
            F.coalesce("near_kept_id", "same_as").alias("kept_id"),
            F.coalesce("near_jaccard", F.lit(1.0)).alias("jaccard"),
            F.col("near_bands_shared").alias("bands_shared"),
            F.lit("dedup.exact").alias("reason"),
            F.concat(F.lit("the same text as "), "same_as").alias("detail"),
        )
        like = near.join(ranked.where("rank = 1").select(*_KEY), "id").select(
            *_KEY,
            "kept_id",
            "jaccard",
            "bands_shared",
            F.lit("dedup.near").alias("reason"),
            F.concat(F.lit("nearly the same text as "), "kept_id").alias("detail"),
        )
        return same.unionByName(like)

    def _explained(self, documents: DataFrame, decisions: DataFrame) -> DataFrame:
        """Join the decisions to the documents; a stage annotates, it removes nothing."""
        threshold = self.settings.near.jaccard if self.settings.near else 1.0
        reason = F.struct(
            F.col("decision.reason").alias("name"),
            F.lit("merged").alias("state"),
            F.col("decision.jaccard").alias("value"),
            F.lit(None).cast("double").alias("min"),
            F.lit(threshold).alias("max"),
            F.col("decision.detail").alias("detail"),
        )
        decisions = decisions.select(
            *_KEY, F.struct("kept_id", "jaccard", "reason", "detail").alias("decision")
        )
        joined = documents.join(decisions, _KEY, "left")
        merged, reasons = F.col("decision").isNotNull(), documents.schema["reasons"].dataType
        changed = {
            "characters_in": F.col("characters"),
            "edits": F.map_from_arrays(F.array().cast("array<string>"), F.array().cast("array<bigint>")),
            "merged_into": F.col("decision.kept_id"),
            "reasons": F.when(merged, F.array(reason)).otherwise(F.array().cast(reasons)),
        }
        return joined.select(*[changed.get(name, F.col(name)).alias(name) for name in DOCUMENT.names])


def _scheme(near: Near) -> Scheme:
    return Scheme(
        shingle_words=near.shingle_words, bands=near.bands, rows_per_band=near.rows_per_band, seed=near.seed
    )


def _names(frame: DataFrame) -> list[str]:
    return [name for name in frame.columns if name.startswith("preference_")]


def _verified(pairs: DataFrame, shingles: DataFrame, jaccard: float) -> DataFrame:
    """Return the pairs whose true Jaccard is at least the bound."""
    sides = [
        shingles.select(
            F.col("id").alias(f"{side}_id"),
            F.col("shingles").alias(f"{side}_shingles"),
            F.col("band_keys").alias(f"{side}_bands"),
        )
        for side in ("left", "right")
    ]
    pairs = pairs.select(F.col("better").alias("left_id"), F.col("worse").alias("right_id"))
    joined = pairs.join(sides[0], "left_id").join(sides[1], "right_id")
    shared = F.size(F.array_intersect("left_bands", "right_bands")).alias("bands_shared")

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            verified = verify_batch(batch, jaccard)
            columns = {
                "better": verified["left_id"],
                "worse": verified["right_id"],
                "jaccard": verified["jaccard"],
                "bands_shared": batch["bands_shared"],
            }
            yield pa.RecordBatch.from_pydict(columns).filter(pc.greater_equal(verified["jaccard"], jaccard))

    wanted = joined.select("left_id", "right_id", "left_shingles", "right_shingles", shared)
    return map_batches(wanted, run, _EDGES)


def _clusters(decisions: DataFrame) -> DataFrame:
    """The record people read: one row for every removed document."""
    size = (F.count("*").over(Window.partitionBy("kept_id")) + 1).cast("int").alias("cluster_size")
    return decisions.select("id", "kept_id", "jaccard", "bands_shared", size, "reason")
