"""Documents that have one value of a column in common, such as a URL: one of them is kept."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from curation.document import COLUMN, DOCUMENT
from curation.recipe.sections.dedup import Dedup
from curation.spark.dedup.inputs import Preference
from curation.spark.dedup.near import KEY

NAME = "dedup.key"
_TIME = {"latest": F.desc_nulls_last, "earliest": F.asc_nulls_last}


def column_of(key: str) -> Column:
    """Return the column that a recipe names: of documents, carried along by an input, or of metadata."""
    columns = [field.name for field in DOCUMENT if field.type == pa.string()]
    metadata = F.coalesce(F.col("metadata")[f"{COLUMN}{key}"], F.col("metadata")[key])
    value = F.col(key) if key in columns else metadata
    return F.nullif(F.trim(value.cast("string")), F.lit(""))


def same_key(
    documents: DataFrame, settings: Dedup, preferences: Sequence[Preference], scope: Column
) -> DataFrame:
    """Return KEY, kept_id and detail of all documents but the one to keep, for every value of the key.

    A document without a value is compared with none. Under `latest` and `earliest` the time decides, then the
    preferences, then the id.
    """
    key, keep = str(settings.key), settings.keep
    first = [_TIME[keep](column_of(settings.time))] if keep in _TIME else []
    best = [
        preference.value().desc_nulls_last() if preference.more else preference.value().asc_nulls_last()
        for preference in preferences
    ]
    window = Window.partitionBy("scope", "key").orderBy(*first, *best, *KEY)
    keyed = documents.withColumns({"key": column_of(key), "scope": scope}).where("key is not null")
    ranked = keyed.withColumns({"rank": F.row_number().over(window), "kept_id": F.first("id").over(window)})
    detail = F.concat(F.lit(f"the same {key} as "), "kept_id").alias("detail")
    return ranked.where("rank > 1").select(*KEY, "kept_id", detail)


def check_columns(documents: DataFrame, settings: Dedup) -> None:
    """Raise ValueError where there are documents, and none has a value of the key, or none has a time."""
    timed = settings.keep in _TIME
    for option, name in (("key", settings.key), ("time", settings.time if timed else None)):
        if name and documents.where(column_of(name).isNotNull()).isEmpty() and not documents.isEmpty():
            raise ValueError(
                f"dedup.{option}: no document has a value of '{name}'; expected a column of documents (url, "
                "record_id, captured_at), one that an input carries along (columns), or a name of metadata"
            )


def with_same_key(removed: DataFrame, losers: DataFrame) -> DataFrame:
    """Return the removed documents with those of `same_key`, merged into what is kept in the end."""
    by_id = removed.where("earlier is null").groupBy(F.col("id").alias("first_id"))
    further = by_id.agg(F.min(F.struct("kept_id", "kept_in")).alias("further"))
    moved = losers.join(further, F.col("kept_id") == F.col("first_id"), "left")
    kept = {"kept_id": F.coalesce("further.kept_id", "kept_id"), "kept_in": F.col("further.kept_in")}
    rows = moved.withColumns({**kept, "reason": F.lit(NAME)}).drop("further", "first_id")
    return removed.unionByName(rows, allowMissingColumns=True)
