"""At most a number of documents of each site, chosen by a hash of their ids.

Only (id, site, hash) are sorted, site by site. The texts are joined with the documents to remove. Nothing
depends on how the documents are partitioned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from curation.accounting.sample import position
from curation.recipe.sections.sites import Sites
from curation.spark.dedup.near import KEY, KEY_FIELDS
from curation.spark.frames import map_batches
from curation.spark.rows import write_rows
from curation.spark.scratch import Scratch
from curation.spark.stage import Stage, over_documents
from curation.spark.tables import as_received, one_reason, settled
from curation.text.address import site

REASON = "sites.at_most"
_SALT = "sites"
_HASHED = pa.schema([*KEY_FIELDS, ("site", pa.string()), ("hash", pa.float64())])


def write(
    documents: DataFrame, settings: Sites, scratch: Scratch, path: str, dropped_text_rate: float
) -> Mapping[str, Any]:
    """Write the rows; return the manifest's detail: how many sites had more than their number."""
    order = Window.partitionBy("site").orderBy("hash", *KEY)
    ranked = _hashed(documents, settings).withColumn("rank", F.row_number().over(order))
    removed = scratch.saved(ranked.where(F.col("rank") > settings.at_most).drop("hash"), "removed")
    write_rows(settled(_marked(documents, removed, settings), dropped_text_rate), path, "sites")
    return {"sites_over": removed.select("site").distinct().count()}


def _hashed(documents: DataFrame, settings: Sites) -> DataFrame:
    """Return the documents that have a site, with the hash that decides which stay."""

    def hashed(batch: pa.RecordBatch) -> pa.RecordBatch:
        sites = [site(url, settings.domains) for url in batch["url"].to_pylist()]
        hashes = [position(document, _SALT) for document in batch["id"].to_pylist()]
        columns = {name: batch[name] for name in KEY}
        rows = pa.RecordBatch.from_pydict({**columns, "site": sites, "hash": hashes}, schema=_HASHED)
        return rows.filter(pa.array([bool(name) for name in sites], pa.bool_()))

    return map_batches(documents.select(*KEY, "url"), hashed, _HASHED)


def _marked(documents: DataFrame, removed: DataFrame, settings: Sites) -> DataFrame:
    """Return the documents as this stage received them, the removed ones with their rank in their site."""
    most = F.lit(float(settings.at_most))
    reasons = one_reason(F.lit(REASON), "dropped", F.col("rank").cast("double"), most, F.col("site"))
    over = F.when(F.col("rank").isNotNull(), reasons).otherwise(F.col("reasons"))
    return as_received(documents).join(removed, list(KEY), "left").withColumn("reasons", over)


SITES = Stage(
    "sites",
    after=("dedup",),
    section=lambda recipe: recipe.sites,
    write=over_documents(write),
    output_version=5,
)
