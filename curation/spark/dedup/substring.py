"""Repeated runs of tokens in the documents that stay: found by joins on hashes, cut out or measured."""

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
from curation.spark.dedup.near import KEY
from curation.spark.frames import Batches, map_batches
from curation.spark.scratch import Scratch

NAME = "dedup.substring"
#: Share of a document's characters that stand in a document before it.
REPEATED = "dedup.repeated_fraction"
_RUNS = pa.schema(
    [
        *[DOCUMENT.field(name) for name in KEY],
        pa.field("position", pa.int64()),
        pa.field("high", pa.int64()),
        pa.field("low", pa.int64()),
    ]
)
_FINGERPRINTS = pa.schema(
    [
        DOCUMENT.field("id"),
        pa.field("scope", pa.string()),
        pa.field("fingerprint", pa.int64()),
        pa.field("occurrences", pa.int32()),
    ]
)


@dataclass(frozen=True, slots=True)
class Repeats:
    """Finds what is repeated in one corpus, and marks it.

    Attributes:
        best_first: numbers of a DOCUMENT frame, the least first, absent ones last; then comes the id.
        scope: of a DOCUMENT frame, a string; only documents of the same one are compared.
    """

    settings: Substring
    best_first: Sequence[Column]
    scope: Column
    scratch: Scratch

    def mark(self, documents: DataFrame) -> DataFrame:
        """Return the documents, those without a reason edited or measured; no others are looked at.

        The first place of a run, in the order of the documents and then of the text, keeps it.
        """
        kept = documents.where(F.size("reasons") == 0)
        shared = self.scratch.saved(self._shared(kept), "fingerprints")
        later = self.scratch.saved(self._later(kept, shared), "repeats")
        settings = self.settings

        def run(batches: Batches) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                touched = pc.is_valid(batch["positions"])
                yield batch.filter(pc.invert(touched)).select(DOCUMENT.names)
                yield marked(batch.filter(touched), settings)

        return map_batches(documents.join(later, [*KEY], "left"), run, DOCUMENT)

    def _shared(self, documents: DataFrame) -> DataFrame:
        """Return the fingerprints of each document that occur twice anywhere."""
        size = self.settings.min_tokens

        def run(batches: Batches) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                yield fingerprint_batch(batch, size)

        found = map_batches(documents.select("id", self.scope.alias("scope"), "text"), run, _FINGERPRINTS)
        found = self.scratch.saved(found, "winnowed")
        twice = found.groupBy("scope", "fingerprint").agg(F.sum("occurrences").alias("all"))
        found = found.join(twice.where("all > 1"), ["scope", "fingerprint"], "left_semi")
        return found.groupBy("id").agg(F.collect_set("fingerprint").alias("fingerprints"))

    def _later(self, documents: DataFrame, shared: DataFrame) -> DataFrame:
        """Return, of each document, the places of runs whose first place is another."""
        size = self.settings.min_tokens
        names = [f"order_{i}" for i in range(len(self.best_first))]
        order = [each.cast("double").alias(name) for each, name in zip(self.best_first, names, strict=True)]
        fields = [pa.field("scope", pa.string()), *[pa.field(name, pa.float64()) for name in names]]

        def run(batches: Batches) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                found = run_batch(batch, size)
                own = batch.select([*KEY, "scope", *names]).take(found["row"])
                columns = {name: own[name] for name in own.schema.names}
                columns |= {name: found[name] for name in ("position", "high", "low")}
                yield pa.RecordBatch.from_pydict(columns)

        texts = documents.select(*KEY, *order, self.scope.alias("scope"), "text").join(shared, "id")
        runs = map_batches(texts, run, pa.schema([*_RUNS, *fields]))
        best = [F.col(name).asc_nulls_last() for name in names]
        window = Window.partitionBy("scope", "high", "low").orderBy(*best, *KEY, "position")
        later = runs.withColumn("place", F.row_number().over(window)).where("place > 1")
        return later.groupBy(*KEY).agg(F.collect_list("position").alias("positions"))


def marked(documents: pa.RecordBatch, settings: Substring) -> pa.RecordBatch:
    """Return documents (with the `positions` where repeated runs begin) cut, or only measured.

    One of which nothing but white space would be left is dropped whole, for the same reason.
    """
    cuts = spans(documents["text"], documents["positions"], settings.min_tokens)
    rows = documents.select(DOCUMENT.names).to_pylist()
    for row, found in zip(rows, cuts, strict=True):
        _mark(row, found, settings)
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
