"""Tables between the steps of a stage: written once, read as often as needed, swept when it is published.

A table that an earlier attempt at the same output finished is taken as it is: the directory's name says what
it was made of, its own what columns it has. So a stage that was killed goes on where it was, and one that
other code began does not read columns that are not there as nulls.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

from curation.accounting.manifest import join
from curation.spark.store import remove, spark_url, url_to_fs


@dataclass(frozen=True, slots=True)
class Scratch:
    """A directory for tables between steps; writing one also cuts Spark's lineage."""

    spark: SparkSession
    path: str
    _names: set[str] = field(default_factory=set)

    def saved(self, frame: DataFrame, name: str) -> DataFrame:
        """Write a frame under `name` (or, where that is taken, name-2, name-3, ...) and read it back."""
        return self.spark.read.schema(frame.schema).parquet(spark_url(self._written(frame, name)))

    def collected(self, frame: DataFrame, name: str) -> pa.Table:
        """Write a frame likewise and return it in this process: not through Spark's driver and its limits."""
        filesystem, path = url_to_fs(self._written(frame, name))
        return pq.read_table(path, filesystem=filesystem, schema=to_arrow_schema(frame.schema))

    def _written(self, frame: DataFrame, name: str) -> str:
        taken, number = name, 1
        while taken in self._names:
            number += 1
            taken = f"{name}-{number}"
        self._names.add(taken)
        path = join(self.path, f"{taken}-{xxhash.xxh3_64_hexdigest(frame.schema.json())[:8]}")
        filesystem, done = url_to_fs(join(path, "_SUCCESS"))  # which Spark writes last
        if not filesystem.exists(done):
            remove(path)
            frame.write.parquet(spark_url(path))
        return path

    def none(self, schema: pa.Schema) -> DataFrame:
        """Return a frame without rows."""
        return self.spark.createDataFrame([], from_arrow_schema(schema))
