"""The documents of a report as data for its page: texts cut to a budget and marked, those of their pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow.compute as pc

from curation.filters.rules import Rule
from curation.look.render import cards as samples
from curation.look.render.inert import inert
from curation.look.render.visible import shortened, visible
from curation.look.report.choice import Chosen
from curation.look.run import OpenedRun, Original, masked_rows, read_originals, spans, visible_texts

#: Characters shown of a text and of its page, less where all together would go over the budget.
SHOWN_CHARACTERS = (2_400, 1_200, 600, 300, 100)
BUDGET_BYTES = 3 * 2**20
#: Of a title, a URL, the name of a source.
NAME_CHARACTERS = 300
#: Where a rule is broken only behind what is shown, so much is shown of there: a part of that, so often.
EXCERPT_PART, EXCERPTS = 4, 3
#: Characters of an excerpt before what it is about.
LEAD_CHARACTERS = 60

Data = dict[str, Any]


def received(run: OpenedRun, chosen: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return id -> text as the filter received it, masked, of what it removed: its rules broke on it."""
    ids = sorted(row["id"] for row in chosen if row["state"] == "dropped" and row["measures"])
    if not ids or "extract" not in run.manifests:
        return {}
    found = masked_rows(run, "extract", pc.field("id").isin(ids))
    return {row["id"]: row["text"] for row in found if row["text"] is not None}


def browsed(run: OpenedRun, chosen: Chosen) -> Data:
    """Return documents and groups as JSON data; nothing in it acts on what stands around it."""
    pages: list[Original] = []
    if "extract" in run.manifests:
        pages = list(visible_texts(read_originals(run, chosen.rows)))
    else:
        pages = [Original(missing="the extract stage is not there")] * len(chosen.rows)
    mask, texts = run.mask, received(run, chosen.rows)
    shown_rows = list(map(mask.row, chosen.rows))
    whole = [texts.get(row["id"], row["text"]) for row in shown_rows]
    pages = [
        replace(page, html=mask(page.html, row["source"])) if page.html else page
        for page, row in zip(pages, shown_rows, strict=True)
    ]
    shown = next(
        (cut for cut in SHOWN_CHARACTERS if _bytes(whole, pages, cut) <= BUDGET_BYTES), SHOWN_CHARACTERS[-1]
    )
    rules = spans.measurable(run.rules)
    groups = [
        {
            "kind": each.kind,
            "name": visible(each.name),
            "about": visible(each.about),
            "items": [[place, visible(note)] for place, note in each.items],
        }
        for each in chosen.groups
    ]
    return {
        "groups": groups,
        "documents": [
            _document(row, text, page, rules, shown, received=row["id"] in texts)
            for row, text, page in zip(shown_rows, whole, pages, strict=True)
        ],
    }


def _bytes(texts: Sequence[str | None], pages: Sequence[Original], shown: int) -> int:
    """Return what texts and pages take in the page: a mark of HTML is six bytes there."""
    found = [visible((text or "")[:shown]) for text in [*texts, *(page.html for page in pages)]]
    return len(inert({"": found}).encode("utf-8"))


@dataclass(slots=True)
class _Excerpt:
    """A part of a text that is shown, and what is marked in it: number of a reason -> places in the text."""

    start: int
    end: int
    marks: dict[int, list[spans.Span]] = field(default_factory=dict)

    def pieces(self, text: str) -> list[tuple[str, list[int] | None]]:
        """Return the excerpt in pieces, each with the numbers of the reasons that it is marked for."""
        start, end = self.start, self.end
        inside = {
            n: [(max(a, start) - start, min(b, end) - start) for a, b in found if a < end and b > start]
            for n, found in self.marks.items()
        }
        return [(visible(s), on) for s, on in spans.segments(text[start:end], inside) if s]


def _excerpts(
    text: str, reasons: Sequence[Mapping[str, Any]], rules: Mapping[str, Rule], shown: int
) -> list[_Excerpt]:
    """Return the beginning of a text, and where rules are broken that are not broken there."""
    found = [_Excerpt(0, min(shown, len(text)))]
    for n, reason in enumerate(reasons):
        rule, value = rules.get(reason["name"]), reason["value"]
        if rule is None or value is None:
            continue
        if marks := spans.spans(text[:shown], rule, value):
            found[0].marks[n] = marks
        elif len(text) > shown and (place := spans.worst(text, rule, value, shown)):
            marks = [(place[0] + a, place[0] + b) for a, b in spans.spans(text[slice(*place)], rule, value)]
            _mark(found, n, marks, len(text), shown // EXCERPT_PART)
    return sorted(found, key=lambda each: each.start)


def _mark(found: list[_Excerpt], n: int, marks: list[spans.Span], length: int, size: int) -> None:
    """Mark the places of a reason in the excerpt that holds the first of them, or in a new one."""
    there = next((each for each in found if marks and each.start <= marks[0][0] < each.end), None)
    if marks and there is None and len(found) <= EXCERPTS:
        start = max(0, marks[0][0] - LEAD_CHARACTERS)
        there = _Excerpt(start, min(length, start + size))
        found.append(there)
    if there:
        there.marks[n] = marks


def _document(
    row: Mapping[str, Any],
    text: str | None,
    page: Original,
    rules: Mapping[str, Rule],
    shown: int,
    *,
    received: bool,
) -> Data:
    excerpts = _excerpts(text, row["reasons"], rules, shown) if text else []
    pieces: list[tuple[str, list[int] | None]] = []
    end = 0
    for each in excerpts:
        if each.start > end:
            pieces.append((f"{each.start - end:,} characters left out", None))
        pieces += replace(each, start=max(each.start, end)).pieces(text or "")
        end = max(end, each.end)
    names = ("id", "source", "url", "title", "state", "site")
    told = {name: visible(shortened(str(row[name] or ""), NAME_CHARACTERS)) for name in names}
    return {
        **told,
        "language": visible(row["language"] or "un"),
        "characters": int(row["characters"] or 0),
        "received": int(row["characters_in"] or 0) if received else None,
        "reasons": [[visible(each["name"]), visible(samples.badge(each))] for each in row["reasons"]],
        "text": None if text is None else pieces,
        "rest": len(text or "") - end,
        "page": None if page.html is None else visible(page.html[:shown]),
        "page_rest": max(0, len(page.html or "") - shown),
        "missing": visible(page.missing),
    }
