"""Tables of documents: written once with the state of each row, read back, and accounted for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from curation.accounting.fingerprint import digest_row, digest_rows
from curation.accounting.ledger import Ledger, tally
from curation.accounting.manifest import join
from curation.accounting.settle import SETTLED, settle
from curation.document import DOCUMENT
from curation.spark.frames import Batches, map_batches
from curation.spark.store import spark_url

#: What a table's digest covers: all but where a row's record lay, which is no part of what it says.
_CONTENT = [name for name in SETTLED.names if name not in ("file", "offset", "length")]
_PARTIAL = pa.schema([pa.field("ledger", pa.string()), pa.field("digest", pa.string())])


def annotated(
    documents: DataFrame, annotate: Callable[[pa.RecordBatch], pa.RecordBatch], dropped_text_rate: float
) -> DataFrame:
    """Return documents as `annotate` leaves each batch, with their state: one trip through Python."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield settle(annotate(batch), dropped_text_rate)

    return map_batches(documents, run, SETTLED)


def settled(documents: DataFrame, dropped_text_rate: float) -> DataFrame:
    """Return annotated documents with their state: for stages whose annotations are Spark's own joins."""
    return annotated(documents.select(*DOCUMENT.names), lambda batch: batch, dropped_text_rate)


def write_rows(frame: DataFrame, path: str) -> None:
    """Write settled rows once, parted into `state=kept` and the rest."""
    frame.write.partitionBy("state").parquet(spark_url(join(path, "rows")))


def read_rows(spark: SparkSession, path: str) -> DataFrame:
    """Return the settled rows of an output; states that no row ended in are simply absent."""
    return spark.read.schema(from_arrow_schema(SETTLED)).parquet(spark_url(join(path, "rows")))


def read_kept(spark: SparkSession, path: str) -> DataFrame:
    """Return the kept rows of an output in the DOCUMENT schema."""
    return read_rows(spark, path).where("state = 'kept'").select(*DOCUMENT.names)


def account(spark: SparkSession, stage: str, path: str) -> tuple[Ledger, str, int]:
    """Return (ledger, order-free digest, rows) of an output, counted from what was written.

    Accumulators count a recomputed task twice; files do not.
    """

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        ledger, digest = Ledger(stage), 0
        for batch in batches:
            rows = batch.to_pylist()
            ledger.merge(tally(stage, rows))
            digest += sum(map(digest_row, rows))
        partial = {"ledger": [json.dumps(ledger.to_json())], "digest": [digest_rows([digest])]}
        yield pa.RecordBatch.from_pydict(partial, schema=_PARTIAL)

    total, digests = Ledger(stage), []
    rows = read_rows(spark, path).select(*_CONTENT)
    for partial in map_batches(rows, run, _PARTIAL).toArrow().to_pylist():
        total.merge(Ledger.from_json(json.loads(partial["ledger"])))
        digests.append(int(partial["digest"], 16))
    return total, digest_rows(digests), total.total.received.records


def as_received(documents: DataFrame) -> DataFrame:
    """Return what an earlier stage kept as what comes into this one: nothing has happened to it yet."""
    fresh = {
        "characters_in": F.col("characters"),
        "edits": F.map_from_arrays(F.array().cast("array<string>"), F.array().cast("array<bigint>")),
        "merged_into": F.lit(None).cast("string"),
        "reasons": F.array().cast(documents.schema["reasons"].dataType),
    }
    return documents.withColumns(fresh)
