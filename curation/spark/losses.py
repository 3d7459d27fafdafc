"""What the failures of a stage that reads files stand for: estimates for its ledger, and the worst files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from curation.accounting import loss
from curation.accounting.ledger import Ledger
from curation.accounting.loss import FAILED_FILES, FILE_COUNTS, MOST_FILES, FileLoss, estimated_records
from curation.spark.stage import Context
from curation.spark.tables import read_rows


def complete(spark: SparkSession, context: Context, ledger: Ledger, path: str) -> Mapping[str, Any]:
    """Complete a ledger by what its failures stand for; return what its manifest says of files."""
    size_bytes = {source: sum(file.size_bytes for file in files) for source, files in context.inputs.items()}
    ledger.estimate(size_bytes)
    detail: dict[str, Any] = {FILE_COUNTS: {source: len(files) for source, files in context.inputs.items()}}
    if ledger.total.states["failed"].records:
        densities = {name: account.density(size_bytes[name]) for name, account in ledger.sources.items()}
        files = worst_files(read_rows(spark, path).where("state = 'failed'"), densities)
        detail[FAILED_FILES] = [asdict(file) for file in files]
    return detail


def worst_files(failed: DataFrame, densities: Mapping[str, float]) -> list[FileLoss]:
    """Return the files that lost most records, most first, each with its main reason.

    densities: source -> records a byte, see `Account.density`.
    """
    lost_bytes = _measure(loss.BYTES)
    facts = failed.select(
        *("source", "file", "offset"),
        F.col("reasons")[0]["name"].alias("reason"),
        F.col("reasons")[0]["detail"].alias("detail"),
        F.coalesce(_measure(loss.RECORDS), F.lit(1.0)).alias("records"),
        lost_bytes.isNotNull().alias("estimated"),
        F.coalesce(lost_bytes, F.lit(0.0)).alias("lost_bytes"),
    )
    known = F.create_map(*[F.lit(part) for pair in densities.items() for part in pair])
    files = facts.groupBy("source", "file", "reason").agg(
        F.sum(F.when(F.col("estimated"), 0.0).otherwise(F.col("records"))).alias("exact"),
        F.sum(F.when(F.col("estimated"), F.col("records")).otherwise(0.0)).alias("fewest"),
        F.sum("lost_bytes").alias("lost_bytes"),
        F.max("estimated").alias("estimated"),
        F.min_by("detail", F.struct("offset", "detail")).alias("detail"),
    )
    most = F.col("exact") + F.greatest(F.col("fewest"), F.col("lost_bytes") * known[F.col("source")])
    worst = files.orderBy(most.desc(), "source", "file", "reason").limit(MOST_FILES)
    losses = [_file_loss(row, densities[row["source"]]) for row in worst.toArrow().to_pylist()]
    return sorted(losses, key=lambda loss: (-loss.records, loss.source, loss.file, loss.reason))


def _file_loss(row: Mapping[str, Any], density: float) -> FileLoss:
    estimate = estimated_records(int(row["fewest"]), int(row["lost_bytes"]), density)
    return FileLoss(
        source=row["source"],
        file=row["file"],
        reason=row["reason"],
        records=int(row["exact"]) + (estimate if row["estimated"] else 0),
        estimated=row["estimated"],
        detail=row["detail"],
    )


def _measure(name: str) -> Column:
    return F.col("measures")[name]
