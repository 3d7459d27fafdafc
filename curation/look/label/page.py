"""A page to mark sampled documents keep, drop or unsure; every answer is saved before the next is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from curation.accounting.sample import position
from curation.look.label.marks import MARKS, HumanLabel, extracted, read_labels, weighed, write_labels
from curation.look.render import cards as samples
from curation.look.render.inert import environment, inert, policy, script
from curation.look.render.visible import visible
from curation.look.run import OpenedRun, documents, read_originals, visible_texts

SHOWN_CHARACTERS, NOTE_CHARACTERS = 20_000, 2_000
_SALT = "label"


@dataclass(frozen=True, slots=True)
class Drawn:
    """Documents to mark, in an order that says nothing of the verdict.

    Attributes:
        strata: id -> the stratum that it was drawn from, and how many documents that holds.
    """

    rows: Sequence[Mapping[str, Any]]
    strata: Mapping[str, tuple[str, int]]


def draw(run: OpenedRun, n: int) -> Drawn:
    """Return `n` documents that the filter judged and whose text is stored: half of them kept, half dropped.

    Which ones is a function of their ids. Where one half has fewer, it is all of them.

    Raises:
        ValueError: there is nothing to mark.
    """
    if n < 1:
        raise ValueError(f"--n {n}: expected 1 document or more")
    manifest = run.manifest("filter")
    rows: list[dict[str, Any]] = []
    strata: dict[str, tuple[str, int]] = {}
    for state, wanted in (("kept", n - n // 2), ("dropped", n // 2)):
        stratum = f"{manifest.fingerprint} {state}", manifest.ledger[state]["records"]
        frame = documents(run, "filter", state, wanted=max(200, 4 * wanted))
        chosen = frame[frame["text"].fillna("") != ""].head(wanted)
        for _, row in chosen.iterrows():
            rows.append(dict(row))
            strata[row["id"]] = stratum
    if not rows:
        raise ValueError(f"{run.directory}: the filter judged no document whose text is stored")
    rows.sort(key=lambda row: position(row["id"], _SALT))
    return Drawn(rows, strata)


@dataclass(slots=True)
class LabelStore:
    """The labels of a run: read once, written whole after each answer, by one writer at a time."""

    directory: str
    strata: Mapping[str, tuple[str, int]]
    labels: dict[str, HumanLabel] = field(default_factory=dict)
    _lock: Any = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.labels = read_labels(self.directory)

    def add(self, answer: Any) -> dict[str, Any]:
        """Save one answer, {"id", "mark", "note"}; return {"saved": how many documents have one}.

        Raises:
            ValueError: it is none; nothing was saved.
        """
        if not isinstance(answer, dict) or answer.get("id") not in self.strata:
            raise ValueError("no document of that id is to be marked here")
        if answer.get("mark") not in MARKS:
            raise ValueError(f"a mark is one of {', '.join(MARKS)}")
        note = visible(str(answer.get("note") or ""))[:NOTE_CHARACTERS]
        with self._lock:
            document = answer["id"]
            old = self.labels.get(document)
            stratum, held = (old.stratum, old.held) if old else self.strata[document]
            label = HumanLabel(
                id=document,
                mark=answer["mark"],
                note=note,
                weight=old.weight if old else 1.0,
                marked_at=datetime.now(UTC).isoformat(timespec="seconds"),
                stratum=stratum,
                held=held,
            )
            labels = weighed({**self.labels, document: label})
            write_labels(self.directory, labels)
            self.labels = labels
            return {"saved": len(self.labels)}


def label_page(run: OpenedRun, drawn: Drawn, marks: LabelStore) -> tuple[str, str]:
    """Return the page as HTML, and its content policy."""
    source = script("label.js")
    data = {
        "documents": _documents(run, drawn),
        "marks": {label.id: [label.mark, label.note] for label in marks.labels.values()},
    }
    allowed = policy(source, connect=True)
    template = environment().get_template("label.html")
    return template.render(data=inert(data), script=source, policy=allowed), allowed


def _documents(run: OpenedRun, drawn: Drawn) -> list[dict[str, Any]]:
    has_pages = "extract" in run.manifests
    pages = list(visible_texts(read_originals(run, drawn.rows))) if has_pages else []
    texts, shown = extracted(run, list(drawn.strata)), []
    for n, row in enumerate(drawn.rows):
        text = texts.get(row["id"], row)["text"]
        facts = {
            name: visible(str(row[name] or ""))
            for name in ("id", "source", "language", "url", "title", "state")
        }
        html = pages[n].html if pages else None
        original = None if html is None else run.mask(html, row["source"])
        shown.append(
            {
                **facts,
                "reasons": [visible(samples.badge(reason)) for reason in row["reasons"]],
                "text": visible(text[:SHOWN_CHARACTERS]),
                "rest": max(0, len(text) - SHOWN_CHARACTERS),
                "page": None if original is None else visible(original[:SHOWN_CHARACTERS]),
            }
        )
    return shown
