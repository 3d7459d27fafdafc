"""At most so many documents of a site, chosen by a hash of their ids.

Only (id, site, hash) are sorted, site by site; texts are joined with what goes. Nothing depends on how the
documents are parted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from curation.accounting.manifest import join
from curation.accounting.sample import position
from curation.document import DOCUMENT
from curation.recipe.sections.sites import Sites
from curation.spark.dedup.near import KEY
from curation.spark.frames import Batches, map_batches
from curation.spark.scratch import Scratch
from curation.spark.stage import Stage, over_documents
from curation.spark.store import SCRATCH, TABLES
from curation.spark.tables import as_received, settled, write_rows
from curation.text.address import site

REASON = "sites.at_most"
_SALT = "sites"
_PLACES = pa.schema(
    [*[DOCUMENT.field(name) for name in KEY], pa.field("site", pa.string()), pa.field("hash", pa.float64())]
)


def write(
    spark: SparkSession, documents: DataFrame, settings: Sites, path: str, dropped_text_rate: float
) -> Mapping[str, Any]:
    """Write the rows; return the manifest's detail: how many sites had more than their number."""
    scratch = Scratch(spark, join(path, SCRATCH, TABLES))
    order = Window.partitionBy("site").orderBy("hash", *KEY)
    placed = _places(documents, settings).withColumn("place", F.row_number().over(order))
    gone = scratch.saved(placed.where(F.col("place") > settings.at_most).drop("hash"), "gone")
    write_rows(settled(_marked(documents, gone, settings), dropped_text_rate), path)
    return {"sites_over": gone.select("site").distinct().count()}


def _places(documents: DataFrame, settings: Sites) -> DataFrame:
    """Return the documents that have a site, with the hash that says which stay."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            sites = [site(url, settings.domains) for url in batch["url"].to_pylist()]
            hashes = [position(each, _SALT) for each in batch["id"].to_pylist()]
            columns = {name: batch[name] for name in KEY}
            rows = pa.RecordBatch.from_pydict({**columns, "site": sites, "hash": hashes}, schema=_PLACES)
            yield rows.filter(pa.array([bool(each) for each in sites], pa.bool_()))

    return map_batches(documents.select(*KEY, "url"), run, _PLACES)


def _marked(documents: DataFrame, gone: DataFrame, settings: Sites) -> DataFrame:
    """Return the documents as this stage received them, those that go with their place among their site's."""
    reasons = documents.schema["reasons"].dataType
    reason = F.struct(
        F.lit(REASON).alias("name"),
        F.lit("dropped").alias("state"),
        F.col("place").cast("double").alias("value"),
        F.lit(None).cast("double").alias("min"),
        F.lit(float(settings.at_most)).alias("max"),
        F.col("gone_site").alias("detail"),
    )
    over = F.when(F.col("place").isNotNull(), F.array(reason)).otherwise(F.array()).cast(reasons)
    known = gone.withColumnRenamed("site", "gone_site")
    joined = as_received(documents).join(known, list(KEY), "left").withColumn("reasons", over)
    return joined.select(*DOCUMENT.names)


SITES = Stage(
    "sites",
    after=("dedup",),
    section=lambda recipe: recipe.sites,
    write=over_documents(write),
    output_version=2,
)
