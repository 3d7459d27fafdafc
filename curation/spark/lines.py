"""Repeated lines on Spark: hashes are counted, then every document is looked at again where it lies.

Only (hash, hash) pairs are shuffled. What is to go is small enough to be mapped by every worker.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import xxhash
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from curation.accounting.manifest import join
from curation.dedup.lines import NOBODY, Table, hashed, line_hash, on_site, site, spans, write_table
from curation.document import DOCUMENT
from curation.recipe.lines import Lines
from curation.spark.frames import Batches, map_batches
from curation.spark.scratch import Scratch
from curation.spark.stages import settled, write_rows
from curation.spark.store import SCRATCH, TABLES, url_to_fs

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
    counted = scratch.saved(_counted(documents, settings), "counted")
    repeated = scratch.saved(_repeated(counted, documents, settings), "repeated")
    table = _table(repeated, join(path, SCRATCH, "lines"))
    write_rows(settled(_marked(documents, table, settings), rate), path)
    counts = repeated.agg(
        F.count_if(F.col("owner") != NOBODY).alias("repeated"),
        F.count_if(F.col("owner") == NOBODY).alias("boilerplate"),
    ).first()
    return {"lines": counts.asDict() if counts else {}}


def _counted(documents: DataFrame, settings: Lines) -> DataFrame:
    """Return every line with the number of documents that have it, and the first of these."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows = [line for row in batch.to_pylist() for line in _lines(row, settings)]
            columns = zip(*rows, strict=True) if rows else [()] * len(_LINES)
            arrays = [pa.array(each, field.type) for each, field in zip(columns, _LINES, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=_LINES)

    lines = map_batches(documents.select("id", "source", "url", "text"), run, _LINES)
    first = F.min(F.struct("rank", "document"))["document"].alias("owner")
    return lines.groupBy("site", "line").agg(F.count("*").alias("documents"), first)


def _lines(row: Mapping[str, Any], settings: Lines) -> Iterator[tuple[int, int, int, int]]:
    """Yield (site, line, rank of the source, document) of each different line of a document."""
    text = row["text"] or ""
    found = {line_hash(text[start:end], settings.min_characters) for start, end in spans(text, settings.unit)}
    document, rank = hashed(row["id"]), settings.rank(row["source"] or "")
    where = site(row["url"]) if settings.site_fraction is not None else ""
    for line in found - {None}:
        assert line is not None
        if settings.min_documents is not None:
            yield NOBODY, line, rank, document
        if where:
            yield hashed(where), on_site(line, where), rank, document


def _repeated(counted: DataFrame, documents: DataFrame, settings: Lines) -> DataFrame:
    """Return the lines to take out (line, owner): the owner keeps it, nobody a site's boilerplate."""
    least = settings.min_documents or 0  # without it, no line of the whole corpus was counted
    everywhere = counted.where((F.col("site") == NOBODY) & (F.col("documents") >= least))
    found = everywhere.select("line", "owner")
    if settings.site_fraction is None:
        return found

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            hosts = [site(url) for url in batch["url"].to_pylist()]
            yield pa.RecordBatch.from_pydict(
                {"site": [hashed(host) for host in hosts if host]}, schema=_SITES
            )

    pages = map_batches(documents.select("url"), run, _SITES).groupBy("site").agg(F.count("*").alias("pages"))
    pages = pages.where(F.col("pages") >= settings.site_pages)
    own = counted.where(F.col("site") != NOBODY).join(pages, "site")
    own = own.where(F.col("documents") >= F.col("pages") * F.lit(settings.site_fraction))
    return found.unionByName(own.select("line", F.lit(NOBODY).cast("long").alias("owner")))


def _table(repeated: DataFrame, path: str) -> str:
    """Write the lines to take out where every worker finds them; return where."""
    found = repeated.toArrow()
    with tempfile.TemporaryDirectory() as folder:
        write_table(folder, found["line"].to_numpy(), found["owner"].to_numpy())
        filesystem, name = url_to_fs(path)
        filesystem.makedirs(name, exist_ok=True)
        for each in sorted(Path(folder).iterdir()):
            filesystem.put_file(str(each), join(name, each.name))
    return path


@functools.lru_cache(maxsize=1)
def _opened(path: str) -> Table:
    """Return the table at a path; one elsewhere is copied once a worker."""
    if "://" not in path:
        return Table(path)
    folder = Path(tempfile.mkdtemp(prefix=f"curation-lines-{xxhash.xxh3_64_hexdigest(path.encode())}-"))
    filesystem, name = url_to_fs(path)
    for each in filesystem.ls(name, detail=False):
        filesystem.get_file(each, str(folder / each.rpartition("/")[2]))
    return Table(folder)


def _marked(documents: DataFrame, table: str, settings: Lines) -> DataFrame:
    """Return the documents as this stage received them, without the lines."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        from curation.spark import lines  # by name: a pickled copy of the module would map it again

        opened = lines._opened(table)
        for batch in batches:
            rows = batch.to_pylist()
            for row in rows:
                mark(row, opened, settings)
            yield pa.RecordBatch.from_pylist(rows, schema=DOCUMENT)

    return map_batches(documents, run, DOCUMENT)


def mark(row: dict[str, Any], table: Table, settings: Lines) -> None:
    """Take the lines out of a document and write down how many characters went, for which of the two."""
    text = row["text"] or ""
    row |= {"characters_in": len(text), "edits": [], "reasons": []}
    found = table.without(
        text,
        hashed(row["id"]),
        site(row["url"]) if settings.site_fraction is not None else "",
        unit=settings.unit,
        least=settings.min_characters,
        min_words_left=settings.min_words_left,
    )
    if found.text == text:
        return
    counts = ((REPEATED, found.repeated), (BOILERPLATE, found.boilerplate))
    row["edits"] = [(name, count) for name, count in counts if count]
    fraction = 1 - len(found.text) / len(text)
    row["measures"] = [*(row["measures"] or []), (FRACTION, fraction)]
    row |= {"text": found.text, "characters": len(found.text), "blocks": None}
