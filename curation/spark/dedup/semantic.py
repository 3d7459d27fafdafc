"""Semantic duplicates among kept documents: embeddings, k-means on a sample, cosines in each cluster."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from curation.accounting.sample import sampled
from curation.dedup.semantic import Vectors, centroids, leaders, nearest, unit_vectors
from curation.document import DOCUMENT
from curation.recipe.sections.dedup import Semantic
from curation.spark.dedup.near import KEY, KEY_FIELDS
from curation.spark.dedup.verdicts import CLUSTER_SIZE
from curation.spark.frames import map_batches
from curation.spark.scratch import Scratch
from curation.spark.store import spark_url
from curation.spark.tables import one_reason

NAME = "dedup.semantic"
_EMBEDDING = pa.field("embedding", pa.list_(pa.float32()))  # float32 holds the points of the grid exactly
_DECISIONS = pa.schema([*KEY_FIELDS, ("kept_id", pa.string()), ("cosine", pa.float64())])


@dataclass(frozen=True, slots=True)
class SemanticDuplicates:
    """Marks the documents of one corpus that mean the same.

    Attributes:
        best_first: number columns of a DOCUMENT frame that order it: ascending, nulls last, then by id.
        scope: a string column of a DOCUMENT frame; only documents of one scope are compared.
    """

    settings: Semantic
    best_first: Sequence[Column]
    scope: Column
    scratch: Scratch

    def mark(self, documents: DataFrame, clusters: DataFrame) -> tuple[DataFrame, DataFrame]:
        """Return the documents, removed ones with a reason, and the clusters with these removals.

        Only documents without a reason are compared. Documents that were merged into one that is removed now
        are merged into its kept one instead; `through` names the document they were compared with.
        """
        vectors = self.scratch.saved(self._vectors(documents.where(F.size("reasons") == 0)), "vectors")
        decisions = self.scratch.saved(self._decisions(vectors), "meanings")
        return self._explained(documents, decisions), _clusters(clusters, decisions)

    @property
    def _fields(self) -> list[pa.Field]:
        order = [pa.field(f"order_{i}", pa.float64()) for i in range(len(self.best_first))]
        return [*KEY_FIELDS, pa.field("scope", pa.string()), *order]

    def _vectors(self, documents: DataFrame) -> DataFrame:
        """Return key, order and unit vector of each document that has an embedding."""
        order = [column.cast("double").alias(f"order_{i}") for i, column in enumerate(self.best_first)]
        order.append(self.scope.alias("scope"))
        names = [field.name for field in self._fields]
        settings = self.settings
        if settings.embeddings is None:
            assert settings.encoder is not None
            encoder, inputs = settings.encoder, documents.select(*KEY, *order, "text")
        else:
            table = self._table(settings.embeddings)
            encoder, inputs = None, documents.select(*KEY, *order).join(table, "id")

        def embedded(batch: pa.RecordBatch) -> pa.RecordBatch:
            embeddings = _encoded(encoder, batch["text"]) if encoder else batch["embedding"]
            rows, vectors = unit_vectors(embeddings)
            return batch.select(names).take(pa.array(rows)).append_column("embedding", _lists(vectors))

        return map_batches(inputs, embedded, pa.schema([*self._fields, _EMBEDDING]))

    def _table(self, path: str) -> DataFrame:
        """Return id and embedding of a table; ValueError where a document has two embeddings."""
        table = self.scratch.spark.read.parquet(spark_url(path)).select("id", "embedding")
        twice = table.groupBy("id").count().where("count > 1").orderBy("id").first()
        if twice:
            raise ValueError(
                f"{path}: id '{twice['id']}' has {twice['count']} embeddings, expected one for each id"
            )
        return table

    def _decisions(self, vectors: DataFrame) -> DataFrame:
        """Return the removed documents, each with the kept one it is merged into."""
        centres = self._centres(vectors)
        names = [field.name for field in self._fields]
        bound = self.settings.min_cosine

        def assign(batch: pa.RecordBatch) -> pa.RecordBatch:
            return batch.append_column("cluster", pa.array(nearest(_matrix(batch["embedding"]), centres)))

        def compare(cluster: pa.Table) -> pa.Table:
            ordered = cluster.sort_by([(name, "ascending") for name in [*names[len(KEY) + 1 :], *KEY]])
            kept, cosines = leaders(_matrix(ordered["embedding"].combine_chunks()), bound)
            removed = np.flatnonzero(kept >= 0)
            own = ordered.select(list(KEY)).take(pa.array(removed))
            columns = [*own.columns, ordered["id"].take(pa.array(kept[removed])), pa.array(cosines[removed])]
            return pa.table(columns, schema=_DECISIONS)

        schema = pa.schema([*self._fields, _EMBEDDING, pa.field("cluster", pa.int64())])
        assigned = map_batches(vectors, assign, schema)
        return assigned.groupBy("scope", "cluster").applyInArrow(compare, from_arrow_schema(_DECISIONS))

    def _centres(self, vectors: DataFrame) -> Vectors:
        """Return the centres of k-means on a hash-sample in the order of ids."""
        settings, count = self.settings, vectors.count()
        rate = settings.sample_documents / max(count, 1)

        def in_sample(batch: pa.RecordBatch) -> pa.RecordBatch:
            chosen = [sampled(document, rate, NAME) for document in batch["id"].to_pylist()]
            return batch.select([*KEY, "embedding"]).filter(pa.array(chosen, pa.bool_()))

        sample = map_batches(vectors, in_sample, pa.schema([*KEY_FIELDS, _EMBEDDING])).toArrow()
        sample = sample.sort_by([(name, "ascending") for name in KEY])["embedding"].combine_chunks()
        return centroids(_matrix(sample), settings.clusters, settings.seed)

    def _explained(self, documents: DataFrame, decisions: DataFrame) -> DataFrame:
        """Join the decisions: reasons of removed documents, new kept ones of those merged earlier, sizes."""
        bound = F.lit(self.settings.min_cosine).cast("double")
        detail = F.concat(F.lit("means nearly the same as "), "decision.kept_id")
        reasons = one_reason(F.lit(NAME), "merged", F.col("decision.cosine"), bound, detail)
        sizes = documents.select(*KEY, F.col("measures")[CLUSTER_SIZE].alias("size")).join(decisions, [*KEY])
        more = sizes.groupBy(F.col("kept_id").alias("id")).agg(F.sum("size").alias("more"))
        decided = decisions.select(*KEY, F.struct("kept_id", "cosine").alias("decision"))
        joined = documents.join(decided, [*KEY], "left")
        joined = joined.join(_moves(decisions, "merged_into"), "merged_into", "left")
        joined = joined.join(more, "id", "left")
        removed = F.col("decision").isNotNull()
        grown = F.transform_values(
            "measures",
            lambda name, value: F.when(name == CLUSTER_SIZE, value + F.col("more")).otherwise(value),
        )
        changed = {
            "merged_into": F.coalesce("decision.kept_id", "moved_to", "merged_into"),
            "reasons": F.when(removed, reasons).otherwise(F.col("reasons")),
            "measures": F.when(F.col("more").isNotNull() & ~removed, grown).otherwise(F.col("measures")),
        }
        return joined.select(*[changed.get(name, F.col(name)).alias(name) for name in DOCUMENT.names])


def _moves(decisions: DataFrame, removed: str) -> DataFrame:
    """Return (`removed`: an id, moved_to: the kept document to merge into instead), each id once."""
    return decisions.groupBy(F.col("id").alias(removed)).agg(F.min("kept_id").alias("moved_to"))


def _clusters(clusters: DataFrame, decisions: DataFrame) -> DataFrame:
    """Return the table that people read with the semantic removals: one row for every removed document."""
    before = clusters.join(_moves(decisions, "kept_id"), "kept_id", "left").withColumns(
        {
            "through": F.when(F.col("moved_to").isNotNull(), F.col("kept_id")),
            "kept_id": F.coalesce("moved_to", "kept_id"),
        }
    )
    now = decisions.select("id", "kept_id", "cosine", F.lit(NAME).alias("reason"))
    both = before.drop("moved_to").unionByName(now, allowMissingColumns=True)
    size = (F.count("*").over(Window.partitionBy("kept_id", "kept_in")) + 1).cast("int")
    return both.withColumn("cluster_size", size)


@functools.cache
def _encoder(name: str) -> Callable[[list[str]], npt.ArrayLike]:
    module, _, function = name.partition(":")
    encoder: Callable[[list[str]], npt.ArrayLike] = getattr(importlib.import_module(module), function)
    return encoder


def _encoded(name: str, texts: pa.Array) -> pa.Array:
    """Return the injected encoder's embeddings; ValueError unless it returns a row for each text."""
    vectors = np.asarray(_encoder(name)(texts.to_pylist()), np.float64)
    if vectors.ndim != 2 or len(vectors) != len(texts):
        raise ValueError(
            f"{name}: returned an array of shape {vectors.shape} for {len(texts)} texts, "
            "expected a row for each"
        )
    return _lists(vectors)


def _lists(vectors: Vectors) -> pa.Array:
    count, size = vectors.shape
    offsets = pa.array(np.arange(count + 1, dtype=np.int32) * size)
    return pa.ListArray.from_arrays(offsets, pa.array(vectors.astype(np.float32).ravel()))


def _matrix(embeddings: pa.Array) -> Vectors:
    """Return unit vectors on the grid as a matrix of doubles."""
    numbers = embeddings.flatten().to_numpy(zero_copy_only=False).astype(np.float64)
    return numbers.reshape(len(embeddings), -1) if len(embeddings) else np.empty((0, 0))
