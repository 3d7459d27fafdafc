"""Decisions on duplicates, as people and later stages read them."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from curation.document import DOCUMENT
from curation.recipe.sections.dedup import Dedup
from curation.spark.dedup.keys import NAME as KEYED
from curation.spark.dedup.near import KEY
from curation.spark.tables import as_received, one_reason

#: A measure of kept documents: how many documents the cluster has, the kept one included.
CLUSTER_SIZE = "dedup.cluster_size"
#: The reason of documents that `drop_all` takes with their duplicates.
DROP_ALL = "dedup.drop_all"
MEASURED = ("jaccard", "containment", "bands_shared")


def explained(documents: DataFrame, hashed: DataFrame, removed: DataFrame, settings: Dedup) -> DataFrame:
    """Join the decisions to the documents: a reason for removed ones, the cluster's size for kept ones.

    With `drop_all` those that stand for others have a reason too. A stage annotates and removes nothing.
    Texts take part in one join only, with one thin table.
    """
    near = settings.near
    contained = F.col("decision.reason") == "dedup.contained"
    value = F.when(contained, F.col("decision.containment")).otherwise(F.col("decision.jaccard"))
    bound = F.lit(near.jaccard if near else 1.0).cast("double")
    bound = F.when(contained, F.lit(near.containment if near else None)).otherwise(bound)
    bound = F.when(F.col("decision.reason") != KEYED, bound)
    reasons = one_reason(F.col("decision.reason"), "merged", value, bound, F.col("decision.detail"))
    joined = as_received(documents).join(_verdicts(hashed, removed), KEY, "left")
    merged = F.col("decision").isNotNull()
    size = F.create_map(F.lit(CLUSTER_SIZE), F.coalesce("cluster_size", F.lit(1)).cast("double"))
    measured = F.coalesce("measures", F.create_map().cast("map<string,double>"))
    changed = {
        "measures": F.when(merged, measured).otherwise(F.map_concat(measured, size)),
        "merged_into": F.col("decision.kept_id"),
        "reasons": F.when(merged, reasons).otherwise(F.col("reasons")),
    }
    if settings.drop_all:
        members = F.coalesce("cluster_size", F.lit(1))
        detail = F.concat(F.lit("it stands for others: "), (members - 1).cast("string"))
        whole = one_reason(F.lit(DROP_ALL), "dropped", members.cast("double"), F.lit(1.0), detail)
        changed["reasons"] = F.when(merged | (members == 1), changed["reasons"]).otherwise(whole)
    return joined.select(*[changed.get(name, F.col(name)).alias(name) for name in DOCUMENT.names])


def _verdicts(hashed: DataFrame, removed: DataFrame) -> DataFrame:
    """Return KEY with the decision on each removed document, and with the cluster size of each leader."""
    fields = ("kept_id", "jaccard", "containment", "reason", "detail")
    decided = removed.where("earlier is null").select(*KEY, F.struct(*fields).alias("decision"))
    by_leader = clusters(removed).where("kept_in is null").groupBy(F.col("kept_id").alias("id"))
    sizes = by_leader.agg(F.first("cluster_size").alias("cluster_size"))
    firsts = hashed.where("rank = 1 and earlier is null").select(*KEY)
    leading = firsts.join(sizes, "id").select(*KEY, "cluster_size")
    return decided.unionByName(leading, allowMissingColumns=True)


def clusters(removed: DataFrame) -> DataFrame:
    """Return the table that people read: one row for every removed document."""
    window = Window.partitionBy("kept_id", "kept_in")
    size = (F.count("*").over(window) + 1).cast("int").alias("cluster_size")
    return removed.select("id", "kept_id", *MEASURED, size, "reason", "kept_in", "earlier")
