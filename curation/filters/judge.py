"""Judging: every document of a batch goes through the passes; what was measured and broken is written down.

Rows are annotated, never removed, never reordered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from curation.document import DOCUMENT
from curation.filters.registry import EDITS, Masked
from curation.filters.rules import Pass, Rule, broken
from curation.text.text import Text

Reason = dict[str, object]
#: What begins the names of measures that count replaced stretches, and of labels in `metadata`.
SPANS, LABEL = "spans.", "label."


@dataclass(slots=True)
class Verdict:
    """What the passes made of one text.

    Attributes:
        text: as it is now.
        edits: "pass.edit" -> characters that it took.
        spans: "pass.kind" -> stretches of the text that edits replaced, of each kind.
        measures: "pass.rule" -> value.
        labels: what the passes call it, and its `language`.
        reasons: the rules it broke.
    """

    text: str
    edits: dict[str, int] = field(default_factory=dict)
    spans: dict[str, int] = field(default_factory=dict)
    measures: dict[str, float] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)


def judge_text(
    raw: str,
    source: str,
    passes: Sequence[Pass],
    *,
    measure_all: bool,
    url: str = "",
    language: str = "un",
) -> Verdict:
    """Return the verdict on one text.

    A pass after one that found a broken rule is not run, unless `measure_all`; within a pass every rule is
    measured. Signals see the text as the edits before them left it, and what it was before the last pass
    that has edits. Labels are known to the passes after the one that gives them.
    """
    verdict, text = Verdict(raw, labels={"language": language}), Text(raw, url=url)
    for each in passes:
        if not each.concerns(source, verdict.labels):
            continue
        if verdict.reasons and not measure_all:
            break
        edited = _edited(verdict, each)
        if edited != text.raw or (each.edits and text.before is not None):
            text = text.edited(edited)
        spoken = verdict.labels["language"]
        for label in each.labels:
            verdict.labels[label.name] = label.of(text)
        for rule in each.rules_for(spoken):
            verdict.measures[f"{each.name}.{rule.name}"] = _measured(rule, text)
        verdict.reasons.extend(_reason(each, *found) for found in broken(verdict.measures, each, spoken))
    return verdict


def _edited(verdict: Verdict, each: Pass) -> str:
    """Run the edits of a pass on the verdict's text and count what each took."""
    for edit in each.edits:
        before = len(verdict.text)
        made = EDITS[edit.name](verdict.text, **edit.options)
        verdict.text, spans = (made.text, made.spans) if isinstance(made, Masked) else (made, {})
        name = f"{each.name}.{edit.name}"
        verdict.edits[name] = verdict.edits.get(name, 0) + before - len(verdict.text)
        for kind, count in spans.items():
            verdict.spans[f"{each.name}.{kind}"] = verdict.spans.get(f"{each.name}.{kind}", 0) + count
    return verdict.text


def _measured(rule: Rule, text: Text) -> float:
    try:
        return rule.measure(text)
    except Exception as error:
        error.add_note(f"while measuring rule '{rule.name}' (signal {rule.signal})")
        raise


def _reason(each: Pass, rule: Rule, value: float) -> Reason:
    return {
        "name": f"{each.name}.{rule.name}",
        "state": "dropped",
        "value": value,
        "min": rule.min if rule.min != -float("inf") else None,
        "max": rule.max if rule.max != float("inf") else None,
        "detail": None,
    }


def judge_batch(documents: pa.RecordBatch, passes: Sequence[Pass], *, measure_all: bool) -> pa.RecordBatch:
    """Return the same rows, judged: text edited, `edits`, `measures` and `reasons` filled.

    `characters_in` and `edits` start anew here, `measures` are added to those of earlier stages, with
    `spans.PASS.KIND` for what edits replaced; labels go into `metadata` as `label.NAME`, the one called
    `language` into that column. A row that came with reasons is no longer judged: it only gets its counts.
    A null text counts as empty. `blocks`, which no edit has touched, end here: what was masked in the text
    must not stand beside it.

    Raises:
        Exception: whatever a signal or an edit raised, with a note that names rule, document and file.
    """
    rows = documents.select(list(_READ)).to_pylist()
    columns: dict[str, list[object]] = {name: [] for name in _WRITTEN}
    for row in rows:
        judged = _judged(row, passes, measure_all) if not row["reasons"] else _UNJUDGED
        raw: str | None = row["text"]
        text = judged.text if judged is not _UNJUDGED and raw is not None else raw
        columns["text"].append(text)
        columns["blocks"].append(None)
        columns["characters_in"].append(len(raw or ""))
        columns["characters"].append(len(text or ""))
        columns["edits"].append(list(judged.edits.items()))
        spans = {f"{SPANS}{name}": float(count) for name, count in judged.spans.items()}
        columns["measures"].append(list({**dict(row["measures"] or ()), **judged.measures, **spans}.items()))
        columns["reasons"].append(judged.reasons or row["reasons"] or [])
        named = {f"{LABEL}{name}": each for name, each in judged.labels.items() if name != "language"}
        columns["metadata"].append(
            list({**dict(row["metadata"] or ()), **named}.items()) if named else row["metadata"]
        )
        columns["language"].append(judged.labels.get("language", row["language"]))
    return _with_columns(documents, columns)


_READ = ("id", "source", "file", "offset", "url", "language", "text", "metadata", "measures", "reasons")
_WRITTEN = (
    "text",
    "blocks",
    "characters_in",
    "characters",
    "edits",
    "measures",
    "reasons",
    "metadata",
    "language",
)
_UNJUDGED = Verdict("")


def _judged(row: Mapping[str, Any], passes: Sequence[Pass], measure_all: bool) -> Verdict:
    try:
        return judge_text(
            row["text"] or "",
            row["source"] or "",
            passes,
            measure_all=measure_all,
            url=row["url"] or "",
            language=row["language"],
        )
    except Exception as error:
        error.add_note(f"of document {row['id']} (from {row['file']} at {row['offset']})")
        raise


def _with_columns(documents: pa.RecordBatch, columns: Mapping[str, Sequence[object]]) -> pa.RecordBatch:
    arrays = [
        pa.array(columns[field.name], field.type) if field.name in columns else documents.column(field.name)
        for field in DOCUMENT
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=DOCUMENT)
