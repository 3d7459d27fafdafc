"""Duplicates: exact by digest, near by bands and verified by true Jaccard, each removal explained.

Decisions are made on thin tables (ids, hashes). The text is read once for its hashes, once more for the
shingles of documents that share a bucket, and joined with the decisions at the end. Results depend only on
the set of (id, text, preference), and on what earlier runs kept where the recipe names some.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from curation.accounting.manifest import join
from curation.dedup.decide import EDGES
from curation.recipe.sections.dedup import Dedup
from curation.spark.dedup.components import MAX_EDGES
from curation.spark.dedup.hashes import hashes, sketched
from curation.spark.dedup.history import TOMBSTONES, History, write_index
from curation.spark.dedup.inputs import (
    Preference,
    config,
    earlier_runs,
    inputs,
    preferences_of,
    resources,
    scopes,
)
from curation.spark.dedup.joins import is_near
from curation.spark.dedup.keys import check_columns, same_key, with_same_key
from curation.spark.dedup.near import KEY, KEY_FIELDS, NearDuplicates
from curation.spark.dedup.semantic import NAME as SEMANTIC
from curation.spark.dedup.semantic import SemanticDuplicates
from curation.spark.dedup.substring import RepeatedRuns
from curation.spark.dedup.verdicts import MEASURED, clusters, explained
from curation.spark.rows import write_rows
from curation.spark.scratch import Scratch
from curation.spark.stage import Context, Stage
from curation.spark.store import SCRATCH, TABLES, spark_url
from curation.spark.tables import settled

_DECISION = pa.schema(
    [
        *(*KEY_FIELDS, ("earlier", pa.string()), ("kept_id", pa.string()), ("kept_in", pa.string())),
        *(EDGES.field(name) for name in MEASURED),
    ]
)
_BUCKETS = pa.schema([("band_key", pa.int64()), ("documents", pa.int64()), ("ids", pa.list_(pa.string()))])


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decisions on one corpus: thin tables in scratch.

    Attributes:
        hashed: the hashes of each document, with its rank among the documents of the same text.
        removed: one row for every removed document: the kept one, how similar the two are, and the reason.
        buckets: buckets of more documents than the recipe's `hot_bucket`.
        compared: pairs whose true similarity was measured; None where near is off.
    """

    hashed: DataFrame
    removed: DataFrame
    buckets: DataFrame
    compared: DataFrame | None


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds the duplicates of one corpus.

    Attributes:
        scratch: a directory for tables between steps.
        scopes: source -> its scope; only documents of one scope are compared. None = all are.
        history: the documents that earlier runs kept.
        max_edges: up to this many near pairs are decided on one executor.
    """

    spark: SparkSession
    settings: Dedup
    preferences: Sequence[Preference]
    scratch: str
    scopes: Mapping[str, str] | None = None
    history: History | None = None
    max_edges: int = MAX_EDGES

    def mark(self, documents: DataFrame) -> tuple[DataFrame, DataFrame]:
        """Return (documents with `merged_into` and a reason where removed, clusters)."""
        decisions = self.find(documents)
        marked = explained(documents, decisions.hashed, decisions.removed, self.settings)
        return marked, clusters(decisions.removed).where("earlier is null").drop("earlier")

    def write(self, documents: DataFrame, path: str, dropped_text_rate: float) -> dict[str, Any]:
        """Write rows, clusters, hot buckets and an index for later runs; return the manifest's detail."""
        decisions = self.find(documents)
        marked = explained(documents, decisions.hashed, decisions.removed, self.settings)
        table = self._saved(clusters(decisions.removed), "clusters")
        marked, table = self._further(marked, table)
        write_rows(settled(marked, dropped_text_rate), path, "dedup")
        table.where("earlier is null").drop("earlier").write.parquet(spark_url(join(path, "clusters")))
        decisions.buckets.write.parquet(spark_url(join(path, "buckets")))
        if self.history and self.settings.history != "wins":
            table.where("earlier is not null").write.parquet(spark_url(join(path, TOMBSTONES)))
        if self.settings.index:
            self._index(documents, decisions, table, path)
        return self._detail(decisions)

    def _further(self, marked: DataFrame, table: DataFrame) -> tuple[DataFrame, DataFrame]:
        """Mark semantic duplicates among the documents that are left, then repeated runs of tokens."""
        best_first = [
            -preference.value() if preference.more else preference.value() for preference in self.preferences
        ]
        scope = self._scope()
        if self.settings.semantic:
            work = Scratch(self.spark, join(self.scratch, "semantic"))
            semantic = SemanticDuplicates(self.settings.semantic, best_first, scope, work)
            marked, table = semantic.mark(marked, table)
        if self.settings.substring:
            work = Scratch(self.spark, join(self.scratch, "substring"))
            marked = RepeatedRuns(self.settings.substring, best_first, scope, work).mark(marked)
        return marked, table

    def _scope(self) -> Column:
        pairs = [F.lit(part) for pair in (self.scopes or {}).items() for part in pair]
        return F.create_map(*pairs)[F.col("source")] if pairs else F.lit("")

    def find(self, documents: DataFrame) -> Decisions:
        """Decide which documents are removed: first those with the same key, then those of like texts."""
        if not self.settings.key:
            return self._alike(documents)
        check_columns(documents, self.settings)
        losers = same_key(documents, self.settings, self.preferences, self._scope())
        losers = self._saved(losers, "same_key")
        decisions = self._alike(documents.join(losers.select(*KEY), KEY, "left_anti"))
        removed = self._saved(with_same_key(decisions.removed, losers), "decisions_with_key")
        return replace(decisions, removed=removed)

    def _alike(self, documents: DataFrame) -> Decisions:
        named = zip(self.preferences, self._names(), strict=True)
        values = [preference.value().alias(name) for preference, name in named]
        hashed = hashes(documents, values, self.settings.near, self.scopes)
        hashed = hashed.withColumn("earlier", F.lit(None).cast("string"))
        if self.history and self.settings.exact:
            hashed = self._saved(hashed, "hashes")
            hashed = hashed.unionByName(self._same_texts(hashed, self.history))
        window = Window.partitionBy("digest" if self.settings.exact else "id").orderBy(*self._order())
        first = {"same_as": F.first("id").over(window), "same_in": F.first("earlier").over(window)}
        ranked = hashed.withColumns(first | {"rank": F.row_number().over(window)})
        ranked = self._saved(ranked, "ranked")
        near, buckets, compared = self._work.none(_DECISION), self._work.none(_BUCKETS), None
        if self.settings.near:
            near, buckets, compared = self._near(ranked, documents)
        removed = self._saved(self._decisions(ranked, near), "decisions")
        return Decisions(ranked, removed, buckets, compared)

    @property
    def _work(self) -> Scratch:
        return Scratch(self.spark, self.scratch)

    def _saved(self, frame: DataFrame, name: str) -> DataFrame:
        return self._work.saved(frame, name)

    def _order(self) -> list[Column]:
        """Return the total order, best first: by history, by the preferences (nulls last), by the id."""
        order = [
            F.col(name).desc_nulls_last() if preference.more else F.col(name).asc_nulls_last()
            for preference, name in zip(self.preferences, self._names(), strict=True)
        ]
        new = F.col("earlier").isNull()
        first = {"wins": [new.asc()], "loses": [new.desc()], "by_priority": []}[self.settings.history]
        if self.history:  # among equals the earlier one is kept
            order = [*first, *order, new.asc()]
        return [*order, *[F.col(name) for name in (*KEY, "earlier")]]

    def _names(self) -> list[str]:
        return [f"preference_{i}" for i in range(len(self.preferences))]

    def _same_texts(self, hashed: DataFrame, history: History) -> DataFrame:
        """Return the kept documents of earlier runs whose text this run has too, as rows of `hashed`."""
        keys = hashed.select("digest", F.xxhash64("digest").alias("key"))
        same = history.lookup("digests", keys).join(keys.select("digest").distinct(), "digest", "left_semi")
        unbanded = {"band_keys": F.array().cast("array<bigint>"), "sketch": F.lit(None).cast("long")}
        return self._saved(self._earlier(same.withColumns(unbanded)), "same_texts")

    def _earlier(self, documents: DataFrame) -> DataFrame:
        """Return documents of earlier runs in the columns of `hashed`; file and offset are null."""
        nowhere = [F.lit(None).cast("string").alias("file"), F.lit(None).cast("long").alias("offset")]
        values = [F.col("preferences")[i].alias(name) for i, name in enumerate(self._names())]
        return documents.select("id", *nowhere, *values, "digest", "band_keys", "sketch", "earlier")

    def _near(self, ranked: DataFrame, documents: DataFrame) -> tuple[DataFrame, DataFrame, DataFrame]:
        assert self.settings.near is not None
        columns = [*KEY, *self._names(), "band_keys", "sketch", "earlier"]
        survivors = ranked.where("rank = 1 and earlier is null").select(*columns)
        texts = documents.select(*KEY, F.lit(None).cast("string").alias("earlier"), "text")
        if self.history:
            old = self._neighbours(survivors, ranked, self.history)
            survivors = survivors.unionByName(self._earlier(old).select(*columns))
            nowhere = {"file": F.lit(None).cast("string"), "offset": F.lit(None).cast("long")}
            texts = texts.unionByName(old.withColumns(nowhere).select(*texts.columns))
        work = Scratch(self.spark, join(self.scratch, "near"))
        duplicates = NearDuplicates(work, self.settings.near, self._order(), self.max_edges)
        return duplicates.find(survivors, texts)

    def _neighbours(self, survivors: DataFrame, ranked: DataFrame, history: History) -> DataFrame:
        """Return the kept documents of earlier runs that share a band with one of this run.

        Those that this run has already replaced are left out.
        """
        assert self.settings.near is not None
        keys = survivors.select(F.explode("band_keys").alias("key"))
        shared = self._saved(history.lookup("bands", keys), "met")
        banded = shared.groupBy("id", "earlier").agg(F.collect_list("key").alias("band_keys"))
        replaced = ranked.where("rank > 1 and earlier is not null and same_in is null")
        banded = self._saved(banded.join(replaced, ["id", "earlier"], "left_anti"), "neighbours")
        documents = history.lookup("documents", banded.select(F.xxhash64("id").alias("key")))
        documents = sketched(documents.join(banded, ["id", "earlier"]), self.settings.near)
        digest = F.lit(None).cast("binary").alias("digest")
        return self._saved(documents.select("*", digest), "earlier")

    def _decisions(self, ranked: DataFrame, near: DataFrame) -> DataFrame:
        """Return one row for every removed document: what it was merged into, and why."""
        of_first = near.select(
            F.col("id").alias("first_as"),
            F.col("earlier").alias("first_in"),
            *[F.col(name).alias(f"near_{name}") for name in ("kept_id", "kept_in", *MEASURED)],
        )
        same = (F.col("same_as") == F.col("first_as")) & F.col("same_in").eqNullSafe(F.col("first_in"))
        others = ranked.where("rank > 1 and (earlier is null or same_in is null)").join(
            of_first, same, "left"
        )
        whole = {"kept_id": "same_as", "kept_in": "same_in", "bands_shared": "near_bands_shared"}
        moved = F.col("near_kept_id").isNotNull()  # the first of equal texts was removed as a near duplicate
        values = [
            F.when(moved, F.col(f"near_{name}"))
            .otherwise(F.col(whole[name]) if name in whole else F.lit(1.0))
            .alias(name)
            for name in ("kept_id", "kept_in", *MEASURED)
        ]
        exact = others.select(*KEY, "earlier", *values, F.lit("dedup.exact").alias("reason"), "same_as")
        like = near.select(
            *_DECISION.names, self._reason().alias("reason"), F.col("kept_id").alias("same_as")
        )
        words = F.when(F.col("reason") == "dedup.exact", "the same text as ").when(
            F.col("reason") == "dedup.contained", "almost all of it stands in "
        )
        where = F.when(F.col("kept_in").isNotNull(), F.concat(F.lit(", kept by the earlier run "), "kept_in"))
        detail = [words.otherwise("nearly the same text as "), F.col("same_as"), F.coalesce(where, F.lit(""))]
        return exact.unionByName(like).withColumn("detail", F.concat(*detail)).drop("same_as")

    def _reason(self) -> Column:
        near = self.settings.near
        if near is None or near.containment is None:
            return F.lit("dedup.near")
        contained = (F.col("jaccard") < near.jaccard) & (F.col("containment") >= near.containment)
        return F.when(contained, "dedup.contained").otherwise("dedup.near")

    def _index(self, documents: DataFrame, decisions: Decisions, table: DataFrame, path: str) -> None:
        """Write the index with which a later run compares its documents with those that this one kept."""
        removed = decisions.removed.where("earlier is null").select(*KEY)
        kept = decisions.hashed.where("rank = 1 and earlier is null").join(removed, KEY, "left_anti")
        kept = kept.join(table.where(F.col("reason") == SEMANTIC).select("id"), "id", "left_anti")
        values = F.array(*[F.col(name) for name in self._names()]).cast("array<double>").alias("preferences")
        kept = self._saved(kept.select(*KEY, "digest", "band_keys", values), "kept")
        write_index(path, "bands", kept.select(F.explode("band_keys").alias("key"), "id"))
        digests = kept.where("digest is not null").select(F.xxhash64("digest").alias("key"), "*")
        write_index(path, "digests", digests)
        texts = documents.select(*KEY, "text").join(kept.select(*KEY, "preferences"), KEY)
        write_index(path, "documents", texts.select(F.xxhash64("id").alias("key"), "*"))

    def _detail(self, decisions: Decisions) -> dict[str, Any]:
        """Return the scheme of the bands, and how many pairs that share one were compared and verified."""
        near = self.settings.near
        if near is None or decisions.compared is None:
            return {}
        detail: dict[str, Any] = {
            "scheme": near.id,
            "candidate_probability": {
                f"{j / 20:.2f}": round(near.candidate_probability(j / 20), 6) for j in range(1, 21)
            },
        }
        if near.mode != "unverified":
            verified = is_near(near)
            row = decisions.compared.agg(
                F.count("*").alias("compared"),
                F.count_if(verified).alias("verified"),
                F.count_if(F.col("jaccard").isNull()).alias("ruled_out_by_size"),
            ).first()
            detail["pairs"] = row.asDict() if row else {}
        return detail


def _write(spark: SparkSession, context: Context, path: str) -> dict[str, Any]:
    recipe, earlier = context.recipe, earlier_runs(context.settings)
    history = History(spark, earlier) if earlier else None
    tables = join(path, SCRATCH, TABLES)
    finder = Finder(spark, recipe.dedup, preferences_of(recipe), tables, scopes(recipe), history)
    return finder.write(context.documents(spark), path, recipe.dropped_text_rate)


DEDUP = Stage(
    "dedup",
    after=("filter",),
    section=lambda recipe: recipe.dedup,
    write=_write,
    output_version=6,
    config=config,
    inputs=inputs,
    resources=resources,
)
