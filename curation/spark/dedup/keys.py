"""Documents that have one value of a column in common, such as a URL: one of them is kept."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from curation.document import DOCUMENT
from curation.spark.dedup.inputs import Preference
from curation.spark.dedup.near import KEY

NAME = "dedup.key"
_TIME = {"latest": F.desc_nulls_last, "earliest": F.asc_nulls_last}


def column_of(key: str) -> Column:
    """Return the column that a recipe's `key` names: one of documents, else one of their metadata."""
    columns = [field.name for field in DOCUMENT if field.type == pa.string()]
    value = F.col(key) if key in columns else F.col("metadata")[key]
    return F.nullif(F.trim(value.cast("string")), F.lit(""))


def same_key(
    documents: DataFrame, key: str, keep: str, preferences: Sequence[Preference], scope: Column
) -> DataFrame:
    """Return KEY, kept_id and detail of all documents but the one to keep, for every value of the key.

    A document without a value is compared with none. `keep` is `latest` or `earliest` (by the time of
    capture, as sent; those without one come last), or `preferred`; then the preferences decide, and the id.
    """
    captured = F.nullif(F.col("captured_at"), F.lit(""))
    first = [_TIME[keep](captured)] if keep in _TIME else []
    best = [
        preference.value().desc_nulls_last() if preference.more else preference.value().asc_nulls_last()
        for preference in preferences
    ]
    window = Window.partitionBy("scope", "key").orderBy(*first, *best, *KEY)
    keyed = documents.withColumns({"key": column_of(key), "scope": scope}).where("key is not null")
    ranked = keyed.withColumns({"rank": F.row_number().over(window), "kept_id": F.first("id").over(window)})
    detail = F.concat(F.lit(f"the same {key} as "), "kept_id").alias("detail")
    return ranked.where("rank > 1").select(*KEY, "kept_id", detail)


def check_key(documents: DataFrame, key: str) -> None:
    """Raise ValueError where there are documents, and none has a value of the key: it is misspelt."""
    if documents.where(column_of(key).isNotNull()).isEmpty() and not documents.isEmpty():
        raise ValueError(
            f"dedup.key: no document has a value of '{key}'; expected a column of documents (url, record_id, "
            "title) or a name of their metadata"
        )


def with_same_key(removed: DataFrame, losers: DataFrame) -> DataFrame:
    """Return the removed documents with those of `same_key`, merged into what is kept in the end."""
    by_id = removed.where("earlier is null").groupBy(F.col("id").alias("first_id"))
    further = by_id.agg(F.min(F.struct("kept_id", "kept_in")).alias("further"))
    moved = losers.join(further, F.col("kept_id") == F.col("first_id"), "left")
    kept = {"kept_id": F.coalesce("further.kept_id", "kept_id"), "kept_in": F.col("further.kept_in")}
    rows = moved.withColumns({**kept, "reason": F.lit(NAME)}).drop("further", "first_id")
    return removed.unionByName(rows, allowMissingColumns=True)
