"""Repeated lines on Spark: hashes are counted, then every document is read again in its partition.

Only (hash, hash) pairs are shuffled. Every worker maps the table of the lines to remove, which is small.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from curation.accounting.manifest import join
from curation.dedup.lines import (
    NOBODY,
    Table,
    hashed,
    on_site,
    part_hashes,
    write_table,
)
from curation.files.mapped import building, opened
from curation.recipe.sections.lines import Lines
from curation.spark.columns import with_columns, with_entries, with_values
from curation.spark.frames import map_batches
from curation.spark.rows import Annotated, write_rows
from curation.spark.scratch import Scratch
from curation.spark.stage import Stage, over_documents
from curation.spark.store import SCRATCH
from curation.spark.tables import as_received
from curation.text.address import site

REPEATED, BOILERPLATE = "repeated_lines.corpus", "repeated_lines.site"
FRACTION = "repeated_lines.removed_fraction"
#: A line of a document. The site is NOBODY where the line is counted over the whole corpus.
_LINES = pa.schema(
    [("site", pa.int64()), ("line", pa.int64()), ("rank", pa.int32()), ("document", pa.int64())]
)
_SITES = pa.schema([("site", pa.int64())])


def write(
    documents: DataFrame, settings: Lines, scratch: Scratch, path: str, rate: float
) -> Mapping[str, Any]:
    """Write the rows without repeated lines; return the manifest's detail: how many lines were repeated."""
    counted = scratch.saved(_counted(documents, settings), "lines")
    repeated = scratch.collected(_repeated(counted, documents, settings), "removed")
    table, owners = join(path, SCRATCH, "lines"), repeated["owner"].to_numpy()
    with building(table) as folder:
        write_table(folder, repeated["line"].to_numpy(), owners)
    write_rows(_marked(documents, table, settings, rate), path, "lines")
    boilerplate = int(np.count_nonzero(owners == NOBODY))
    return {"lines": {"repeated": len(owners) - boilerplate, "boilerplate": boilerplate}}


def _counted(documents: DataFrame, settings: Lines) -> DataFrame:
    """Return every line with the number of documents that have it, and the first of these."""
    documents = documents.select("id", "source", "url", "text")
    lines = map_batches(documents, lambda batch: _lines(batch, settings), _LINES)
    first = F.min(F.struct("rank", "document"))["document"].alias("owner")
    return lines.groupBy("site", "line").agg(F.count("*").alias("documents"), first)


def _lines(batch: pa.RecordBatch, settings: Lines) -> pa.RecordBatch:
    """Return _LINES: the different lines of each document, in the whole corpus and on its site."""
    least = settings.min_characters
    texts = [
        set(part_hashes(text or "", settings.unit, least)) - {None} for text in batch["text"].to_pylist()
    ]
    line = np.array([line for lines in texts for line in lines], np.int64)
    ranks = [settings.rank(source or "") for source in batch["source"].to_pylist()]
    columns = [_sites(batch["url"], settings), ranks, _hashed(batch["id"])]
    counts = [len(lines) for lines in texts]
    site, rank, document = (np.repeat(np.array(column, np.int64), counts) for column in columns)
    on = site != NOBODY
    sited = [site[on], on_site(line[on], site[on]), rank[on], document[on]]
    if settings.min_documents is not None:
        everywhere = [np.full_like(line, NOBODY), line, rank, document]
        sited = [np.concatenate(pair) for pair in zip(everywhere, sited, strict=True)]
    arrays = [pa.array(column, field.type) for column, field in zip(sited, _LINES, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=_LINES)


def _hashed(texts: pa.Array) -> list[int]:
    return [hashed(text) for text in texts.to_pylist()]


def _sites(urls: pa.Array, settings: Lines) -> list[int]:
    """Return the hash of each address's site, `NOBODY` where it has none or none are looked at."""
    if settings.site_fraction is None:
        return [NOBODY] * len(urls)
    return [hashed(name) if (name := site(url)) else NOBODY for url in urls.to_pylist()]


def _repeated(counted: DataFrame, documents: DataFrame, settings: Lines) -> DataFrame:
    """Return the lines to remove (line, owner): the owner keeps it; nobody keeps a site's boilerplate."""
    least = settings.min_documents or 0  # without it, no line of the whole corpus was counted
    everywhere = counted.where((F.col("site") == NOBODY) & (F.col("documents") >= least))
    repeated = everywhere.select("line", "owner")
    if settings.site_fraction is None:
        return repeated

    def sites(batch: pa.RecordBatch) -> pa.RecordBatch:
        column = pa.array(_sites(batch["url"], settings), pa.int64())
        return pa.RecordBatch.from_arrays([column.filter(pc.not_equal(column, NOBODY))], schema=_SITES)

    by_site = map_batches(documents.select("url"), sites, _SITES).groupBy("site")
    pages = by_site.agg(F.count("*").alias("pages")).where(F.col("pages") >= settings.site_pages)
    own = counted.where(F.col("site") != NOBODY).join(pages, "site")
    own = own.where(F.col("documents") >= F.col("pages") * F.lit(settings.site_fraction))
    return repeated.unionByName(own.select("line", F.lit(NOBODY).cast("long").alias("owner")))


@functools.lru_cache(maxsize=1)
def _opened(path: str) -> Table:
    return Table(opened(path))


def _marked(documents: DataFrame, table: str, settings: Lines, rate: float) -> Annotated:
    """Return the documents as this stage received them, without the lines, settled."""
    return Annotated(as_received(documents), lambda batch: mark(batch, _opened(table), settings), rate)


def mark(batch: pa.RecordBatch, table: Table, settings: Lines) -> pa.RecordBatch:
    """Remove the lines from documents; `edits` says how many characters of each kind were removed."""
    texts = [text or "" for text in batch["text"].to_pylist()]
    removed = table.without(
        texts,
        _hashed(batch["id"]),
        _sites(batch["url"], settings),
        unit=settings.unit,
        min_characters=settings.min_characters,
        min_words_left=settings.min_words_left,
    )
    rows, left = list(removed), [result.text for result in removed.values()]
    kinds = [((REPEATED, result.repeated), (BOILERPLATE, result.boilerplate)) for result in removed.values()]
    edits = [[(name, count) for name, count in counts if count] for counts in kinds]
    fractions = [1 - len(text) / len(texts[row]) for row, text in zip(rows, left, strict=True)]
    changed = {
        "text": with_values(batch["text"], rows, left),
        "blocks": with_values(batch["blocks"], rows, [None] * len(rows)),
        "characters": with_values(batch["characters"], rows, [len(text) for text in left]),
        "edits": with_values(batch["edits"], rows, edits),
        "measures": with_entries(batch["measures"], rows, [FRACTION] * len(rows), fractions),
    }
    return with_columns(batch, changed)


LINES = Stage(
    "lines",
    after=("extract",),
    section=lambda recipe: recipe.lines,
    write=over_documents(write),
    output_version=5,
)
