"""Judging: run the passes on every document of a batch and record measures and broken rules.

Rows are annotated. They are never removed or reordered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from curation.document import COLUMN, DOCUMENT, LABEL
from curation.filters.registry import Masked, edited
from curation.filters.rules import Pass, Rule
from curation.text.markdown import Form
from curation.text.text import Text

#: Prefix of measures that count replaced spans.
SPANS = "spans."
UNLABELLED: Mapping[str, str] = MappingProxyType({"language": "un"})


@dataclass(slots=True)
class Verdict:
    """The result of the passes on one text.

    Attributes:
        text: the edited text.
        edits: "pass.edit" -> characters removed.
        spans: "pass.kind" -> spans of that kind that edits replaced.
        measures: "pass.rule" -> value.
        labels: label -> value, including `language`.
        reasons: the broken rules, as REASON rows.
    """

    text: str
    edits: dict[str, int] = field(default_factory=dict)
    spans: dict[str, int] = field(default_factory=dict)
    measures: dict[str, float] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    reasons: list[dict[str, object]] = field(default_factory=list)


def judge_text(
    raw: str,
    source: str,
    passes: Sequence[Pass],
    *,
    measure_all: bool,
    url: str = "",
    labels: Mapping[str, str] = UNLABELLED,
    form: Form = "plain",
) -> Verdict:
    """Return the verdict on one text.

    Within a pass every rule is measured. The passes after a broken rule run only with `measure_all`. Signals
    read the edited text, and can read the text before the last pass with edits. The labels of a pass are
    visible to later passes; `labels`, what is known before, to all: the language, columns of the input.
    """
    verdict, text = Verdict(raw, labels=dict(labels)), Text(raw, form, url=url)
    for step in passes:
        if not step.applies_to(source, verdict.labels):
            continue
        if verdict.reasons and not measure_all:
            break
        left = _edited(verdict, step, form)
        if left != text.raw or (step.edits and text.before is not None):
            text = text.edited(left)
        language = verdict.labels["language"]
        for label in step.labels:
            verdict.labels[label.name] = label.of(text)
        for rule in step.rules_for(language):
            value = verdict.measures[f"{step.name}.{rule.name}"] = _measure(rule, text)
            if rule.broken_by(value):
                verdict.reasons.append(_reason(step, rule, value))
    return verdict


def _edited(verdict: Verdict, step: Pass, form: Form) -> str:
    """Run the edits of a pass on the verdict's text; count the characters that each removed."""
    for edit in step.edits_for(verdict.labels["language"]):
        before = len(verdict.text)
        result = edited(edit.name, verdict.text, form, edit.options)
        verdict.text, spans = (result.text, result.spans) if isinstance(result, Masked) else (result, {})
        name = f"{step.name}.{edit.name}"
        verdict.edits[name] = verdict.edits.get(name, 0) + before - len(verdict.text)
        for kind, count in spans.items():
            verdict.spans[f"{step.name}.{kind}"] = verdict.spans.get(f"{step.name}.{kind}", 0) + count
    return verdict.text


def _measure(rule: Rule, text: Text) -> float:
    try:
        return rule.measure(text)
    except Exception as error:
        error.add_note(f"while measuring rule '{rule.name}' (signal {rule.signal})")
        raise


def _reason(step: Pass, rule: Rule, value: float) -> dict[str, object]:
    return {
        "name": f"{step.name}.{rule.name}",
        "state": "dropped",
        "value": value,
        "min": rule.min if rule.min != -float("inf") else None,
        "max": rule.max if rule.max != float("inf") else None,
        "detail": None,
    }


def judge_batch(documents: pa.RecordBatch, passes: Sequence[Pass], *, measure_all: bool) -> pa.RecordBatch:
    """Return the same rows with edited text and with `edits`, `measures` and `reasons` filled in.

    `characters_in` and `edits` are reset. `measures` are added to those of earlier stages, with
    `spans.PASS.KIND` for replaced spans. Labels are stored in `metadata` as `label.NAME`; the label
    `language` is stored in that column. A row that already has reasons is not judged, only counted. A null
    text counts as empty. `blocks` become null: edits do not change them, so they would still contain what was
    masked in the text.

    Raises:
        Exception: any error of a signal or an edit, with a note that names rule, document and file.
    """
    rows = documents.select(list(_READ)).to_pylist()
    written = [_judge_row(row, passes, measure_all) for row in rows]
    arrays = [
        pa.array([row[field.name] for row in written], field.type)
        if field.name in _WRITTEN
        else documents.column(field.name)
        for field in DOCUMENT
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=DOCUMENT)


_READ = (
    *("id", "source", "file", "offset", "url", "language", "text", "form"),
    *("metadata", "measures", "reasons"),
)
_WRITTEN = frozenset(
    ["text", "blocks", "characters_in", "characters", "edits", "measures", "reasons", "metadata", "language"]
)


def _judge_row(row: Mapping[str, Any], passes: Sequence[Pass], measure_all: bool) -> dict[str, object]:
    """Return the written columns of a row."""
    raw = row["text"]
    verdict = Verdict(raw) if row["reasons"] else _verdict(row, passes, measure_all)
    text = None if raw is None else verdict.text
    spans = {f"{SPANS}{name}": float(count) for name, count in verdict.spans.items()}
    known = _labels(row["metadata"])
    labels = {
        f"{LABEL}{name}": value
        for name, value in verdict.labels.items()
        if name != "language" and name not in known
    }
    return {
        "text": text,
        "blocks": None,
        "characters_in": len(raw or ""),
        "characters": len(text or ""),
        "edits": list(verdict.edits.items()),
        "measures": list({**dict(row["measures"] or ()), **verdict.measures, **spans}.items()),
        "reasons": verdict.reasons or row["reasons"] or [],
        "metadata": list({**dict(row["metadata"] or ()), **labels}.items()) if labels else row["metadata"],
        "language": verdict.labels.get("language", row["language"]),
    }


def _labels(metadata: Iterable[tuple[str, str]] | None) -> dict[str, str]:
    """Return what a document's passes go by beside its language: columns of the input, earlier labels."""
    given = (pair for pair in metadata or () if pair[0].startswith((LABEL, COLUMN)))
    return {name.partition(".")[2]: value for name, value in given}


def _verdict(row: Mapping[str, Any], passes: Sequence[Pass], measure_all: bool) -> Verdict:
    try:
        return judge_text(
            row["text"] or "",
            row["source"] or "",
            passes,
            measure_all=measure_all,
            url=row["url"] or "",
            labels={**_labels(row["metadata"]), "language": row["language"]},
            form=row["form"] or "plain",
        )
    except Exception as error:
        error.add_note(f"of document {row['id']} (from {row['file']} at {row['offset']})")
        raise
