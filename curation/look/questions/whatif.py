"""What another bound would do: which documents come back and which go, from stored measures alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from curation.accounting.sample import position
from curation.filters.account import UNITS, Flags, Floats
from curation.look.questions.sample import First
from curation.look.render.listing import Card, card
from curation.look.render.terminal import Grid
from curation.look.render.visible import number, visible
from curation.look.run import (
    BoundChange,
    MeasuredBatch,
    OpenedRun,
    Rates,
    RuleBounds,
    Scan,
    among,
    apply_changes,
    estimated,
    matching,
    measured_batches,
)
from curation.look.run import rates as token_rates

EXAMPLES = 10
#: What became of a document, then and now.
FATES = ("kept", "gained", "lost", "held")
_SHOWN = ("kept_now", "gained", "lost", "kept_then", "held")
_SALT = "whatif"
#: The row of all sources.
ALL = "all"


#: A document that would come back or go, and its values of the rules that move.
MovedDocument = tuple[Card, Mapping[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """What the moves would do, in documents, characters and, once a tokenizer is named, tokens.

    Attributes:
        counts: source -> (fates, units). `kept` now and `gained`, `lost` then; `held` keep to the rules that
            move, broke them before, and stay dropped by another rule.
        examples: `gained` and `lost`, a hash-sample each.
    """

    moves: tuple[BoundChange, ...]
    counts: Mapping[str, Floats]
    units: tuple[str, ...]
    examples: Mapping[str, Sequence[MovedDocument]]
    notes: Sequence[str]

    def frame(self) -> pd.DataFrame:
        """Return a row a source and one for all: kept_now, gained, lost, kept_then, held, in documents.

        Of the other units the columns end in `_characters` and `_tokens`.
        """
        rows = {source: self._row(counts) for source, counts in self.counts.items()}
        rows[ALL] = self._row(sum(self.counts.values(), np.zeros((len(FATES), len(self.units)))))
        return pd.DataFrame.from_dict(rows, orient="index")

    def _row(self, counts: Floats) -> dict[str, int]:
        row: dict[str, int] = {}
        for unit, name in enumerate(self.units):
            kept, gained, lost, held = (round(float(count)) for count in counts[:, unit])
            suffix = "" if name == UNITS[0] else f"_{name}"
            values = {"kept_now": kept, "gained": gained, "lost": lost, "kept_then": kept + gained - lost}
            row |= {f"{fate}{suffix}": count for fate, count in {**values, "held": held}.items()}
        return row

    def to_json(self) -> dict[str, Any]:
        """Return the answer as JSON data; an open bound is null."""
        moves = [asdict(move) for move in self.moves]
        for move in moves:
            move |= {key: move[key] if np.isfinite(move[key]) else None for key in ("now", "then")}
        examples = {
            side: [{**asdict(moved), "measures": dict(measures)} for moved, measures in documents]
            for side, documents in self.examples.items()
        }
        return {
            "moves": moves,
            "units": list(self.units),
            "notes": list(self.notes),
            "sources": self.frame().to_dict("index"),
            "examples": examples,
        }

    def __rich__(self) -> RenderableType:
        """Return the moves, a table of what they would do, examples of both sides, and what to know."""
        frame = self.frame()
        moves = "\n".join(str(move) for move in self.moves)
        parts: list[RenderableType] = [Text(moves, style="bold"), Text(), self._table(frame), Text()]
        for side, title in (("gained", "come back"), ("lost", "go")):
            if total := int(frame.loc[ALL, side]):
                documents = self.examples[side]
                parts.append(Text(f"{title}: {len(documents):,} of {total:,}, a sample", style="bold"))
                for moved, measures in documents:
                    values = (f"{name} {number(value)}" for name, value in measures.items())
                    parts += [*moved.lines(", ".join(values)), Text()]
        return Group(*parts, *map(Text, self.notes))

    def _table(self, frame: pd.DataFrame) -> Grid:
        rows: list[list[Text]] = []
        for unit in self.units:
            suffix = "" if unit == UNITS[0] else f"_{unit}"
            title = f"{unit} (estimated)" if unit == UNITS[2] else unit
            for source, row in frame.iterrows():
                counts = [f"{row[f'{fate}{suffix}']:,}" for fate in _SHOWN]
                style = "bold" if source == ALL else ""
                rows.append([Text(cell, style) for cell in (title, visible(str(source)), *counts)])
                title = ""
        names = ["", "source", "kept now", "come back", "go", "kept then", "dropped by others still"]
        return Grid(names, rows, left=2)


def what_if(
    run: OpenedRun, changes: Sequence[BoundChange], *, examples: int = EXAMPLES, whole: bool = True
) -> WhatIf:
    """Return what other bounds would do to the documents that a run's filter stage judged.

    Characters are those of a document as the stage's edits left it: the ledger counts what is kept so. No
    text is read but that of the examples and, for tokens, of a sample. Unless `whole`, states of more than a
    million documents are estimated from their stored sample.
    """
    now, then = run.bounds, apply_changes(run.bounds, changes)
    moving = np.array(
        [now.names.index(name) for name in dict.fromkeys(move.rule for move in changes)], np.int64
    )
    rates = token_rates(run)
    units = UNITS if rates else UNITS[:2]
    counts: dict[str, Floats] = {}
    chosen = {side: First(examples) for side in ("gained", "lost")}
    scans = run.scans("filter", rate=1.0 if whole else 0.0)
    for batch in measured_batches(scans, now.names):
        fates = _fates(now.broken(batch), then.broken(batch), moving)
        for source, part in _counted(batch, fates, rates).items():
            counts[source] = counts[source] + part if source in counts else part
        for side, first in chosen.items():
            ids = batch.ids.take(np.flatnonzero(fates[FATES.index(side)])).to_pylist()
            first.add(((position(id, _SALT),), id) for id in ids)
    names = [now.names[rule] for rule in moving]
    return WhatIf(
        moves=tuple(changes),
        counts=dict(sorted(counts.items())),
        units=units,
        examples={side: _examples(run, scans, first.items, names) for side, first in chosen.items()},
        notes=[*estimated(scans), *_notes(now, changes, rates)],
    )


def _fates(now: Flags, then: Flags, moving: npt.NDArray[np.int64]) -> Flags:
    """Return (fates, documents)."""
    before, after = now.any(axis=1), then.any(axis=1)  # which are dropped
    held = now[:, moving].any(axis=1) & ~then[:, moving].any(axis=1) & after
    return np.stack([~before, before & ~after, ~before & after, held])


def _counted(batch: MeasuredBatch, fates: Flags, rates: Rates | None) -> dict[str, Floats]:
    """Return source -> (fates, units) of a batch."""
    counts: dict[str, Floats] = {}
    for group, (source, language) in enumerate(batch.groups):
        mine = fates[:, batch.group == group].astype(np.float64)
        characters = mine @ batch.edited[batch.group == group]
        columns = [mine.sum(axis=1), characters]
        if rates:
            kept, dropped = rates.of_kept(source), rates.of_dropped(source, language)
            columns.append(characters * np.array([kept if f in ("kept", "lost") else dropped for f in FATES]))
        counts[source] = counts.get(source, 0.0) + batch.weight * np.stack(columns, axis=1)
    return counts


def _examples(
    run: OpenedRun, scans: Sequence[Scan], ids: Sequence[str], names: Sequence[str]
) -> list[MovedDocument]:
    if not ids:
        return []
    wanted = among("id", ids)
    stored = {row["id"]: run.mask.row(row) for scan in scans for row in matching(scan.table, wanted)}
    documents: list[MovedDocument] = []
    for row in (stored[id_] for id_ in ids):
        measures = dict(row["measures"] or ())
        values = {name: measures[name] for name in names if name in measures}
        documents.append((card({**row, "stage": "filter"}), values))
    return documents


def _notes(rules: RuleBounds, changes: Sequence[BoundChange], rates: Rates | None) -> list[str]:
    notes = []
    if rules.measure != "all" and any(move.looser for move in changes):
        notes.append(
            "Gains are upper limits: the recipe says measure: needed, and what broke a rule was not measured "
            "by the passes after it, which may drop it too. With measure: all they are exact."
        )
    only = dict(zip(rules.names, rules.only, strict=True))
    notes += [
        f"{name} is for {', '.join(only[name])} only: it measured no other source."
        for name in dict.fromkeys(move.rule for move in changes)
        if only[name]
    ]
    notes.append("Characters are those of texts as the filter's edits left them, as its ledger counts them.")
    numbers = [rules.names.index(move.rule) for move in changes]
    own = [language for language in rules.per_language if rules.own(language)[numbers].any()]
    if own:
        notes.append(f"The tables' own bounds for {len(own)} languages stay as they are.")
    notes.append(
        "Only documents that reached the filter stage are counted: what extract removed stays removed, and "
        "what comes back may still be merged by dedup."
    )
    return notes + ([f"Tokens are {rates.note}."] if rates else [])
