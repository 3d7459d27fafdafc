"""Filter: every document is edited, measured and judged by the passes of a recipe."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from curation.document import DOCUMENT
from curation.files.digests import digest_file
from curation.filters.judge import judge_batch
from curation.filters.rules import Pass
from curation.recipe.recipe import Recipe
from curation.recipe.sections.passes import files_of
from curation.recipe.sections.select import measured_only
from curation.spark.rows import Annotated, write_rows
from curation.spark.stage import Context, Stage, settling


def filter_documents(
    documents: DataFrame, passes: Sequence[Pass], measure_all: bool, dropped_text_rate: float
) -> Annotated:
    """Return every document edited, measured and judged by the passes."""
    judged = functools.partial(judge_batch, passes=passes, measure_all=measure_all)
    return Annotated(documents.select(*DOCUMENT.names), judged, dropped_text_rate)


def _config(recipe: Recipe) -> dict[str, Any]:
    passes = [measured_only(filter_pass) for filter_pass in recipe.filter]
    return settling(recipe, filter=passes, measure=recipe.measure)


def _resources(context: Context) -> dict[str, str]:
    """Return the models and lists that the passes read, with their digests."""
    paths = (path for filter_pass in context.recipe.filter for path in files_of(filter_pass))
    return {path: digest_file(path) for path in paths}


def _write(spark: SparkSession, context: Context, path: str) -> None:
    recipe, documents = context.recipe, context.documents(spark)
    rate = recipe.dropped_text_rate
    write_rows(filter_documents(documents, recipe.filter, recipe.measure == "all", rate), path, "filter")


FILTER = Stage(
    "filter",
    after=("extract",),
    section=lambda recipe: recipe.filter,
    write=_write,
    output_version=12,
    libraries=("icu4py", "regex", "idna", "ftfy", "pycld2", "fasttext-numpy2-wheel", "tokenizers"),
    config=_config,
    resources=_resources,
)
