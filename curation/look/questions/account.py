"""The account of every rule of a run's filter stage, by source, language or label, from what was stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pandas as pd

from curation.filters.account import UNITS, Flags, Floats, Tally, empty, tally
from curation.look.run import (
    MeasuredBatch,
    OpenedRun,
    Rates,
    RuleBounds,
    Scan,
    estimated,
    measured_batches,
    open_run,
    rates,
    tables,
)

#: What an account may go by beside the labels that the recipe gave (`label.NAME`).
COLUMNS = ("source", "language")
#: Source, language, what a label calls it (empty without one).
Group = tuple[str, str, str]
#: The account of all documents goes by this name, as in the ledger.
ALL = "all"
#: Documents that no pass gave the label: theirs did not reach them, or was for others.
UNLABELLED = "unlabelled"

IN_ORDER = (
    "The recipe says measure: needed. A document is measured up to the first pass that it broke, so a later "
    "pass looks smaller than it is; with measure: all the account does not depend on the order of passes."
)


class Disagreement(RuntimeError):
    """What the stored measures say is not what the ledger says."""


class NoSuchLabel(ValueError):
    """An account was asked for by a label that the recipe did not give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the rules of a filter stage removed.

    Attributes:
        bounds: the rules.
        tallies: label (None: by none) -> group -> tally, in documents and characters.
        rates: tokens a character; None where the run has tokenized nothing yet.
        edits: stage, source (or "all"), edit, characters that it took from kept documents.
        estimated: in words, how far the numbers are estimates; nothing where every document was read.
    """

    bounds: RuleBounds
    tallies: Mapping[str | None, Mapping[Group, Tally]]
    rates: Rates | None
    edits: pd.DataFrame
    estimated: Sequence[str] = ()

    @property
    def units(self) -> tuple[str, ...]:
        """What it is counted in: documents, characters and, once a tokenizer is named, tokens."""
        return UNITS if self.rates else UNITS[:2]

    @property
    def notes(self) -> list[str]:
        """What a reader must know of the numbers."""
        found = [] if self.bounds.measure == "all" else [IN_ORDER]
        return [*self.estimated, *found, *([f"Tokens are {self.rates.told}."] if self.rates else [])]

    def by(self, what: str | None = None) -> dict[str, Tally]:
        """Return name -> tally of each source, language or value of a label, those that lost most first.

        Of all documents where None. What a label does not call anything goes by `unlabelled`.
        """
        parts: dict[str, list[Tally]] = {}
        for (source, language, called), each in self.tallies[what if what in self.tallies else None].items():
            name = {"source": source, "language": language, None: ALL}.get(what, called or UNLABELLED)
            known = each.with_tokens(self.rates.of_dropped(source, language)) if self.rates else each
            parts.setdefault(name, []).append(known)
        nothing = empty(len(self.bounds.names), len(self.units))
        found = {name: reduce(add, each, nothing) for name, each in parts.items()}
        if what is None:
            return {ALL: found.get(ALL, nothing)}
        return dict(sorted(found.items(), key=lambda item: (-item[1].dropped[0], item[0])))

    def frame(self, by: str | None = None) -> pd.DataFrame:
        """Return a row for each group and rule that broke anything, by its share of the documents.

        Columns: `by` if given, rule, then of each unit UNIT (broke the rule), UNIT_only and UNIT_shapley.
        """
        found = []
        for group, each in self.by(by).items():
            for place in ranked(each):
                row: dict[str, Any] = {by or "group": group, "rule": self.bounds.names[place]}
                for unit, name in enumerate(self.units):
                    row[name] = each.broke[unit, place]
                    row[f"{name}_only"] = each.only[unit, place]
                    row[f"{name}_shapley"] = each.shapley[unit, place]
                found.append(row)
        names = [f"{unit}{what}" for unit in self.units for what in ("", "_only", "_shapley")]
        return pd.DataFrame(found, columns=[*([by] if by else []), "rule", *names])

    @property
    def worst(self) -> str | None:
        """The rule that removes the most documents by itself; None where none removed any alone."""
        only = self.by()[ALL].only[0]
        return self.bounds.names[int(only.argmax())] if only.any() else None

    def overlap(self, unit: str = "documents") -> pd.DataFrame:
        """Return rule by rule the share of what broke one (row) that broke the other (column) as well."""
        whole = self.by()[ALL]
        places = ranked(whole)
        names = [self.bounds.names[place] for place in places]
        together = whole.pairs[self.units.index(unit)][np.ix_(places, places)]
        return pd.DataFrame(together / np.diag(together)[:, None], index=names, columns=names)

    def to_json(self, by: str | None = None) -> dict[str, Any]:
        """Return the account as JSON data; `with` says for each rule what broke the others too."""
        accounts = [self._group(by, name, each) for name, each in self.by(by).items()]
        edits = self.edits.to_dict("records")
        kept = [row for row in edits if row["source"] == ALL or by == "source"]
        about = {"stage": "filter", "measure": self.bounds.measure, "units": list(self.units)}
        return {**about, "notes": self.notes, "accounts": accounts, "edits": kept}

    def _group(self, by: str | None, name: str, each: Tally) -> dict[str, Any]:
        rules = []
        for place in ranked(each):
            others = [other for other in ranked(each) if other != place and each.pairs[0, place, other]]
            rules.append(
                {
                    "rule": self.bounds.names[place],
                    "broke": self._counted(each.broke[:, place]),
                    "only": self._counted(each.only[:, place]),
                    "shapley": self._counted(each.shapley[:, place]),
                    "with": {
                        self.bounds.names[other]: self._counted(each.pairs[:, place, other])
                        for other in others
                    },
                }
            )
        # What was kept has another rate than what was dropped: tokens of what came in are not told.
        received = dict(list(self._counted(each.received).items())[:2])
        about = {"in": received, "dropped": self._counted(each.dropped), "rules": rules}
        return {by: name, **about} if by else about

    def _counted(self, values: Floats) -> dict[str, float]:
        return {
            unit: round(float(value)) if abs(value - round(value)) < 1e-9 else round(float(value), 3)
            for unit, value in zip(self.units, values, strict=True)
        }


def account(directory: str, by: Sequence[str] = (), *, whole: bool = True) -> Account:
    """Return the account of a run's filter stage; no text is read but a sample of the dropped, for tokens.

    `by` are the labels, `label.NAME`, that it is asked to go by; by source and language it always can.
    Unless `whole`, states of more than a million documents are estimated from their stored sample.
    Memory grows with rules² times the sources, languages and values that occur, not with the documents.

    Raises:
        MissingManifest: no filter stage was published there.
        NoSuchLabel: the recipe gave no such label.
        Disagreement: the stored measures do not give the verdicts that the ledger counted.
    """
    run = open_run(directory)
    rules, asked = run.bounds, _asked(run, by)
    tallies: dict[str | None, dict[Group, Tally]] = {name: {} for name in (None, *asked)}
    found, read, gone = run.scans("filter", rate=1.0 if whole else 0.0), 0, 0
    for batch in measured_batches(found, rules.names, asked):
        broken = rules.broken(batch)
        read, gone = read + len(broken), gone + int(broken.any(axis=1).sum())
        for name, into in tallies.items():
            for group, mine in _groups(batch, name):
                each = tally(broken[mine], batch.characters[mine]).scaled(batch.weight)
                into[group] = into[group] + each if group in into else each
    reasons = tables.reasons(run)
    edits = reasons[reasons["reason"].str.startswith("edit:")]
    edits = edits.assign(edit=edits["reason"].str.removeprefix("edit:"))
    _agree(run, found, (read, gone))
    return Account(
        bounds=rules,
        tallies=tallies,
        rates=rates(run),
        edits=edits[["stage", "source", "edit", "characters"]].reset_index(drop=True),
        estimated=estimated(found),
    )


def _asked(run: OpenedRun, by: Sequence[str]) -> list[str]:
    known = run.labels
    for name in by:
        if name not in (*COLUMNS, *known):
            able = ", ".join((*COLUMNS, *known))
            raise NoSuchLabel(f"--by {name}: the run has no such label; expected one of {able}")
    return [name for name in dict.fromkeys(by) if name in known]


def _groups(batch: MeasuredBatch, label: str | None) -> Iterator[tuple[Group, Flags]]:
    """Yield (source, language, what the label calls them) that occur, and which documents are such."""
    count, place, values = 1, batch.group, [""]
    if label:
        called = batch.labels[label].dictionary_encode()
        values, count = called.dictionary.to_pylist(), len(called.dictionary)
        place = place * count + called.indices.to_numpy()
    for each in np.unique(place).tolist():
        source, language = batch.groups[each // count]
        yield (source, language, values[each % count]), place == each


def ranked(each: Tally, unit: int = 0) -> list[int]:
    """Return the places of the rules that anything broke, the largest share of a unit first."""
    shares = each.shapley[unit]
    return [int(place) for place in np.argsort(-shares, kind="stable") if shares[place] > 0]


def headline(each: Tally, units: Sequence[str]) -> str:
    """Return in words what was dropped of what came in; of tokens, which were never counted, only about."""
    told = []
    for dropped, received, unit in zip(each.dropped, each.received, units, strict=True):
        if unit == UNITS[2]:  # what was kept has another rate, so there is no share of what came in
            told.append(f"about {dropped:,.0f} {unit}")
        else:
            share = f" ({100 * dropped / received:.1f} %)" if received else ""
            told.append(f"{dropped:,.0f} of {received:,.0f} {unit}{share}")
    return f"dropped {', '.join(told)}"


def _agree(run: OpenedRun, found: Sequence[Scan], counted: tuple[int, int]) -> None:
    """Check the documents read, and those of them that break a rule, against the ledger and their states."""
    path, ledger = run.path("filter"), run.ledger("filter")
    states = {each.state: each.read for each in found}
    dropped = ledger["dropped"]["records"] if None in states else states.get("dropped", 0)
    stated = (sum(states.values()), dropped)
    if counted != stated:
        raise Disagreement(
            f"{path}: of {counted[0]:,} documents {counted[1]:,} break a rule by their stored measures; the "
            f"ledger says {stated[0]:,} and {stated[1]:,}. Its files are not those that were published: run "
            "the stage again"
        )
