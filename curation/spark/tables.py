"""Tables of documents: written once with the state of each row, read back, and accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from curation.accounting.ledger import Ledger
from curation.accounting.manifest import join
from curation.accounting.sample import LOOK, STORED, sampled, stored_rates
from curation.accounting.settle import SETTLED
from curation.document import DOCUMENT
from curation.spark.frames import conform, map_batches
from curation.spark.rows import ROWS, Annotated, write_table, written
from curation.spark.store import spark_url

_SAMPLED = pa.schema([SETTLED.field("id"), SETTLED.field("state")])
_SAMPLE_FILES = 8  # of each state
_REASONS = from_arrow_schema(DOCUMENT)["reasons"].dataType


def settled(documents: DataFrame, dropped_text_rate: float) -> Annotated:
    """Return annotated documents, to be settled: for stages whose annotations are Spark's own joins."""
    return Annotated(documents.select(*DOCUMENT.names), lambda batch: batch, dropped_text_rate)


def read_rows(spark: SparkSession, path: str) -> DataFrame:
    """Return the settled rows of an output, of the files that its list names."""
    schema, folder = from_arrow_schema(SETTLED), join(path, ROWS)
    files = [spark_url(join(folder, file["name"])) for file in written(path)["files"]]
    if not files:
        return spark.createDataFrame([], schema)
    return spark.read.schema(schema).option("basePath", spark_url(folder)).parquet(*files)


def read_kept(spark: SparkSession, path: str) -> DataFrame:
    """Return the kept rows of an output in the DOCUMENT schema."""
    return read_rows(spark, path).where("state = 'kept'").select(*DOCUMENT.names)


@dataclass(frozen=True, slots=True)
class Counted:
    """The account of what a stage wrote."""

    ledger: Ledger
    digest: str
    rows: int
    detail: Mapping[str, Any]


def account(spark: SparkSession, path: str) -> Counted:
    """Return the account of a stage's rows; of very many, a sample is stored beside them."""
    facts = written(path)
    ledger = Ledger.from_json(facts["ledger"])
    return Counted(ledger, facts["digest"], facts["rows"], _store_samples(spark, path, ledger))


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
    parted = sample.repartition(_SAMPLE_FILES, "id")
    write_table(parted, lambda batch: conform(batch, SETTLED), join(path, STORED), ledger.stage)
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
