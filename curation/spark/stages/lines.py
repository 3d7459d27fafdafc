"""Repeated lines on Spark: hashes are counted, then every document is looked at again where it lies.

Only (hash, hash) pairs are shuffled. What is to go is small enough to be mapped by every worker.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from curation.accounting.manifest import join
from curation.dedup.lines import (
    NOBODY,
    Numbers,
    Table,
    hashed,
    line_hash,
    on_site,
    parts,
    write_table,
)
from curation.document import DOCUMENT
from curation.files.mapped import building, opened
from curation.recipe.sections.lines import Lines
from curation.spark.columns import with_columns, with_entries, with_values
from curation.spark.frames import Batches, map_batches
from curation.spark.scratch import Scratch
from curation.spark.stage import Stage, over_documents
from curation.spark.store import SCRATCH, TABLES
from curation.spark.tables import annotated, write_rows
from curation.text.address import site

REPEATED, BOILERPLATE = "repeated_lines.corpus", "repeated_lines.site"
FRACTION = "repeated_lines.removed_fraction"
_LINES = pa.schema(
    [
        pa.field("site", pa.int64()),  # NOBODY: of the whole corpus
        pa.field("line", pa.int64()),
        pa.field("rank", pa.int32()),
        pa.field("document", pa.int64()),
    ]
)
_SITES = pa.schema([pa.field("site", pa.int64())])


def write(
    spark: SparkSession, documents: DataFrame, settings: Lines, path: str, rate: float
) -> Mapping[str, Any]:
    """Write the rows without repeated lines; return the manifest's detail: how many lines were repeated."""
    scratch = Scratch(spark, join(path, SCRATCH, TABLES))
    counted = scratch.saved(_counted(documents, settings), "lines")
    repeated = scratch.collected(_repeated(counted, documents, settings), "taken_out")
    table, owners = join(path, SCRATCH, "lines"), repeated["owner"].to_numpy()
    with building(table) as folder:
        write_table(folder, repeated["line"].to_numpy(), owners)
    write_rows(_marked(documents, table, settings, rate), path)
    boilerplate = int(np.count_nonzero(owners == NOBODY))
    return {"lines": {"repeated": len(owners) - boilerplate, "boilerplate": boilerplate}}


def _counted(documents: DataFrame, settings: Lines) -> DataFrame:
    """Return every line with the number of documents that have it, and the first of these."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from _lines(batch, settings)

    lines = map_batches(documents.select("id", "source", "url", "text"), run, _LINES)
    first = F.min(F.struct("rank", "document"))["document"].alias("owner")
    return lines.groupBy("site", "line").agg(F.count("*").alias("documents"), first)


def _lines(batch: pa.RecordBatch, settings: Lines) -> Iterator[pa.RecordBatch]:
    """Yield _LINES: the different lines of each document, on its site and of the whole corpus."""
    least = settings.min_characters
    texts = [
        {line_hash(line, least) for line in parts(text or "", settings.unit)} - {None}
        for text in batch["text"].to_pylist()
    ]
    counts = [len(lines) for lines in texts]
    line = np.array([each for lines in texts for each in lines], np.int64)
    ranks = [settings.rank(source or "") for source in batch["source"].to_pylist()]
    each = {"documents": _hashed(batch["id"]), "sites": _sites(batch["url"], settings), "ranks": ranks}
    document, site, rank = (np.repeat(np.array(numbers, np.int64), counts) for numbers in each.values())
    if settings.min_documents is not None:
        yield _batch(np.full_like(line, NOBODY), line, rank, document)
    on = site != NOBODY
    yield _batch(site[on], on_site(line[on], site[on]), rank[on], document[on])


def _batch(*columns: Numbers) -> pa.RecordBatch:
    arrays = [pa.array(column, field.type) for column, field in zip(columns, _LINES, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=_LINES)


def _hashed(texts: pa.Array) -> list[int]:
    return [hashed(text) for text in texts.to_pylist()]


def _sites(urls: pa.Array, settings: Lines) -> list[int]:
    """Return the hash of each address's site, `NOBODY` where it has none or none are looked at."""
    if settings.site_fraction is None:
        return [NOBODY] * len(urls)
    return [hashed(where) if (where := site(url)) else NOBODY for url in urls.to_pylist()]


def _repeated(counted: DataFrame, documents: DataFrame, settings: Lines) -> DataFrame:
    """Return the lines to take out (line, owner): the owner keeps it, nobody a site's boilerplate."""
    least = settings.min_documents or 0  # without it, no line of the whole corpus was counted
    everywhere = counted.where((F.col("site") == NOBODY) & (F.col("documents") >= least))
    found = everywhere.select("line", "owner")
    if settings.site_fraction is None:
        return found

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            sites = pa.array(_sites(batch["url"], settings), pa.int64())
            yield pa.RecordBatch.from_arrays([sites.filter(pc.not_equal(sites, NOBODY))], schema=_SITES)

    pages = map_batches(documents.select("url"), run, _SITES).groupBy("site").agg(F.count("*").alias("pages"))
    pages = pages.where(F.col("pages") >= settings.site_pages)
    own = counted.where(F.col("site") != NOBODY).join(pages, "site")
    own = own.where(F.col("documents") >= F.col("pages") * F.lit(settings.site_fraction))
    return found.unionByName(own.select("line", F.lit(NOBODY).cast("long").alias("owner")))


@functools.lru_cache(maxsize=1)
def _opened(path: str) -> Table:
    return Table(opened(path))


def _marked(documents: DataFrame, table: str, settings: Lines, rate: float) -> DataFrame:
    """Return the documents as this stage received them, without the lines, settled."""

    def annotate(batch: pa.RecordBatch) -> pa.RecordBatch:
        from curation.spark.stages import lines

        return mark(batch, lines._opened(table), settings)

    return annotated(documents, annotate, rate)


def mark(batch: pa.RecordBatch, table: Table, settings: Lines) -> pa.RecordBatch:
    """Take the lines out of documents and write down how many characters went, for which of the two."""
    texts = [text or "" for text in batch["text"].to_pylist()]
    found = table.without(
        texts,
        _hashed(batch["id"]),
        _sites(batch["url"], settings),
        unit=settings.unit,
        min_characters=settings.min_characters,
        min_words_left=settings.min_words_left,
    )
    rows, removed = list(found), list(found.values())
    kinds = [((REPEATED, each.repeated), (BOILERPLATE, each.boilerplate)) for each in removed]
    edits = [[(name, count) for name, count in each if count] for each in kinds]
    fractions = [1 - len(each.text) / len(texts[row]) for row, each in found.items()]
    nothing: list[list[Any]] = [[]] * len(batch)
    changed = {
        "text": with_values(batch["text"], rows, [each.text for each in removed]),
        "blocks": with_values(batch["blocks"], rows, [None] * len(rows)),
        "characters_in": pa.array([len(text) for text in texts], pa.int64()),
        "characters": with_values(batch["characters"], rows, [len(each.text) for each in removed]),
        "edits": with_values(pa.array(nothing, DOCUMENT.field("edits").type), rows, edits),
        "measures": with_entries(batch["measures"], rows, [FRACTION] * len(rows), fractions),
        "reasons": pa.array(nothing, DOCUMENT.field("reasons").type),
    }
    return with_columns(batch, changed)


LINES = Stage(
    "lines",
    after=("extract",),
    section=lambda recipe: recipe.lines,
    write=over_documents(write),
    output_version=2,
)
