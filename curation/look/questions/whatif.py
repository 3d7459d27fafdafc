"""What another bound would do: which documents come back and which go, from stored measures alone."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.compute as pc

from curation.accounting.sample import position
from curation.filters.account import UNITS, Flags, Floats
from curation.look.run import (
    BoundChange,
    MeasuredBatch,
    OpenedRun,
    Rates,
    RuleBounds,
    Scan,
    apply_changes,
    estimated,
    matching,
    measured_batches,
    open_run,
    rates,
)

EXAMPLES = 10
EXCERPT_CHARACTERS = 300
#: What became of a document, then and now.
FATES = ("kept", "gained", "lost", "held")
_SALT = "whatif"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A document that would come back or go; `measures` are its values of the rules that move."""

    id: str
    source: str
    language: str
    url: str
    characters: int
    measures: Mapping[str, float]
    excerpt: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the moves would do, in documents, characters and, once a tokenizer is named, tokens.

    Attributes:
        counts: source -> (fates, units). `kept` now and `gained`, `lost` then; `held` keep to the rules that
            move, broke them before, and stay dropped by another rule.
        examples: `gained` and `lost`, a hash-sample each.
    """

    moves: tuple[BoundChange, ...]
    counts: Mapping[str, Floats]
    units: tuple[str, ...]
    examples: Mapping[str, Sequence[Example]]
    notes: Sequence[str]

    def frame(self) -> pd.DataFrame:
        """Return a row a source and one for all: kept_now, gained, lost, kept_then, held, in documents.

        Of the other units the columns end in `_characters` and `_tokens`.
        """
        found = {source: self._row(each) for source, each in self.counts.items()}
        found["all"] = self._row(sum(self.counts.values(), np.zeros((len(FATES), len(self.units)))))
        return pd.DataFrame.from_dict(found, orient="index")

    def _row(self, counts: Floats) -> dict[str, int]:
        row: dict[str, int] = {}
        for unit, name in enumerate(self.units):
            kept, gained, lost, held = (round(float(each)) for each in counts[:, unit])
            told = {"kept_now": kept, "gained": gained, "lost": lost, "kept_then": kept + gained - lost}
            suffix = "" if name == UNITS[0] else f"_{name}"
            row |= {f"{each}{suffix}": count for each, count in {**told, "held": held}.items()}
        return row

    def to_json(self) -> dict[str, Any]:
        """Return the answer as JSON data; an open bound is null."""
        moves = [asdict(each) for each in self.moves]
        for each in moves:
            each |= {key: each[key] if np.isfinite(each[key]) else None for key in ("now", "then")}
        return {
            "moves": moves,
            "units": list(self.units),
            "notes": list(self.notes),
            "sources": self.frame().to_dict("index"),
            "examples": {side: [asdict(each) for each in found] for side, found in self.examples.items()},
        }


def what_if(
    directory: str, asked: Sequence[BoundChange], *, examples: int = EXAMPLES, whole: bool = True
) -> Answer:
    """Return what other bounds would do to the documents that a run's filter stage judged.

    Characters are those of a document as the stage's edits left it: the ledger counts what is kept so. No
    text is read but that of the examples and, for tokens, of a sample. Unless `whole`, states of more than a
    million documents are estimated from their stored sample.

    Raises:
        MissingManifest: no filter stage was published there.
    """
    run = open_run(directory)
    now, then = run.bounds, apply_changes(run.bounds, asked)
    moving = np.array(
        [now.names.index(name) for name in dict.fromkeys(each.rule for each in asked)], np.int64
    )
    held = rates(run)
    units = UNITS if held else UNITS[:2]
    counts: dict[str, Floats] = {}
    chosen = {side: _Sample(examples) for side in ("gained", "lost")}
    found = run.scans("filter", rate=1.0 if whole else 0.0)
    for batch in measured_batches(found, now.names):
        fates = _fates(now.broken(batch), then.broken(batch), moving)
        for source, each in _counted(batch, fates, held).items():
            counts[source] = counts[source] + each if source in counts else each
        for side, sample in chosen.items():
            sample.add(batch, fates[FATES.index(side)])
    names = [now.names[place] for place in moving]
    return Answer(
        moves=tuple(asked),
        counts=dict(sorted(counts.items())),
        units=units,
        examples={side: _examples(run, found, sample.ids, names) for side, sample in chosen.items()},
        notes=[*estimated(found), *_notes(now, asked, held)],
    )


def _fates(now: Flags, then: Flags, moving: npt.NDArray[np.int64]) -> Flags:
    """Return (fates, documents)."""
    out, gone = now.any(axis=1), then.any(axis=1)
    let_go = now[:, moving].any(axis=1) & ~then[:, moving].any(axis=1)
    return np.stack([~out, out & ~gone, ~out & gone, let_go & gone])


def _counted(batch: MeasuredBatch, fates: Flags, rates: Rates | None) -> dict[str, Floats]:
    """Return source -> (fates, units) of a batch."""
    found: dict[str, Floats] = {}
    for number, (source, language) in enumerate(batch.groups):
        mine = fates[:, batch.group == number].astype(np.float64)
        characters = mine @ batch.edited[batch.group == number]
        columns = [mine.sum(axis=1), characters]
        if rates:
            of = dict.fromkeys(("kept", "lost"), rates.of_kept(source))
            dropped = rates.of_dropped(source, language)
            columns.append(characters * np.array([of.get(fate, dropped) for fate in FATES]))
        found[source] = found.get(source, 0.0) + batch.weight * np.stack(columns, axis=1)
    return found


@dataclass(slots=True)
class _Sample:
    """The ids that stand first in the order of a hash: the same, however the documents are batched."""

    size: int
    ids: dict[str, float] = field(default_factory=dict)

    def add(self, batch: MeasuredBatch, wanted: Flags) -> None:
        ids = batch.ids.take(np.flatnonzero(wanted)).to_pylist()
        both = self.ids | {each: position(each, _SALT) for each in ids}
        self.ids = {each: both[each] for each in heapq.nsmallest(self.size, both, key=both.__getitem__)}


def _examples(
    run: OpenedRun, read: Sequence[Scan], ids: Mapping[str, float], names: Sequence[str]
) -> list[Example]:
    if not ids:
        return []
    wanted = pc.field("id").isin(list(ids))
    stored = {row["id"]: run.mask.row(row) for scan in read for row in matching(scan.table, wanted)}
    shown = []
    for each in ids:
        row = stored[each]
        measured = dict(row["measures"] or ())
        told = {name: row[name] or "" for name in ("source", "language", "url")}
        shown.append(
            Example(
                id=each,
                characters=row["characters"],
                measures={name: measured[name] for name in names if name in measured},
                excerpt=None if row["text"] is None else row["text"][:EXCERPT_CHARACTERS],
                **told,
            )
        )
    return shown


def _notes(rules: RuleBounds, asked: Sequence[BoundChange], rates: Rates | None) -> list[str]:
    found = []
    if rules.measure != "all" and any(each.looser for each in asked):
        found.append(
            "Gains are upper limits: the recipe says measure: needed, and what broke a rule was not measured "
            "by the passes after it, which may drop it too. With measure: all they are exact."
        )
    only = dict(zip(rules.names, rules.only, strict=True))
    found += [
        f"{name} is for {', '.join(only[name])} only: it measured no other source."
        for name in dict.fromkeys(each.rule for each in asked)
        if only[name]
    ]
    found.append("Characters are those of texts as the filter's edits left them, as its ledger counts them.")
    if rules.per_language:
        found.append(f"The tables' own bounds for {len(rules.per_language)} languages stay as they are.")
    found.append(
        "Only documents that reached the filter stage are counted: what extract removed stays removed, and "
        "what comes back may still be merged by dedup."
    )
    return found + ([f"Tokens are {rates.told}."] if rates else [])
