"""What edits did to texts: before and after, aligned line by line; and what they masked, by its context."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pandas as pd

from curation.extract.stage import MARKUP
from curation.filters.judge import SPANS
from curation.look.render.visible import shortened
from curation.look.run import Masker, OpenedRun, among, masked_rows, read_originals, stored, visible_texts

#: Documents shown for each edit, looked for among so many.
PER_EDIT, SAMPLED = 3, 10_000
#: Lines of a text that are compared, and rows of a table that are shown.
COMPARED_LINES, SHOWN_ROWS = 1_000, 80
#: Of a longer text the beginning is compared: one without spaces is a single word.
SHOWN_CHARACTERS, NAME_CHARACTERS = 8_000, 100
_CONTEXT_LINES = 2
#: Documents shown of each kind, and characters of the text on either side.
PER_KIND, CONTEXT_CHARACTERS = 5, 90
#: Words of a line that are compared; a longer one ends there.
COMPARED_WORDS = 400
_WORD = re.compile(r"\s*\S+|\s+")

Piece = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffRow:
    """A row of the table: `same`, `changed`, `missing`, `added`, or `skipped` (a count of equal lines)."""

    kind: str
    before: tuple[Piece, ...] = ()
    after: tuple[Piece, ...] = ()


#: A document that an edit changed, by the names that the template uses.
Edited = dict[str, Any]


def edited(run: OpenedRun) -> dict[str, list[Edited]]:
    """Return edit -> documents that it changed, a hash-sample, from every stage that edits texts.

    What an edit masks is masked on both sides, so an edit that only masks is left out.
    """
    documents: dict[str, list[Edited]] = {}
    for earlier, stage in pairwise(run.row_stages):
        if _edits(run.ledger(stage)):
            documents |= _of_stage(run, stage, earlier)
    return documents


def markup(run: OpenedRun, extracted: pd.DataFrame) -> dict[str, list[Edited]]:
    """Return what extraction left out of some pages: all the text of each beside that of its document.

    `extracted` is a sample of what it kept, in hash order. Pages that are not to be read again are left out.
    """
    took = extracted["edits"].map(lambda edits: dict(edits or {}).get(MARKUP, 0))
    rows = [dict(row) for _, row in extracted[took > 0].head(PER_EDIT).iterrows()]
    if not rows:
        return {}
    mask = run.mask
    documents = [
        _document(mask.row(row), mask(page.html, row["source"]))
        for row, page in zip(rows, visible_texts(read_originals(run, rows)), strict=True)
        if page.html
    ]
    return {MARKUP: documents} if documents else {}


def _edits(ledger: Mapping[str, Any]) -> bool:
    reasons = ledger["reasons"].items()
    return any(name.startswith("edit:") and counts["characters"] for name, counts in reasons)


def _of_stage(run: OpenedRun, stage: str, earlier: str) -> dict[str, list[Edited]]:
    frame = stored(run, stage, wanted=SAMPLED)
    mask = run.mask
    masking = {f"{edit.pass_name}.{edit.name}" for edit in mask.edits}
    rows_of: dict[str, list[pd.Series[Any]]] = {}
    for _, row in frame[frame["text"].notna()].iterrows():
        for name, took in dict(row["edits"]).items():
            rows = rows_of.setdefault(name, [])
            if took and name not in masking and len(rows) < PER_EDIT:
                rows.append(row)
    ids = sorted({row["id"] for rows in rows_of.values() for row in rows})
    if not ids:
        return {}
    before = {row["id"]: row["text"] or "" for row in masked_rows(run, earlier, among("id", ids))}
    return {
        name: [_document(mask.row(row), before.get(row["id"], "")) for row in rows]
        for name, rows in sorted(rows_of.items())
        if rows
    }


def _document(row: Mapping[str, Any], before: str) -> Edited:
    """Return the document with what each edit `took` of its characters; fewer than none: it added some."""
    after = row["text"]
    lines = list(aligned(before[:SHOWN_CHARACTERS], after[:SHOWN_CHARACTERS]))
    return {
        "id": row["id"],
        "title": shortened(row["title"] or after or row["url"] or row["id"], NAME_CHARACTERS),
        "url": shortened(row["url"] or "", NAME_CHARACTERS),
        "took": {name: took for name, took in dict(row["edits"]).items() if took},
        "lines": lines[:SHOWN_ROWS],
        "left_out": max(0, len(lines) - SHOWN_ROWS),
    }


def aligned(before: str, after: str) -> Iterator[DiffRow]:
    r"""Yield two texts line beside line; long equal stretches are counted.

    >>> same, changed = aligned("a\nb c", "a\nb d")
    >>> same.kind, changed.before, changed.after
    ('same', (('same', 'b'), ('missing', ' c')), (('same', 'b'), ('added', ' d')))
    """
    left, right = before.split("\n")[:COMPARED_LINES], after.split("\n")[:COMPARED_LINES]
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for change, a, b, c, d in matcher.get_opcodes():
        if change == "equal":
            yield from _equal(left[a:b], first=a == c == 0, last=b == len(left) and d == len(right))
            continue
        pairs = min(b - a, d - c)
        for n in range(pairs):
            yield _changed(left[a + n], right[c + n])
        missing, added = (  # blank lines say nothing
            [line for line in rest if line.strip()] for rest in (left[a + pairs : b], right[c + pairs : d])
        )
        yield from (DiffRow(kind="missing", before=(("missing", line),)) for line in missing)
        yield from (DiffRow(kind="added", after=(("added", line),)) for line in added)


def _equal(lines: Sequence[str], *, first: bool, last: bool) -> Iterator[DiffRow]:
    head, tail = (0 if first else _CONTEXT_LINES), (0 if last else _CONTEXT_LINES)
    hidden = len(lines) - head - tail
    same = [DiffRow(kind="same", before=(("same", line),), after=(("same", line),)) for line in lines]
    if hidden <= _CONTEXT_LINES:
        yield from same
        return
    yield from same[:head]
    yield DiffRow(kind="skipped", before=(("same", f"{hidden:,} equal lines"),))
    yield from same[len(same) - tail :]


def _changed(before: str, after: str) -> DiffRow:
    left, right = (_WORD.findall(line)[:COMPARED_WORDS] for line in (before, after))
    one, other = ([word.strip() for word in words] for words in (left, right))
    sides: tuple[list[Piece], list[Piece]] = ([], [])
    for change, a, b, c, d in difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        same = change == "equal"
        for side, kind, words in zip(sides, ("missing", "added"), (left[a:b], right[c:d]), strict=True):
            if words:
                side.append(("same" if same else kind, "".join(words)))
    return DiffRow(kind="changed", before=tuple(sides[0]), after=tuple(sides[1]))


def masked(run: OpenedRun, judged: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what each pass masked, by kind (`privacy.phone`), those of most spans first.

    `judged` is the filter's sample, in which the `examples` are looked for.
    """
    if "filter" not in run.manifests:
        return []
    ledger, mask = run.ledger("filter"), run.mask
    by_pass = {edit.pass_name: edit for edit in mask.edits}
    kinds = []
    for name, total in ledger.get("counts", {}).items():
        pass_name, _, kind = name.rpartition(".")
        if pass_name in by_pass:
            placeholder = by_pass[pass_name].placeholder(kind)
            counts = {source: account.get("counts", {}) for source, account in ledger["sources"].items()}
            kinds.append(
                {
                    "name": name,
                    "placeholder": placeholder,
                    "total": total,
                    "by_source": {source: count.get(name, 0) for source, count in counts.items()},
                    "examples": list(_examples(judged, name, placeholder, mask)),
                }
            )
    return sorted(kinds, key=lambda kind: (-kind["total"], kind["name"]))


def _examples(judged: pd.DataFrame, name: str, placeholder: str, mask: Masker) -> Iterator[dict[str, Any]]:
    """Yield a span of each of the first documents of the sample that have the kind and their text.

    With the text before it and after it, and how many `spans` the document has.
    """
    left = PER_KIND if placeholder else 0
    for row in judged.itertuples(index=False) if left else ():
        count = dict(row.measures).get(f"{SPANS}{name}", 0)
        text = mask(row.text, row.source or "") if count and left and row.text else ""
        start = text.find(placeholder)
        if start >= 0:
            left -= 1
            end = start + len(placeholder)
            yield {
                "id": row.id,
                "source": row.source or "",
                "before": text[max(0, start - CONTEXT_CHARACTERS) : start],
                "after": text[end : end + CONTEXT_CHARACTERS],
                "spans": int(count),
            }
