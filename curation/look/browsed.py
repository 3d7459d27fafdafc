"""The documents of a report as data for its page: texts cut to a budget and marked, those of their pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow.compute as pc

from curation.look import originals, samples, spans
from curation.look.chosen import Chosen
from curation.look.frames import manifests, records
from curation.look.inert import inert
from curation.look.masker import masker
from curation.look.originals import Original
from curation.look.visible import visible

#: Characters shown of a text and of its page, less where all together would go over the budget.
SHOWN_CHARACTERS = (2_400, 1_200, 600, 300, 100)
BUDGET_BYTES = 4 * 2**20
#: Of a title, a URL, the name of a source.
NAME_CHARACTERS = 300
#: Of the rules that a document broke, so many are looked for in its text.
MARKED_RULES = 6

Data = dict[str, Any]


def received(directory: str, chosen: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return id -> text as the filter received it, masked, of what it removed: its rules broke on it."""
    ids = sorted(row["id"] for row in chosen if row["state"] == "dropped" and row["measures"])
    if not ids or "extract" not in manifests(directory):
        return {}
    found = records(directory, "extract", pc.field("id").isin(ids))
    return {row["id"]: row["text"] for row in found if row["text"] is not None}


def browsed(directory: str, chosen: Chosen) -> Data:
    """Return documents and groups as JSON data; nothing in it acts on what stands around it."""
    pages: list[Original] = []
    if "extract" in manifests(directory):
        pages = list(originals.texts(originals.originals(directory, chosen.rows)))
    else:
        pages = [Original(missing="the extract stage is not there")] * len(chosen.rows)
    mask, texts = masker(directory), received(directory, chosen.rows)
    shown_rows = list(map(mask.row, chosen.rows))
    whole = [texts.get(row["id"], row["text"]) for row in shown_rows]
    pages = [
        replace(page, html=mask(page.html, row["source"])) if page.html else page
        for page, row in zip(pages, shown_rows, strict=True)
    ]
    shown = next(
        (cut for cut in SHOWN_CHARACTERS if _bytes(whole, pages, cut) <= BUDGET_BYTES), SHOWN_CHARACTERS[-1]
    )
    rules = spans.rules(directory) if "filter" in manifests(directory) else {}
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
            _document(row, text, page, rules, shown)
            for row, text, page in zip(shown_rows, whole, pages, strict=True)
        ],
    }


def _bytes(texts: Sequence[str | None], pages: Sequence[Original], shown: int) -> int:
    """Return what texts and pages take in the page: a mark of HTML is six bytes there."""
    found = [visible((text or "")[:shown]) for text in [*texts, *(page.html for page in pages)]]
    return len(inert({"": found}).encode("utf-8"))


def _document(
    row: Mapping[str, Any], text: str | None, page: Original, rules: Mapping[str, Any], shown: int
) -> Data:
    start = (text or "")[:shown]
    marks = {}
    for n, reason in enumerate(row["reasons"][:MARKED_RULES]):
        if start and reason["name"] in rules and reason["value"] is not None:
            marks[n] = spans.spans(start, rules[reason["name"]], reason["value"])
    names = ("id", "source", "url", "title", "state", "site")
    told = {name: visible(str(row[name] or "")[:NAME_CHARACTERS]) for name in names}
    return {
        **told,
        "language": visible(row["language"] or "un"),
        "characters": int(row["characters"] or 0),
        "reasons": [[visible(each["name"]), visible(samples.badge(each))] for each in row["reasons"]],
        "text": None if text is None else [[visible(s), on] for s, on in spans.segments(start, marks) if s],
        "rest": max(0, len(text or "") - shown),
        "page": None if page.html is None else visible(page.html[:shown]),
        "page_rest": max(0, len(page.html or "") - shown),
        "missing": visible(page.missing),
    }
