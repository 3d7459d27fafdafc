"""What edits did to texts: before and after, aligned line by line, with the words that changed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pandas as pd
import pyarrow.compute as pc

from curation.extract.stage import MARKUP
from curation.look.render.visible import shortened
from curation.look.run import OpenedRun, masked_rows, read_originals, stored, visible_texts

#: Documents shown for each edit, looked for among so many.
EACH, LOOKED_AT = 3, 10_000
#: Lines of a text that are compared, and rows of a table that are shown.
COMPARED_LINES, SHOWN_ROWS = 1_000, 80
#: Of a longer text the beginning is compared: one without spaces is a single word.
SHOWN_CHARACTERS, NAME_CHARACTERS = 8_000, 100
_CONTEXT_LINES = 2
#: Words of a line that are compared; a longer one ends there.
COMPARED_WORDS = 400
_WORD = re.compile(r"\s*\S+|\s+")

Piece = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row of the table: `same`, `changed`, `missing`, `added`, or `skipped` (a count of equal lines)."""

    kind: str
    before: tuple[Piece, ...] = ()
    after: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One document that an edit changed; `took` are characters by edit (fewer than none: added)."""

    id: str
    title: str
    url: str
    took: Mapping[str, int]
    lines: tuple[Line, ...]
    left_out: int


def changes(run: OpenedRun) -> dict[str, list[Change]]:
    """Return edit -> documents that it changed, a hash-sample, from every stage that edits texts.

    What an edit masks is masked on both sides, so one that only masks is not told here.
    """
    found: dict[str, list[Change]] = {}
    for earlier, stage in pairwise(run.row_stages):
        if _edits(run.ledger(stage)):
            found |= _of_stage(run, stage, earlier)
    return found


def markup(run: OpenedRun, extracted: pd.DataFrame) -> dict[str, list[Change]]:
    """Return what extraction left out of some pages: all the text of each beside that of its document.

    `extracted` is a sample of what it kept, in hash order. Pages that are not to be read again are left out.
    """
    took = extracted["edits"].map(lambda edits: dict(edits or {}).get(MARKUP, 0))
    chosen = [dict(row) for _, row in extracted[took > 0].head(EACH).iterrows()]
    if not chosen:
        return {}
    mask = run.mask
    found = [
        _change(mask.row(row), mask(page.html, row["source"]))
        for row, page in zip(chosen, visible_texts(read_originals(run, chosen)), strict=True)
        if page.html
    ]
    return {MARKUP: found} if found else {}


def _edits(ledger: Mapping[str, Any]) -> bool:
    return any(name.startswith("edit:") and each["characters"] for name, each in ledger["reasons"].items())


def _of_stage(run: OpenedRun, stage: str, earlier: str) -> dict[str, list[Change]]:
    frame = stored(run, stage, wanted=LOOKED_AT)
    mask = run.mask
    hidden = {f"{each.pass_name}.{each.name}" for each in mask.edits}
    chosen: dict[str, list[pd.Series[Any]]] = {}
    for _, row in frame[frame["text"].notna()].iterrows():
        for name, took in dict(row["edits"]).items():
            mine = chosen.setdefault(name, [])
            if took and name not in hidden and len(mine) < EACH:
                mine.append(row)
    ids = sorted({row["id"] for mine in chosen.values() for row in mine})
    if not ids:
        return {}
    before = {row["id"]: row["text"] or "" for row in masked_rows(run, earlier, pc.field("id").isin(ids))}
    return {
        name: [_change(mask.row(row), before.get(row["id"], "")) for row in mine]
        for name, mine in sorted(chosen.items())
        if mine
    }


def _change(row: Mapping[str, Any], before: str) -> Change:
    after = row["text"]
    lines = list(aligned(before[:SHOWN_CHARACTERS], after[:SHOWN_CHARACTERS]))
    return Change(
        id=row["id"],
        title=shortened(row["title"] or after or row["url"] or row["id"], NAME_CHARACTERS),
        url=shortened(row["url"] or "", NAME_CHARACTERS),
        took={name: took for name, took in dict(row["edits"]).items() if took},
        lines=tuple(lines[:SHOWN_ROWS]),
        left_out=max(0, len(lines) - SHOWN_ROWS),
    )


def aligned(before: str, after: str) -> Iterator[Line]:
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
        gone, come = (  # blank lines say nothing
            [each for each in rest if each.strip()] for rest in (left[a + pairs : b], right[c + pairs : d])
        )
        yield from (Line(kind="missing", before=(("missing", each),)) for each in gone)
        yield from (Line(kind="added", after=(("added", each),)) for each in come)


def _equal(lines: Sequence[str], *, first: bool, last: bool) -> Iterator[Line]:
    head, tail = (0 if first else _CONTEXT_LINES), (0 if last else _CONTEXT_LINES)
    hidden = len(lines) - head - tail
    same = [Line(kind="same", before=(("same", each),), after=(("same", each),)) for each in lines]
    if hidden <= _CONTEXT_LINES:
        yield from same
        return
    yield from same[:head]
    yield Line(kind="skipped", before=(("same", f"{hidden:,} equal lines"),))
    yield from same[len(same) - tail :]


def _changed(before: str, after: str) -> Line:
    left, right = (_WORD.findall(line)[:COMPARED_WORDS] for line in (before, after))
    one, other = ([word.strip() for word in words] for words in (left, right))
    sides: tuple[list[Piece], list[Piece]] = ([], [])
    for change, a, b, c, d in difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        same = change == "equal"
        for side, kind, words in zip(sides, ("missing", "added"), (left[a:b], right[c:d]), strict=True):
            if words:
                side.append(("same" if same else kind, "".join(words)))
    return Line(kind="changed", before=tuple(sides[0]), after=tuple(sides[1]))
