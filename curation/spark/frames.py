"""Arrow functions on Spark frames: the schema is checked by name before rows leave Python.

Spark maps the columns of `mapInArrow` by position, so two swapped columns would pass in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

Batches = Iterator[pa.RecordBatch]


class SchemaError(TypeError):
    """A stage function returned other columns than it declared."""


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return `batch` with exactly the columns of `schema`, in its order and types.

    Raises:
        SchemaError: columns are missing or extra, or one cannot be cast.
    """
    if set(batch.schema.names) != set(schema.names):
        missing = sorted(set(schema.names) - set(batch.schema.names))
        extra = sorted(set(batch.schema.names) - set(schema.names))
        raise SchemaError(f"expected the columns {schema.names}; missing: {missing}, not declared: {extra}")
    try:
        columns = [batch[name].cast(schema.field(name).type) for name in schema.names]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SchemaError(f"a column does not have the declared type: {error}") from error
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def map_batches(
    frame: DataFrame, function: Callable[[pa.RecordBatch], pa.RecordBatch], schema: pa.Schema
) -> DataFrame:
    """Return `function` of each batch; its rows must have `schema`, by name."""
    return map_partitions(frame, lambda batches: map(function, batches), schema)


def map_partitions(
    frame: DataFrame, function: Callable[[Batches], Iterable[pa.RecordBatch]], schema: pa.Schema
) -> DataFrame:
    """Return `function` over the batches of each partition; its rows must have `schema`, by name."""

    def run(batches: Batches) -> Batches:
        for batch in function(batches):
            yield conform(batch, schema)

    return frame.mapInArrow(run, from_arrow_schema(schema))
