"""Decontamination: documents that contain items of evaluation sets, with the item, its place and the text.

Every document is looked up once in an index that workers map into memory; the matches are thin rows. A
passage is common text if many documents contain it. The matches that count are joined with the documents.
Nothing depends on how the documents are partitioned.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from curation.accounting.manifest import join
from curation.contamination.index import write as write_index
from curation.contamination.search import Index, MatchCriteria, remove_spans
from curation.contamination.settings import Decontaminate
from curation.files.digests import digest_file
from curation.files.mapped import building, opened
from curation.recipe.recipe import Recipe
from curation.spark.columns import with_columns, with_values
from curation.spark.dedup.near import KEY, KEY_FIELDS
from curation.spark.frames import map_batches
from curation.spark.rows import Annotated, write_rows
from curation.spark.scratch import Scratch
from curation.spark.stage import Context, Stage, over_documents, settling
from curation.spark.store import SCRATCH, spark_url, url_to_fs
from curation.spark.tables import as_received

OVERLAP, ITEMS = "decontaminate.overlap", "decontaminate.item_count"
CUT = "decontaminate.cut"
#: The columns that `mark` writes.
_MARKED = "text", "characters", "edits", "measures", "reasons"
#: Characters of a matched text that are kept to be looked at, and that a reason quotes.
KEPT_CHARACTERS, QUOTED_CHARACTERS = 2000, 160

_MATCH = pa.schema(
    [
        *((name, pa.int64()) for name in ("item", "passage", "words", "found", "start", "end")),
        *(("overlap", pa.float64()), ("item_id", pa.string()), ("matched_text", pa.string())),
    ]
)
_MATCHES = pa.schema([*KEY_FIELDS, *_MATCH])


def write(
    documents: DataFrame, settings: Decontaminate, scratch: Scratch, path: str, dropped_text_rate: float
) -> Mapping[str, Any]:
    """Write rows, `matches/` (one row a match) and `items/` (one row an item); return the detail."""
    index, items = _index(settings, path)
    candidates = scratch.saved(_matches(documents, index, settings), "candidates")
    listed = scratch.spark.read.parquet(spark_url(items))
    matches = scratch.saved(_judged(candidates, listed, settings.common_documents), "matches")
    write_rows(_marked(documents, matches.where("taken"), settings, dropped_text_rate), path, "decontaminate")
    matches.drop("item", "file", "offset").write.parquet(spark_url(join(path, "matches")))
    report = scratch.saved(_report(listed, matches), "report")
    report.drop("item").write.parquet(spark_url(join(path, "items")))
    return {"sets": _sets(report, matches), "common_documents": settings.common_documents}


def _index(settings: Decontaminate, path: str) -> tuple[str, str]:
    """Build the index and the list of items below the output's scratch; return where both are."""
    index, items = join(path, SCRATCH, "index"), join(path, SCRATCH, "items.parquet")
    read = chain.from_iterable(file.items() for file in settings.files())
    with building(index) as folder:
        rows = write_index(read, folder, settings)
    filesystem, name = url_to_fs(items)
    with filesystem.open(name, "wb") as stream:
        pq.write_table(pa.Table.from_pylist(rows), stream)
    return index, items


@functools.lru_cache(maxsize=1)
def _opened(path: str, criteria: MatchCriteria) -> Index:
    return Index(opened(path), criteria)


def _matches(documents: DataFrame, path: str, criteria: MatchCriteria) -> DataFrame:
    """Return one row for every passage that a document contains."""

    def matches(batch: pa.RecordBatch) -> pa.RecordBatch:
        index, numbers, rows = _opened(path, criteria), [], []
        for number, text in enumerate(batch["text"].to_pylist()):
            for match in index.find(text or ""):
                matched = text[match.start : match.end][:KEPT_CHARACTERS]
                names = {"item_id": index.name(match.item), "matched_text": matched}
                rows.append(asdict(match) | {"overlap": match.overlap} | names)
                numbers.append(number)
        keys = batch.select(KEY).take(pa.array(numbers, pa.int64()))
        columns = pa.RecordBatch.from_pylist(rows, schema=_MATCH).columns
        return pa.RecordBatch.from_arrays([*keys.columns, *columns], schema=_MATCHES)

    return map_batches(documents.select(*KEY, "text"), matches, _MATCHES)


def _judged(candidates: DataFrame, items: DataFrame, common_documents: int) -> DataFrame:
    """Return the matches with their set, the number of documents with the passage, and whether they count.

    A common passage counts only beside another one of the same item in the same document.
    """
    held = (
        candidates.select("passage", *KEY).distinct().groupBy("passage").agg(F.count("*").alias("documents"))
    )
    common = F.col("documents") > common_documents
    beside = F.size(F.collect_set("passage").over(Window.partitionBy(*KEY, "item"))) > 1
    named = items.select("item", "set", "place")
    joined = candidates.join(held, "passage").join(named, "item")
    return joined.withColumns({"common": common, "taken": ~common | beside})


def _marked(
    documents: DataFrame, taken: DataFrame, settings: Decontaminate, dropped_text_rate: float
) -> Annotated:
    """Return the documents as this stage received them, settled; those with matches are annotated."""
    names = ["set", "item_id", "place", "passage", "words", "found", "overlap", "start", "end"]
    hit = F.struct(*names, "matched_text")
    hits = taken.groupBy(*KEY).agg(F.sort_array(F.collect_list(hit)).alias("hits"))
    joined = as_received(documents).join(hits, [*KEY], "left")
    return Annotated(joined, lambda batch: marked(batch, settings), dropped_text_rate)


def marked(batch: pa.RecordBatch, settings: Decontaminate) -> pa.RecordBatch:
    """Return documents, with the `hits` of each or null, annotated."""
    held = pc.is_valid(batch["hits"])
    rows = batch.filter(held).to_pylist()
    for row in rows:
        mark(row, row.pop("hits"), settings)
    numbers = np.flatnonzero(held.to_numpy(zero_copy_only=False)).tolist()
    changed = {name: with_values(batch[name], numbers, [row[name] for row in rows]) for name in _MARKED}
    return with_columns(batch, changed)


def mark(row: dict[str, Any], hits: Sequence[Mapping[str, Any]], settings: Decontaminate) -> None:
    """Annotate a document that holds items: measures, and by the action a reason for each set, or a cut."""
    items = {(hit["set"], hit["item_id"]) for hit in hits}
    overlap = max(hit["overlap"] for hit in hits)
    row["measures"] = [*(row["measures"] or []), (OVERLAP, overlap), (ITEMS, float(len(items)))]
    if settings.action == "annotate":
        return
    if settings.action == "cut":
        spans = [(hit["start"], hit["end"]) for hit in hits]
        pieces = remove_spans(row["text"], spans, settings.margin_characters, settings.min_piece_characters)
        if 0 < len(pieces) <= settings.max_pieces:
            text = "\n\n".join(pieces)
            row["edits"] = [(CUT, len(row["text"]) - len(text))]
            row |= {"text": text, "characters": len(text)}
            return
    row["reasons"] = [_reason(name, hits) for name in sorted({hit["set"] for hit in hits})]


def _reason(name: str, hits: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the reason of one set: the best match, quoted, and how many items there are."""
    own = [hit for hit in hits if hit["set"] == name]
    best = min(own, key=lambda hit: (-hit["overlap"], -hit["words"], hit["item_id"], hit["start"]))
    more = len({hit["item_id"] for hit in own}) - 1
    quoted = " ".join(best["matched_text"].split())
    quoted = quoted if len(quoted) <= QUOTED_CHARACTERS else quoted[:QUOTED_CHARACTERS] + "…"
    also = f", and {more:,} more items" if more else ""
    share = f"{best['found']} of {best['words']} words"
    detail = f"item {best['item_id']} ({best['place']}): {share}{also}: “{quoted}”"
    reason = {"name": f"decontaminate.{name}", "state": "dropped", "value": best["overlap"]}
    return reason | {"min": None, "max": None, "detail": detail}


def _report(items: DataFrame, matches: DataFrame) -> DataFrame:
    """Return one row for every item: how it was looked for, and in how many documents it was found."""
    document = F.struct(*KEY)
    counts = matches.groupBy("item").agg(
        F.count_distinct(F.when(F.col("taken"), document)).alias("documents"),
        F.count_distinct(F.when(~F.col("taken"), document)).alias("common_documents"),
        F.max("overlap").alias("overlap"),
    )
    joined = items.join(counts, "item", "left")
    return joined.fillna(0, ["documents", "common_documents"])


def _sets(report: DataFrame, matches: DataFrame) -> dict[str, dict[str, int]]:
    """Return set -> counts of its items and of the documents that hold them."""
    held = matches.where("taken").groupBy("set").agg(F.count_distinct(*KEY).alias("documents"))
    counts = report.groupBy("set").agg(
        F.count("*").alias("items"),
        F.count_if(F.col("searchable")).alias("items_looked_for"),
        F.count_if(F.col("documents") > 0).alias("items_found"),
        F.count_if((F.col("common_documents") > 0) & (F.col("documents") == 0)).alias("items_common"),
    )
    rows = counts.join(held, "set", "left").fillna(0).orderBy("set").collect()
    return {row["set"]: {name: int(row[name]) for name in row.asDict() if name != "set"} for row in rows}


def _config(recipe: Recipe) -> dict[str, Any]:
    """Return what decides the output: of the evaluation files the sets' names; their bytes are resources."""
    settings = recipe.decontaminate
    assert settings is not None
    sets = sorted({file.set for file in settings.files()})
    return settling(recipe, decontaminate=replace(settings, against=()), sets=sets)


def _resources(context: Context) -> dict[str, str]:
    """Return every evaluation file by set, number, name and fields, with its digest."""
    digests = {}
    for number, file in enumerate(context.settings.files()):
        read = f"fields {', '.join(file.fields)}, id {file.id or 'line'}"
        digests[f"{file.set} {number} {file.path.rpartition('/')[2]}, {read}"] = digest_file(file.path)
    return digests


DECONTAMINATE = Stage(
    "decontaminate",
    after=("dedup",),
    section=lambda recipe: recipe.decontaminate,
    write=over_documents(write),
    output_version=3,
    libraries=("regex",),
    config=_config,
    resources=_resources,
)
