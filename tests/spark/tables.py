"""Documents made by hand as Spark has them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyspark.sql.pandas.types import from_arrow_schema

from curation.document import DOCUMENT


def documents(spark: Any, rows: list[dict[str, Any]], partitions: int) -> Any:
    """Return rows in the DOCUMENT schema (what they do not name is absent), spread over partitions."""
    table = pa.Table.from_pylist(rows, schema=DOCUMENT)
    return spark.createDataFrame(table, schema=from_arrow_schema(DOCUMENT)).repartition(partitions)
