"""The best share of a corpus: exact cuts from counts, then one pass over the documents.

Only numbers are counted, sixteen bits of the score at a time; no document is sorted or moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from curation.quality.selection import Cut, CutSearch, Selection, judge, key_value, sort_keys, target_weight
from curation.recipe.sections.select import selections
from curation.spark.columns import with_columns, with_entries, with_values
from curation.spark.frames import map_batches
from curation.spark.rows import Annotated, write_rows
from curation.spark.scratch import Scratch
from curation.spark.stage import Stage, over_documents
from curation.spark.tables import as_received

_KEYS = pa.schema(
    [("group", pa.string()), ("measure", pa.string()), ("key", pa.int64()), ("weight", pa.int64())]
)
_FACTS = ("source", "language", "characters")
Judged = list[tuple[Selection, Cut]]
#: (group, measure) -> number.
Totals = dict[tuple[str, str], int]


def write(
    documents: DataFrame, selections: Sequence[Selection], scratch: Scratch, path: str, rate: float
) -> Mapping[str, Any]:
    """Write the rows; return the manifest's detail: of each selection and group the cut and what it keeps."""
    judged: Judged = []
    detail: dict[str, Any] = {}
    for selection in selections:
        cut, detail[selection.called] = _cut(documents, selection, judged, scratch)
        judged.append((selection, cut))
    write_rows(_marked(documents, judged, rate), path, "select")
    return {"selections": detail}


def _cut(
    documents: DataFrame, selection: Selection, before: Judged, scratch: Scratch
) -> tuple[Cut, dict[str, Any]]:
    """Return the cut of one selection over what those before it leave, and its account by group."""
    edges: dict[str, dict[str, list[float]]] = {}
    if selection.bins is not None:
        keys = scratch.saved(_keys(documents, selection, before, None), "measures")
        shares = [(selection.bins - j) / selection.bins for j in range(1, selection.bins)]
        for (group, measure), values in _cuts(keys, shares, _totals(keys)).items():
            edges.setdefault(group, {})[measure] = values
    keys = scratch.saved(_keys(documents, selection, before, edges), "scores")
    totals = _totals(keys)
    if selection.top_fraction is not None:
        cuts = _cuts(keys, [selection.top_fraction], totals)
        least = {group: value for (group, _), (value,) in cuts.items()}
    else:
        assert selection.min is not None
        least = {group: selection.min for group, _ in totals}
    account = {
        group.replace("\x1f", " ") or "all": {"min": least[group], "weight": total}
        for (group, _), total in sorted(totals.items())
    }
    return Cut(edges=edges, least=least), account


def _keys(
    documents: DataFrame,
    selection: Selection,
    before: Judged,
    edges: Mapping[str, Mapping[str, Sequence[float]]] | None,
) -> DataFrame:
    """Return what is counted: the measures one by one (no edges yet), or the score of each document."""
    names = _measures([*(earlier for earlier, _ in before), selection])

    def keyed(batch: pa.RecordBatch) -> pa.RecordBatch:
        rows: list[tuple[str, str, float, int]] = []
        for row in _rows(batch, names):
            if any(score < least for _, score, least in judge(row, before)):
                continue
            measures = row["measures"]
            group, weight = selection.group(row), selection.weight(row, measures)
            if edges is None:
                values = [(name, measures[name]) for name in selection.of if name in measures]
            else:
                score = selection.score(measures, edges.get(group, {}))
                values = [] if score is None else [("", score)]
            rows += [(group, name, value, weight) for name, value in values if np.isfinite(value)]
        groups, measured, numbers, weights = zip(*rows, strict=True) if rows else ((), (), (), ())
        columns = (groups, measured, sort_keys(np.array(numbers, np.float64)), weights)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, _KEYS, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=_KEYS)

    return map_batches(documents.select(*_FACTS, *_columns(names)), keyed, _KEYS)


def _measures(selections: Sequence[Selection]) -> list[str]:
    """Return the measures that selections use."""
    names = {name for selection in selections for name in (*selection.of, selection.weigh)}
    return sorted(names - {"documents", "characters"})


def _columns(measures: Sequence[str]) -> list[Column]:
    """Return a column for each measure, so that the others stay where they are."""
    return [F.col("measures")[name].alias(f"measure_{i}") for i, name in enumerate(measures)]


def _rows(batch: pa.RecordBatch, measures: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield what a selection uses of each document."""
    facts = [batch[name].to_pylist() for name in _FACTS]
    values = [batch[f"measure_{i}"].to_pylist() for i in range(len(measures))]
    for source, language, characters, *own in zip(*facts, *values, strict=True):
        measured = {name: value for name, value in zip(measures, own, strict=True) if value is not None}
        measured["characters"] = float(characters)
        yield {"source": source, "language": language, "characters": characters, "measures": measured}


def _totals(keys: DataFrame) -> Totals:
    rows = keys.groupBy("group", "measure").agg(F.sum("weight").alias("weight")).collect()
    return {(row["group"], row["measure"]): int(row["weight"]) for row in rows}


def _cuts(keys: DataFrame, shares: Sequence[float], totals: Totals) -> dict[tuple[str, str], list[float]]:
    """Return, for each group and measure, the values above which these shares of the total weight lie."""
    searches = {
        name: [CutSearch(target_weight(share, total)) for share in shares] for name, total in totals.items()
    }
    first = next((search for group in searches.values() for search in group), None)
    while first is not None and first.shift >= 0:
        shift = first.shift
        active = {(*name, search.prefix) for name, group in searches.items() for search in group}
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
            prefixed = (row["group"], row["measure"], prefix)
            counts.setdefault(prefixed, {})[row["digit"]] = int(row["weight"])
        for (name, measure), group in searches.items():
            for search in group:
                search.advance(counts.get((name, measure, search.prefix), {}))
    return {name: [key_value(search.prefix) for search in group] for name, group in searches.items()}


def _marked(documents: DataFrame, judged: Judged, rate: float) -> Annotated:
    """Return the documents as this stage received them, judged and settled."""
    names = _measures([selection for selection, _ in judged])
    received = as_received(documents).select("*", *_columns(names))
    return Annotated(received, lambda batch: mark(batch, names, judged), rate)


def mark(batch: pa.RecordBatch, measures: Sequence[str], judged: Judged) -> pa.RecordBatch:
    """Add the score of each selection that combines measures, and the reason of the one a document fails."""
    added: list[tuple[int, str, float]] = []
    reasons: dict[int, list[dict[str, Any]]] = {}
    for number, row in enumerate(_rows(batch, measures)):
        for selection, score, least in judge(row, judged):
            if selection.bins is not None:
                added.append((number, selection.called, score))
            if score < least:
                reasons[number] = [_reason(selection, score, least)]
    rows, names, scores = zip(*added, strict=True) if added else ((), (), ())
    changed = {
        "measures": with_entries(batch["measures"], rows, names, scores),
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
