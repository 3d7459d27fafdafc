"""Repeated runs of tokens in kept documents: found by joins on hashes, then cut out or measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from curation.dedup.substring import Span, fingerprint_batch, run_batch, spans, without
from curation.document import DOCUMENT
from curation.recipe.sections.dedup import Substring
from curation.spark.dedup.near import KEY, KEY_FIELDS
from curation.spark.frames import Batches, map_batches, map_partitions
from curation.spark.scratch import Scratch

NAME = "dedup.substring"
#: A measure: the share of a document's characters that repeat a better document, or an earlier part of it.
REPEATED = "dedup.repeated_fraction"
_RUNS = pa.schema([*KEY_FIELDS, *((name, pa.int64()) for name in ("position", "high", "low"))])
_FINGERPRINTS = pa.schema(
    [("id", pa.string()), ("scope", pa.string()), ("fingerprint", pa.int64()), ("occurrences", pa.int32())]
)


@dataclass(frozen=True, slots=True)
class RepeatedRuns:
    """Marks the repeated runs of tokens of one corpus.

    Attributes:
        best_first: number columns of a DOCUMENT frame that order it: ascending, nulls last, then by id.
        scope: a string column of a DOCUMENT frame; only documents of one scope are compared.
    """

    settings: Substring
    best_first: Sequence[Column]
    scope: Column
    scratch: Scratch

    def mark(self, documents: DataFrame) -> DataFrame:
        """Return the documents; those without a reason are compared, and edited or measured.

        The first occurrence of a run, in the order of the documents and then of the text, is kept.
        """
        kept = documents.where(F.size("reasons") == 0)
        shared = self.scratch.saved(self._shared(kept), "fingerprints")
        later = self.scratch.saved(self._later(kept, shared), "repeats")
        settings = self.settings

        def run(batches: Batches) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                has_repeats = pc.is_valid(batch["positions"])
                yield batch.filter(pc.invert(has_repeats)).select(DOCUMENT.names)
                yield marked(batch.filter(has_repeats), settings)

        return map_partitions(documents.join(later, [*KEY], "left"), run, DOCUMENT)

    def _shared(self, documents: DataFrame) -> DataFrame:
        """Return those fingerprints of each document that occur twice in its scope."""
        size = self.settings.min_tokens

        texts = documents.select("id", self.scope.alias("scope"), "text")
        winnowed = map_batches(texts, lambda batch: fingerprint_batch(batch, size), _FINGERPRINTS)
        winnowed = self.scratch.saved(winnowed, "winnowed")
        counts = winnowed.groupBy("scope", "fingerprint").agg(F.sum("occurrences").alias("total"))
        repeated = winnowed.join(counts.where("total > 1"), ["scope", "fingerprint"], "left_semi")
        return repeated.groupBy("id").agg(F.collect_set("fingerprint").alias("fingerprints"))

    def _later(self, documents: DataFrame, shared: DataFrame) -> DataFrame:
        """Return, for each document, the positions of its runs that are not the first occurrence."""
        size = self.settings.min_tokens
        names = [f"order_{i}" for i in range(len(self.best_first))]
        order = [
            column.cast("double").alias(name) for column, name in zip(self.best_first, names, strict=True)
        ]
        fields = [pa.field("scope", pa.string()), *[pa.field(name, pa.float64()) for name in names]]

        def run(batch: pa.RecordBatch) -> pa.RecordBatch:
            runs = run_batch(batch, size)
            own = batch.select([*KEY, "scope", *names]).take(runs["row"])
            return pa.RecordBatch.from_arrays(
                [*own.columns, *runs.drop_columns(["row"]).columns],
                names=[*own.schema.names, "position", "high", "low"],
            )

        texts = documents.select(*KEY, *order, self.scope.alias("scope"), "text").join(shared, "id")
        runs = map_batches(texts, run, pa.schema([*_RUNS, *fields]))
        best = [F.col(name).asc_nulls_last() for name in names]
        window = Window.partitionBy("scope", "high", "low").orderBy(*best, *KEY, "position")
        later = runs.withColumn("occurrence", F.row_number().over(window)).where("occurrence > 1")
        return later.groupBy(*KEY).agg(F.collect_list("position").alias("positions"))


def marked(documents: pa.RecordBatch, settings: Substring) -> pa.RecordBatch:
    """Return documents (with the `positions` at which repeated runs begin) cut, or only measured.

    A document of which only white space would be left is dropped whole, with the reason `NAME`.
    """
    cuts = spans(documents["text"], documents["positions"], settings.min_tokens)
    rows = documents.select(DOCUMENT.names).to_pylist()
    for row, row_cuts in zip(rows, cuts, strict=True):
        _mark(row, row_cuts, settings)
    return pa.RecordBatch.from_pylist(rows, schema=DOCUMENT)


def _mark(row: dict[str, Any], cuts: Sequence[Span], settings: Substring) -> None:
    text = row["text"]
    removed = sum(end - start for start, end in cuts)
    fraction = removed / len(text)
    row["measures"] = [*(row["measures"] or []), (REPEATED, fraction)]
    if settings.action == "annotate" or not removed:
        return
    left = without(text, cuts)
    if not left.strip():
        detail = f"every run of {settings.min_tokens} tokens stands in a document before it, or earlier in it"
        row["reasons"] = [{"name": NAME, "state": "dropped", "value": fraction, "detail": detail}]
        return
    row |= {"text": left, "characters": len(left)}
    row["edits"] = [*(row["edits"] or []), (NAME, removed)]
