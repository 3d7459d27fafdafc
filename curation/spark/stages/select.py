"""The best share of a corpus: exact cuts out of counts, then one pass over the documents.

Only numbers are counted, sixteen bits of the score at a time; no document is sorted or moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from curation.accounting.manifest import join
from curation.quality.selection import Cut, CutSearch, Selection, judge, key_value, sort_keys, target_weight
from curation.recipe.sections.select import selections
from curation.spark.columns import with_columns, with_entries, with_values
from curation.spark.frames import Batches, map_batches
from curation.spark.scratch import Scratch
from curation.spark.stage import Stage, over_documents
from curation.spark.store import SCRATCH, TABLES
from curation.spark.tables import annotated, as_received, write_rows

_KEYS = pa.schema(
    [
        pa.field("group", pa.string()),
        pa.field("measure", pa.string()),
        pa.field("key", pa.int64()),
        pa.field("weight", pa.int64()),
    ]
)
_FACTS = ("source", "language", "characters")
Judged = list[tuple[Selection, Cut]]
#: (group, measure) -> number.
Totals = dict[tuple[str, str], int]


def write(
    spark: SparkSession, documents: DataFrame, selections: Sequence[Selection], path: str, rate: float
) -> Mapping[str, Any]:
    """Write the rows; return the manifest's detail: of each selection and group the cut and what it keeps."""
    scratch = Scratch(spark, join(path, SCRATCH, TABLES))
    judged: Judged = []
    detail: dict[str, Any] = {}
    for selection in selections:
        cut, told = _cut(documents, selection, judged, scratch)
        judged.append((selection, cut))
        detail[selection.called] = told
    write_rows(_marked(documents, judged, rate), path)
    return {"selections": detail}


def _cut(
    documents: DataFrame, selection: Selection, before: Judged, scratch: Scratch
) -> tuple[Cut, dict[str, Any]]:
    """Return the cut of one selection over what those before it leave, and its account by group."""
    edges: dict[str, dict[str, list[float]]] = {}
    if selection.bins is not None:
        bins = selection.bins
        keys = scratch.saved(_keys(documents, selection, before, None), "measures")
        totals = _totals(keys)
        wanted = {
            place: [target_weight((bins - j) / bins, total) for j in range(1, bins)]
            for place, total in totals.items()
        }
        for (group, measure), found in _searched(keys, wanted).items():
            edges.setdefault(group, {})[measure] = [key_value(search.prefix) for search in found]
    keys = scratch.saved(_keys(documents, selection, before, edges), "scores")
    totals = _totals(keys)
    least: dict[str, float] = {}
    told: dict[str, Any] = {}
    if selection.top_fraction is not None:
        wanted = {place: [target_weight(selection.top_fraction, total)] for place, total in totals.items()}
        for (group, _), (search,) in _searched(keys, wanted).items():
            least[group] = key_value(search.prefix)
    else:
        assert selection.min is not None
        least = {group: selection.min for group, _ in totals}
    for (group, _), total in sorted(totals.items()):
        told[group.replace("\x1f", " ") or "all"] = {"min": least[group], "weight": total}
    return Cut(edges=edges, least=least), told


def _keys(
    documents: DataFrame,
    selection: Selection,
    before: Judged,
    edges: Mapping[str, Mapping[str, Sequence[float]]] | None,
) -> DataFrame:
    """Return what is counted: the measures one by one (no edges yet), or the score of each document."""
    wanted = _measures([*[each for each, _ in before], selection])

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            found: list[tuple[str, str, float, int]] = []
            for row in _rows(batch, wanted):
                if any(score < least for _, score, least in judge(row, before)):
                    continue
                measures = row["measures"]
                group, weight = selection.group(row), selection.weight(row, measures)
                if edges is None:
                    named = [(name, measures[name]) for name in selection.of if name in measures]
                else:
                    score = selection.score(measures, edges.get(group, {}))
                    named = [] if score is None else [("", score)]
                found += [(group, name, value, weight) for name, value in named if np.isfinite(value)]
            groups, names, values, weights = zip(*found, strict=True) if found else ((), (), (), ())
            keys = sort_keys(np.array(values, np.float64))
            columns = [pa.array(groups, pa.string()), pa.array(names, pa.string()), pa.array(keys)]
            yield pa.RecordBatch.from_arrays([*columns, pa.array(weights, pa.int64())], schema=_KEYS)

    return map_batches(documents.select(*_FACTS, *_columns(wanted)), run, _KEYS)


def _measures(selections: Sequence[Selection]) -> list[str]:
    """Return the measures that selections look at."""
    named = {name for each in selections for name in (*each.of, each.weigh)}
    return sorted(named - {"documents", "characters"})


def _columns(measures: Sequence[str]) -> list[Column]:
    """Return a column for each measure, so that the others stay where they are."""
    return [F.col("measures")[name].alias(f"measure_{i}") for i, name in enumerate(measures)]


def _rows(batch: pa.RecordBatch, measures: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield what a selection looks at in each document."""
    facts = [batch[name].to_pylist() for name in _FACTS]
    values = [batch[f"measure_{i}"].to_pylist() for i in range(len(measures))]
    for source, language, characters, *own in zip(*facts, *values, strict=True):
        there = {name: each for name, each in zip(measures, own, strict=True) if each is not None}
        yield {"source": source, "language": language, "characters": characters, "measures": there}


def _totals(keys: DataFrame) -> Totals:
    rows = keys.groupBy("group", "measure").agg(F.sum("weight").alias("weight")).collect()
    return {(row["group"], row["measure"]): int(row["weight"]) for row in rows}


def _searched(
    keys: DataFrame, wanted: Mapping[tuple[str, str], Sequence[int]]
) -> dict[tuple[str, str], list[CutSearch]]:
    """Return the finished searches of each group and measure."""
    found = {place: [CutSearch(each) for each in targets] for place, targets in wanted.items()}
    first = next((search for searches in found.values() for search in searches), None)
    while first is not None and first.shift >= 0:
        shift = first.shift
        active = {(*place, search.prefix) for place, searches in found.items() for search in searches}
        shifted = keys
        if first.level >= 0:
            prefixes = keys.sparkSession.createDataFrame(
                sorted(active), "group string, measure string, prefix long"
            )
            upper = F.shiftright("key", shift + 16).alias("prefix")
            shifted = keys.select("*", upper).join(F.broadcast(prefixes), ["group", "measure", "prefix"])
        digits = shifted.groupBy("group", "measure", F.shiftright("key", shift).alias("digit"))
        counts: dict[tuple[str, str, int], dict[int, int]] = {}
        for row in digits.agg(F.sum("weight").alias("weight")).collect():
            prefix = row["digit"] >> 16 if first.level >= 0 else 0
            place = (row["group"], row["measure"], prefix)
            counts.setdefault(place, {})[row["digit"]] = int(row["weight"])
        for (group, measure), searches in found.items():
            for search in searches:
                search.advance(counts.get((group, measure, search.prefix), {}))
    return found


def _marked(documents: DataFrame, judged: Judged, rate: float) -> DataFrame:
    """Return the documents as this stage received them, judged and settled."""
    wanted = _measures([each for each, _ in judged])

    def annotate(batch: pa.RecordBatch) -> pa.RecordBatch:
        return mark(batch, wanted, judged)

    return annotated(as_received(documents).select("*", *_columns(wanted)), annotate, rate)


def mark(batch: pa.RecordBatch, measures: Sequence[str], judged: Judged) -> pa.RecordBatch:
    """Give documents the measure of each selection that combines, and the reason of the one they fail."""
    added: list[tuple[int, str, float]] = []
    reasons: dict[int, list[dict[str, Any]]] = {}
    for place, row in enumerate(_rows(batch, measures)):
        for selection, score, least in judge(row, judged):
            if selection.bins is not None:
                added.append((place, selection.called, score))
            if score < least:
                reasons[place] = [_reason(selection, score, least)]
    places, names, scores = zip(*added, strict=True) if added else ((), (), ())
    changed = {
        "measures": with_entries(batch["measures"], places, names, scores),
        "reasons": with_values(batch["reasons"], list(reasons), list(reasons.values())),
    }
    return with_columns(batch, changed)


def _reason(selection: Selection, score: float, least: float) -> dict[str, Any]:
    detail = None
    if selection.top_fraction:
        among = f" of its {' and '.join(selection.per)}" if selection.per else ""
        detail = f"not among the best {selection.top_fraction:.4g} of {selection.weigh}{among}"
    reason = {"name": selection.called, "state": "dropped", "value": score, "min": least}
    return reason | {"max": None, "detail": detail}


SELECT = Stage(
    "select",
    after=("filter",),
    section=lambda recipe: selections(recipe.filter, recipe.select) or None,
    write=over_documents(write),
)
