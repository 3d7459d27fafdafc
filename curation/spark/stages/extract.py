"""Extract: pages to documents, one guarded child process to each Python worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from curation.extract.guard import Guard
from curation.extract.settings import EngineConfig, Extract
from curation.extract.stage import extract_batch
from curation.files.digests import digest_file
from curation.pages.lacking import lacking_files
from curation.recipe.recipe import Recipe
from curation.spark.losses import complete
from curation.spark.rows import Annotated, write_rows
from curation.spark.sources import read_pages
from curation.spark.stage import Context, Stage, settling
from curation.spark.store import InputError, check_unchanged, find_files
from curation.text.markdown import Form

#: The guard of this Python worker: Spark reuses workers, and a child takes longer to start than a page.
_GUARDS: dict[Extract, Guard] = {}


def _guard(settings: Extract) -> Guard:
    """Return this worker's guard; one made for other settings is closed first."""
    if settings not in _GUARDS:
        for other in list(_GUARDS):
            _GUARDS.pop(other).close()
        _GUARDS[settings] = Guard(settings)
    return _GUARDS[settings]


def extract(
    pages: DataFrame, settings: Extract, dropped_text_rate: float, forms: Mapping[str, Form]
) -> Annotated:
    """Return one settled row for every page; `forms` names the form of a source's own texts."""

    def documents(batch: pa.RecordBatch) -> pa.RecordBatch:
        return extract_batch(batch, _guard(settings), max_page_mib=settings.max_page_mib, forms=forms)

    return Annotated(pages, documents, dropped_text_rate)


def _config(recipe: Recipe) -> dict[str, Any]:
    """Return what decides the output: not the budget, which decides whether a run goes on."""
    inputs = {name: replace(source, path=(), snapshot=None) for name, source in recipe.inputs.items()}
    # A model of one's own is known by its digest, wherever it lies.
    engine = recipe.extract.engine if isinstance(recipe.extract.engine, str) else EngineConfig(blocks="")
    settings = replace(recipe.extract, failure_budget=0.0, engine=engine)
    return settling(recipe, extract=settings, inputs=inputs)


def _resources(context: Context) -> dict[str, str]:
    """Return the digest of the model that the engine reads, if it reads one."""
    model = context.recipe.extract.model
    return {"blocks": digest_file(model)} if model else {}


def _inputs(context: Context) -> dict[str, Any]:
    return {name: find_files(name, source.paths) for name, source in context.recipe.inputs.items()}


def _write(spark: SparkSession, context: Context, path: str) -> None:
    recipe = context.recipe
    for name, source in recipe.inputs.items():
        sized = [(file.url, file.size_bytes) for file in context.inputs[name]]
        for lacking in lacking_files(sized, source.format, source):
            if lacking.everywhere:
                raise InputError(f"inputs.{name}: {lacking}")
    pages = read_pages(spark, recipe.inputs, context.inputs, context.split_bytes)
    forms = {name: source.form or "plain" for name, source in recipe.inputs.items()}
    write_rows(extract(pages, recipe.extract, recipe.dropped_text_rate, forms), path, "extract")
    for name, source in recipe.inputs.items():
        check_unchanged(name, source.paths, context.inputs[name])


EXTRACT = Stage(
    "extract",
    after=(),
    section=lambda recipe: recipe.extract,
    write=_write,
    output_version=16,
    libraries=(
        *("trafilatura", "justext", "htmldate", "courlan", "lxml_html_clean"),  # and what it calls
        *("resiliparse", "lxml", "pycld2", "faust-cchardet", "regex", "numpy"),
    ),
    config=_config,
    inputs=_inputs,
    resources=_resources,
    losses=complete,
)
