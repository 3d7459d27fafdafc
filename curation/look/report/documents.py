"""The documents of a report as data for its page: texts cut to a budget and marked, those of their pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from curation.filters.rules import Rule
from curation.look.render.cards import badge
from curation.look.render.inert import inert
from curation.look.render.visible import shortened, visible
from curation.look.report.selection import ShownDocuments
from curation.look.run import OpenedRun, Original, among, masked_rows, read_originals, spans, visible_texts
from curation.text.markdown import Form

#: Characters shown of a text and of its page, less where all together would go over the budget.
SHOWN_CHARACTERS = (20_000, 10_000, 5_000, 2_400, 1_200, 600, 300, 100)
BUDGET_BYTES = 3 * 2**20
#: Of a title, a URL, the name of a source.
NAME_CHARACTERS = 300
#: Characters in which the lines are sought that break a rule: of the beginning, else of its worst stretch.
MARKED_CHARACTERS = 2_400
#: Where that stretch lies behind what is shown, a part of it is shown as well, so often.
EXCERPT_PART, EXCERPTS = 4, 3
#: Characters of an excerpt before what it is about.
LEAD_CHARACTERS = 60

Data = dict[str, Any]
NO_EXTRACT = Original(missing="the extract stage is not there")


def _received(run: OpenedRun, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return id -> text as the filter received it, masked, of the documents that it removed."""
    ids = sorted(row["id"] for row in rows if row["state"] == "dropped" and row["measures"])
    if not ids or "extract" not in run.manifests:
        return {}
    received = masked_rows(run, "extract", among("id", ids))
    return {row["id"]: row["text"] for row in received if row["text"] is not None}


def document_data(run: OpenedRun, selection: ShownDocuments) -> Data:
    """Return documents and groups as JSON data; no text in it acts on the page."""
    has_extract = "extract" in run.manifests
    texts = _received(run, selection.rows)
    rows = list(map(run.mask.row, selection.rows))
    whole = [texts.get(row["id"], row["text"]) for row in rows]
    originals = read_originals(run, selection.rows) if has_extract else [NO_EXTRACT] * len(rows)
    pages = [
        replace(page, html=run.mask(page.html, row["source"])) if page.html else page
        for page, row in zip(visible_texts(originals), rows, strict=True)
    ]
    fitting = (cut for cut in SHOWN_CHARACTERS if _bytes(whole, pages, cut) <= BUDGET_BYTES)
    characters = next(fitting, SHOWN_CHARACTERS[-1])
    rules = spans.measurable(run.rules)
    groups = [
        {
            "kind": group.kind,
            "name": visible(group.name),
            "about": visible(group.about),
            "items": [[row, visible(note)] for row, note in group.items],
        }
        for group in selection.groups
    ]
    return {
        "groups": groups,
        "documents": [
            _document(row, text, page, rules, characters, received=row["id"] in texts)
            for row, text, page in zip(rows, whole, pages, strict=True)
        ],
    }


def _bytes(texts: Sequence[str | None], pages: Sequence[Original], shown: int) -> int:
    """Return what texts and pages take in the page: a mark of HTML is six bytes there."""
    parts = [visible((text or "")[:shown]) for text in [*texts, *(page.html for page in pages)]]
    return len(inert({"": parts}).encode("utf-8"))


@dataclass(slots=True)
class _Excerpt:
    """A part of a text that is shown, and what is marked in it: number of a reason -> spans of the text."""

    start: int
    end: int
    marks: dict[int, list[spans.Span]] = field(default_factory=dict)

    def pieces(self, text: str) -> list[tuple[str, list[int] | None]]:
        """Return the excerpt in pieces, each with the numbers of the reasons that it is marked for."""
        start, end = self.start, self.end
        inside = {
            n: [(max(a, start) - start, min(b, end) - start) for a, b in marks if a < end and b > start]
            for n, marks in self.marks.items()
        }
        return [(visible(s), on) for s, on in spans.segments(text[start:end], inside) if s]


def _excerpts(text: str, row: Mapping[str, Any], rules: Mapping[str, Rule], shown: int) -> list[_Excerpt]:
    """Return the beginning of a text, and where rules are broken that are not broken there."""
    form: Form = row.get("form") or "plain"
    excerpts, size = [_Excerpt(0, min(shown, len(text)))], min(shown, MARKED_CHARACTERS)
    for n, reason in enumerate(row["reasons"]):
        rule, value = rules.get(reason["name"]), reason["value"]
        if rule is None or value is None:
            continue
        if marks := spans.spans(text[:size], rule, value, form):
            excerpts[0].marks[n] = marks
        elif len(text) > size and (worst := spans.worst(text, rule, value, size, form)):
            stretch = spans.spans(text[slice(*worst)], rule, value, form)
            marks = [(worst[0] + a, worst[0] + b) for a, b in stretch]
            _mark(excerpts, n, marks, len(text), size // EXCERPT_PART)
    return sorted(excerpts, key=lambda excerpt: excerpt.start)


def _mark(excerpts: list[_Excerpt], n: int, marks: list[spans.Span], length: int, size: int) -> None:
    """Mark the spans of a reason in the excerpt that holds the first of them, or in a new one."""
    if not marks:
        return
    first = marks[0][0]
    excerpt = next((known for known in excerpts if known.start <= first < known.end), None)
    if excerpt is None and len(excerpts) <= EXCERPTS:
        start = max(0, first - LEAD_CHARACTERS)
        excerpt = _Excerpt(start, min(length, start + size))
        excerpts.append(excerpt)
    if excerpt:
        excerpt.marks[n] = marks


def _document(
    row: Mapping[str, Any],
    text: str | None,
    page: Original,
    rules: Mapping[str, Rule],
    shown: int,
    *,
    received: bool,
) -> Data:
    excerpts = _excerpts(text, row, rules, shown) if text else []
    pieces: list[tuple[str, list[int] | None]] = []
    end = 0
    for excerpt in excerpts:
        if excerpt.start > end:
            pieces.append((f"{excerpt.start - end:,} characters left out", None))
        pieces += replace(excerpt, start=max(excerpt.start, end)).pieces(text or "")
        end = max(end, excerpt.end)
    names = ("id", "source", "url", "title", "state", "site")
    return {
        **{name: visible(shortened(str(row[name] or ""), NAME_CHARACTERS)) for name in names},
        "language": visible(row["language"] or "un"),
        "characters": int(row["characters"] or 0),
        "received": int(row["characters_in"] or 0) if received else None,
        "reasons": [[visible(reason["name"]), visible(badge(reason))] for reason in row["reasons"]],
        "text": None if text is None else pieces,
        "rest": len(text or "") - end,
        "page": None if page.html is None else visible(page.html[:shown]),
        "page_rest": max(0, len(page.html or "") - shown),
        "missing": visible(page.missing),
    }
