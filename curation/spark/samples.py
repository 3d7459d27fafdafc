"""The hash-samples that stages keep beside large tables, so that looking at those reads little."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from curation.accounting.ledger import Ledger
from curation.accounting.manifest import join
from curation.accounting.sample import LOOK, STORED, sampled, stored_rates
from curation.accounting.settle import SETTLED
from curation.spark.frames import Batches, map_batches
from curation.spark.store import spark_url
from curation.spark.tables import read_rows

#: So many files hold the sample of a state.
_FILES = 8
_KEY = pa.schema([SETTLED.field("id"), SETTLED.field("state")])


def store_samples(spark: SparkSession, path: str, ledger: Ledger) -> Mapping[str, Mapping[str, float]]:
    """Write aside a sample of those states of an output that hold very many rows.

    Returns:
        What the manifest's detail has to say of it, state -> rate; nothing where no state is so large.
    """
    rates = stored_rates(ledger.to_json())
    if not rates:
        return {}

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            both = zip(batch["id"].to_pylist(), batch["state"].to_pylist(), strict=True)
            chosen = [sampled(document, rates.get(state, 0.0), LOOK) for document, state in both]
            yield batch.filter(pa.array(chosen, pa.bool_()))

    rows = read_rows(spark, path)  # only ids go through Python; texts stay where they are
    chosen = map_batches(rows.select(*_KEY.names), run, _KEY)
    found = rows.join(F.broadcast(chosen), _KEY.names, "left_semi").select(*SETTLED.names)
    written = found.repartition(_FILES, "id").write.partitionBy("state")
    written.mode("overwrite").parquet(spark_url(join(path, STORED)))  # what a killed attempt left goes
    return {STORED: rates}
