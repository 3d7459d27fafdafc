"""Tables of documents: written once with the state of each row, read back, and accounted for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from curation.accounting.digest import digest_batch, digest_rows
from curation.accounting.ledger import Ledger
from curation.accounting.manifest import join
from curation.accounting.sample import LOOK, STORED, sampled, stored_rates
from curation.accounting.settle import SETTLED, settle
from curation.accounting.tally import tally
from curation.document import DOCUMENT
from curation.spark.frames import Batches, map_batches, map_partitions
from curation.spark.store import spark_url

#: What a table's digest covers: all but where a row's record lay, which is no part of what it says.
_CONTENT = [name for name in SETTLED.names if name not in ("file", "offset", "length")]
_PARTIAL = pa.schema([("ledger", pa.string()), ("digest", pa.string()), ("rows", pa.int64())])
_SAMPLED = pa.schema([SETTLED.field("id"), SETTLED.field("state")])
_SAMPLE_FILES = 8  # of each state
_REASONS = from_arrow_schema(DOCUMENT)["reasons"].dataType


def annotated(
    documents: DataFrame, annotate: Callable[[pa.RecordBatch], pa.RecordBatch], dropped_text_rate: float
) -> DataFrame:
    """Return documents as `annotate` leaves each batch, with their state: one trip through Python."""
    return map_batches(documents, lambda batch: settle(annotate(batch), dropped_text_rate), SETTLED)


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


@dataclass(frozen=True, slots=True)
class Counted:
    """The account of what a stage wrote, counted from what is read back."""

    ledger: Ledger
    digest: str
    rows: int
    detail: Mapping[str, Any]


def account(spark: SparkSession, stage: str, path: str) -> Counted:
    """Count the settled rows of an output; of very many, a sample is stored beside them.

    Accumulators count a recomputed task twice; files do not.
    """

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        ledger, digest, count = Ledger(stage), 0, 0
        for batch in batches:
            count += batch.num_rows
            ledger.merge(tally(stage, batch))
            digest += digest_batch(batch, _CONTENT)
        partial = {"ledger": json.dumps(ledger.to_json()), "digest": digest_rows([digest]), "rows": count}
        yield pa.RecordBatch.from_pylist([partial], schema=_PARTIAL)

    total, digests, count = Ledger(stage), [], 0
    rows = read_rows(spark, path).select(*_CONTENT)
    for partial in map_partitions(rows, run, _PARTIAL).toArrow().to_pylist():
        total.merge(Ledger.from_json(json.loads(partial["ledger"])))
        digests.append(int(partial["digest"], 16))
        count += partial["rows"]
    detail = _store_samples(spark, path, total)
    return Counted(total, digest_rows(digests), count, detail)


def _store_samples(spark: SparkSession, path: str, ledger: Ledger) -> dict[str, Mapping[str, float]]:
    """Write a sample of each very large state, so that looking at it reads little; return state -> rate."""
    rates = stored_rates(ledger.to_json())
    if not rates:
        return {}

    def in_sample(batch: pa.RecordBatch) -> pa.RecordBatch:
        both = zip(batch["id"].to_pylist(), batch["state"].to_pylist(), strict=True)
        chosen = [sampled(document, rates.get(state, 0.0), LOOK) for document, state in both]
        return batch.filter(pa.array(chosen, pa.bool_()))

    rows = read_rows(spark, path)  # only ids go through Python; texts stay where they are
    chosen = map_batches(rows.select(*_SAMPLED.names), in_sample, _SAMPLED)
    sample = rows.join(F.broadcast(chosen), _SAMPLED.names, "left_semi").select(*SETTLED.names)
    written = sample.repartition(_SAMPLE_FILES, "id").write.partitionBy("state")
    written.mode("overwrite").parquet(spark_url(join(path, STORED)))  # replaces what a killed attempt left
    return {STORED: rates}


def one_reason(name: Column, state: str, value: Column, maximum: Column, detail: Column) -> Column:
    """Return the `reasons` of rows that are removed for one reason, which has no minimum."""
    nothing = F.lit(None).cast("double")
    fields = {"name": name, "state": F.lit(state), "value": value, "min": nothing, "max": maximum}
    struct = F.struct(*[column.alias(field) for field, column in {**fields, "detail": detail}.items()])
    return F.array(struct).cast(_REASONS)


def as_received(documents: DataFrame) -> DataFrame:
    """Return what an earlier stage kept as what comes into this one: nothing has happened to it yet."""
    fresh = {
        "characters_in": F.col("characters"),
        "edits": F.map_from_arrays(F.array().cast("array<string>"), F.array().cast("array<bigint>")),
        "merged_into": F.lit(None).cast("string"),
        "reasons": F.array().cast(_REASONS),
    }
    return documents.withColumns(fresh)
