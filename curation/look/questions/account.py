"""The account of every rule of a run's filter stage, by source, language or label, from what was stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from curation.filters.account import UNITS, Flags, Floats, Tally, empty, tally
from curation.look.errors import BadQuestion, Disagreement
from curation.look.render.terminal import Grid
from curation.look.render.visible import number, visible
from curation.look.run import (
    LABEL,
    MeasuredBatch,
    OpenedRun,
    Rates,
    RuleBounds,
    Scan,
    estimated,
    measured_batches,
    tables,
)
from curation.look.run import rates as token_rates

#: What an account may go by beside the labels that the recipe gave (`label.NAME`).
COLUMNS = ("source", "language")
Key = tuple[str, str, str]  # source, language, value of a label (empty without one)
#: The account of all documents goes by this name, as in the ledger.
ALL = "all"
#: Documents that no pass gave the label: they did not reach it, or it was for other sources.
UNLABELLED = "unlabelled"
#: Of many languages so many are shown; the rest are counted, and stand in the JSON.
GROUPS_SHOWN = 12
IN_ORDER = (
    "The recipe says measure: needed. A document is measured up to the first pass that it broke, so a later "
    "pass looks smaller than it is; with measure: all the account does not depend on the order of passes."
)
_MEANING = """\
breaks: documents that break the rule, whatever else they break; the rule alone would drop as many
only:   documents that break this rule and no other; without the rule as many would come back
share:  what is dropped, each document split evenly among the rules that it breaks (Shapley value); adds up
% of:   the share, of what is dropped
with:   the rule that most of them break as well, and how many do"""


class NoSuchAccount(BadQuestion):
    """An account by a label, or in a unit, that the run does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleAccount:
    """What the rules of a filter stage removed.

    Attributes:
        bounds: the rules.
        tallies: label (None: by none) -> key -> tally, in documents and characters.
        rates: tokens a character; None where the run has tokenized nothing yet.
        edits: stage, source (or "all"), edit, characters that it took from kept documents.
        estimated: in words, how far the numbers are estimates; nothing where every document was read.
        group_by: what JSON and tables go by; None for one account of all documents.
        unit: what tables count in.
    """

    bounds: RuleBounds
    tallies: Mapping[str | None, Mapping[Key, Tally]]
    rates: Rates | None
    edits: pd.DataFrame
    estimated: Sequence[str] = ()
    group_by: str | None = None
    unit: str = UNITS[0]

    @property
    def units(self) -> tuple[str, ...]:
        """What it is counted in: documents, characters and, once a tokenizer is named, tokens."""
        return UNITS if self.rates else UNITS[:2]

    @property
    def notes(self) -> list[str]:
        """What a reader must know of the numbers."""
        order = [] if self.bounds.measure == "all" else [IN_ORDER]
        return [*self.estimated, *order, *([f"Tokens are {self.rates.note}."] if self.rates else [])]

    def by(self, what: str | None = None) -> dict[str, Tally]:
        """Return name -> tally of each source, language or value of a label, those that lost most first.

        Of all documents where None. Documents without a value of the label go by `unlabelled`.
        """
        parts: dict[str, list[Tally]] = {}
        for (source, language, value), part in self.tallies[what if what in self.tallies else None].items():
            name = {"source": source, "language": language, None: ALL}.get(what, value or UNLABELLED)
            counted = part.with_tokens(self.rates.of_dropped(source, language)) if self.rates else part
            parts.setdefault(name, []).append(counted)
        nothing = empty(len(self.bounds.names), len(self.units))
        groups = {name: reduce(add, tallies, nothing) for name, tallies in parts.items()}
        if what is None:
            return {ALL: groups.get(ALL, nothing)}
        return dict(sorted(groups.items(), key=lambda item: (-item[1].dropped[0], item[0])))

    def frame(self, by: str | None = None) -> pd.DataFrame:
        """Return a row for each group and rule, by its share of the documents.

        Columns: `by` if given, rule, then of each unit UNIT (broke the rule), UNIT_only and UNIT_shapley.
        """
        rows = []
        for group, counts in self.by(by).items():
            for rule in self.ranked(counts):
                row: dict[str, Any] = {by or "group": group, "rule": self.bounds.names[rule]}
                for unit, name in enumerate(self.units):
                    row[name] = counts.broke[unit, rule]
                    row[f"{name}_only"] = counts.only[unit, rule]
                    row[f"{name}_shapley"] = counts.shapley[unit, rule]
                rows.append(row)
        names = [f"{unit}{what}" for unit in self.units for what in ("", "_only", "_shapley")]
        return pd.DataFrame(rows, columns=[*([by] if by else []), "rule", *names])

    def ranked(self, counts: Tally, unit: int = 0) -> list[int]:
        """Return the positions of the rules that have a bound, the largest share of a unit first."""
        order = np.argsort(-counts.shapley[unit], kind="stable")
        return [int(rule) for rule in order if self.bounds.names[rule] in self.bounds.binding]

    @property
    def worst(self) -> str | None:
        """The rule that removes the most documents by itself; None where none removed any alone."""
        only = self.by()[ALL].only[0]
        return self.bounds.names[int(only.argmax())] if only.any() else None

    def overlap(self, unit: str = "documents") -> pd.DataFrame:
        """Return rule by rule the share of what broke one (row) that broke the other (column) as well."""
        whole = self.by()[ALL]
        rules = [rule for rule in self.ranked(whole) if whole.broke[0, rule]]
        names = [self.bounds.names[rule] for rule in rules]
        together = whole.pairs[self.units.index(unit)][np.ix_(rules, rules)]
        return pd.DataFrame(together / np.diag(together)[:, None], index=names, columns=names)

    def to_json(self) -> dict[str, Any]:
        """Return the account as JSON data; `with` says for each rule what broke the others too."""
        accounts = [self._group(name, counts) for name, counts in self.by(self.group_by).items()]
        edits = self.edits.to_dict("records")
        shown = [row for row in edits if row["source"] == ALL or self.group_by == "source"]
        about = {"stage": "filter", "measure": self.bounds.measure, "units": list(self.units)}
        return {**about, "notes": self.notes, "accounts": accounts, "edits": shown}

    def _group(self, name: str, counts: Tally) -> dict[str, Any]:
        names, rules = self.bounds.names, []
        for rule in self.ranked(counts):
            pairs = counts.pairs[:, rule]
            others = [other for other in self.ranked(counts) if other != rule and pairs[0, other]]
            rules.append(
                {
                    "rule": names[rule],
                    "breaks": self._counted(counts.broke[:, rule]),
                    "only": self._counted(counts.only[:, rule]),
                    "shapley": self._counted(counts.shapley[:, rule]),
                    "with": {names[other]: self._counted(pairs[:, other]) for other in others},
                }
            )
        # What was kept has another rate than what was dropped, so nobody knows the tokens of what came in.
        received = dict(list(self._counted(counts.received).items())[:2])
        about = {"in": received, "dropped": self._counted(counts.dropped), "rules": rules}
        return {self.group_by: name, **about} if self.group_by else about

    def _counted(self, values: Floats) -> dict[str, float]:
        return {
            unit: round(float(value)) if abs(value - round(value)) < 1e-9 else round(float(value), 3)
            for unit, value in zip(self.units, values, strict=True)
        }

    def __rich__(self) -> RenderableType:
        """Return the account as tables: one of all, or one a source, language or label; in one unit."""
        groups = self.by(self.group_by)
        losing = {name: counts for name, counts in groups.items() if counts.dropped[0]}
        parts: list[RenderableType] = []
        for name, counts in list(losing.items())[:GROUPS_SHOWN]:
            title = f"{self.group_by.removeprefix(LABEL)} {visible(name)}" if self.group_by else "filter"
            parts.append(Text(f"{title}: {headline(counts, self.units)}", style="bold"))
            parts += [self._rules(counts), Text()]
        if not losing:
            parts.append(Text("No document broke a rule."))
        if (more := len(losing) - GROUPS_SHOWN) > 0:
            parts.append(Text(f"{more:,} more lost documents: --json has them all."))
        if len(groups) > len(losing):
            parts.append(Text(f"{len(groups) - len(losing):,} lost none."))
        if losing:
            parts.append(Text(_MEANING, style="dim"))
        return Group(*parts, *map(Text, self._edit_lines()), *map(Text, self.notes))

    def _rules(self, counts: Tally) -> Grid:
        unit = self.units.index(self.unit)
        shares = counts.shapley / np.maximum(counts.dropped, 1)[:, None]
        rows = [
            [
                self.bounds.names[rule],
                *(number(values[unit, rule]) for values in (counts.broke, counts.only, counts.shapley)),
                *(f"{100 * share:.1f}" for share in shares[:, rule]),
                self._companion(counts, rule, unit),
            ]
            for rule in self.ranked(counts, unit)
        ]
        names = ["rule", "breaks", "only", "share", *(f"% of {name}" for name in self.units), "with"]
        return Grid(names, rows, right=1)

    def _companion(self, counts: Tally, rule: int, unit: int) -> str:
        together = counts.pairs[unit, rule].copy()
        together[rule] = 0
        other = int(together.argmax())
        if not together[other]:
            return ""
        share = 100 * together[other] / counts.pairs[unit, rule, rule]
        return f"{share:.0f} % {self.bounds.names[other]}"

    def _edit_lines(self) -> Iterator[str]:
        """Yield what edits took from kept documents, a line a stage and, by source, one for each."""
        wanted = (self.edits["source"] == ALL) != (self.group_by == "source")
        rows = self.edits[wanted & (self.edits["characters"] != 0)]
        for (stage, source), edits in rows.groupby(["stage", "source"], sort=False):
            where = stage if source == ALL else f"{stage}, {visible(source)}"
            counts = ", ".join(f"{row.edit} {row.characters:,}" for row in edits.itertuples())
            yield f"characters that edits took from kept documents in {where}: {counts}"


def account(
    run: OpenedRun, by: Sequence[str] = (), *, unit: str = UNITS[0], whole: bool = True
) -> RuleAccount:
    """Return the account of a run's filter stage; no text is read but a sample of the dropped, for tokens.

    It can go by source, by language and by the labels in `by`; JSON and tables go by the first of these.
    Unless `whole`, states of more than a million documents are estimated from their stored sample. Memory
    grows with rules² times the sources, languages and values that occur, not with the documents.

    Raises:
        NoSuchAccount: the recipe gave no such label, or no tokenizer counts the tokens.
        Disagreement: the stored measures do not give the verdicts that the ledger counted.
    """
    rules, labels, rates = run.bounds, _labels(run, by), token_rates(run)
    if unit == UNITS[2] and not rates:
        raise NoSuchAccount(f"{run.directory}: has no shards, so no tokenizer counts its {unit}")
    tallies: dict[str | None, dict[Key, Tally]] = {name: {} for name in (None, *labels)}
    scans, read, dropped = run.scans("filter", rate=1.0 if whole else 0.0), 0, 0
    for batch in measured_batches(scans, rules.names, labels):
        broken = rules.broken(batch)
        read, dropped = read + len(broken), dropped + int(broken.any(axis=1).sum())
        for label, groups in tallies.items():
            for key, mine in _groups(batch, label):
                counts = tally(broken[mine], batch.characters[mine]).scaled(batch.weight)
                groups[key] = groups[key] + counts if key in groups else counts
    reasons = tables.reasons(run)
    edits = reasons[reasons["reason"].str.startswith("edit:")]
    edits = edits.assign(edit=edits["reason"].str.removeprefix("edit:"))
    _agree(run, scans, (read, dropped))
    return RuleAccount(
        bounds=rules,
        tallies=tallies,
        rates=rates,
        edits=edits[["stage", "source", "edit", "characters"]].reset_index(drop=True),
        estimated=estimated(scans),
        group_by=next(iter(by), None),
        unit=unit,
    )


def _labels(run: OpenedRun, by: Sequence[str]) -> list[str]:
    """Return which of the names are labels of the recipe."""
    known = (*run.labels, *run.carried)
    for name in by:
        if name not in (*COLUMNS, *known):
            able = ", ".join((*COLUMNS, *known))
            raise NoSuchAccount(f"--by {name}: the run has no such label; expected one of {able}")
    return [name for name in dict.fromkeys(by) if name in known]


def _groups(batch: MeasuredBatch, label: str | None) -> Iterator[tuple[Key, Flags]]:
    """Yield the keys that occur, and which documents have each."""
    count, codes, values = 1, batch.group, [""]
    if label:
        encoded = batch.labels[label].dictionary_encode()
        values, count = encoded.dictionary.to_pylist(), len(encoded.dictionary)
        codes = codes * count + encoded.indices.to_numpy()
    for code in np.unique(codes).tolist():
        source, language = batch.groups[code // count]
        yield (source, language, values[code % count]), codes == code


def headline(counts: Tally, units: Sequence[str]) -> str:
    """Return in words what was dropped of what came in; of tokens, which were never counted, only about."""
    parts = []
    for dropped, received, unit in zip(counts.dropped, counts.received, units, strict=True):
        if unit == UNITS[2]:  # what was kept has another rate, so there is no share of what came in
            parts.append(f"about {dropped:,.0f} {unit}")
        else:
            share = f" ({100 * dropped / received:.1f} %)" if received else ""
            parts.append(f"{dropped:,.0f} of {received:,.0f} {unit}{share}")
    return f"dropped {', '.join(parts)}"


def _agree(run: OpenedRun, scans: Sequence[Scan], counted: tuple[int, int]) -> None:
    """Check the documents read, and those of them that break a rule, against the ledger and their states."""
    path, ledger = run.path("filter"), run.ledger("filter")
    states = {scan.state: scan.read for scan in scans}
    dropped = ledger["dropped"]["records"] if None in states else states.get("dropped", 0)
    stated = (sum(states.values()), dropped)
    if counted != stated:
        raise Disagreement(
            f"{path}: of {counted[0]:,} documents {counted[1]:,} break a rule by their stored measures; the "
            f"ledger says {stated[0]:,} and {stated[1]:,}. Its files are not those that were published: run "
            "the stage again"
        )
