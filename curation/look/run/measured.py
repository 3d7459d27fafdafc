"""The stored measures of the filter stage, streamed: which document broke which rule, no text read.

Batches are small, so memory does not grow with the number of documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curation.filters.account import Flags
from curation.filters.rules import Pass
from curation.look.run.stored import Scan

_BATCH_ROWS = 16_384
_COLUMNS = ("id", "source", "language", "characters_in", "characters", "measures")
_BETWEEN = "\x1f"

#: (source, language)
Group = tuple[str, str]
#: (rules,)
Bound = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBounds:
    """The rules of a filter stage, `pass.rule`, in their order; what a recipe only measures has no bounds.

    Attributes:
        names: of the rules.
        low, high: (rules,), the closed interval that each allows.
        only: of each, the sources that it is for; none for all.
        measure: `all`, or `needed`: up to the first pass that a document broke.
        per_language: language -> (low, high) of its documents, where it has bounds of its own.
    """

    names: tuple[str, ...]
    low: Bound
    high: Bound
    only: tuple[tuple[str, ...], ...]
    measure: str
    per_language: Mapping[str, tuple[Bound, Bound]] = field(default_factory=dict)

    @property
    def binding(self) -> list[str]:
        """The rules that have a bound, for whichever language: the others only measure."""
        tables = [(self.low, self.high), *self.per_language.values()]
        bound = np.any([np.isfinite(low) | np.isfinite(high) for low, high in tables], axis=0)
        return [name for name, has_bound in zip(self.names, bound, strict=True) if has_bound]

    def changed(self, rule: str, side: str, value: float) -> RuleBounds:
        """Return the rules with one bound (`min` or `max`) moved; a language's own bound of it stays."""
        name, at, number = "low" if side == "min" else "high", int(side != "min"), self.names.index(rule)
        before, moved = getattr(self, name), getattr(self, name).copy()
        moved[number] = value
        tables = {language: (low.copy(), high.copy()) for language, (low, high) in self.per_language.items()}
        for pair in tables.values():
            if pair[at][number] == before[number]:
                pair[at][number] = value
        return replace(self, per_language=tables, **{name: moved})

    def own(self, language: str) -> Flags:
        """Return for which rules a language has bounds of its own, (rules,)."""
        low, high = self.per_language[language]
        differs: Flags = (low != self.low) | (high != self.high)
        return differs

    def broken(self, batch: MeasuredBatch) -> Flags:
        """Return which document broke which rule, (documents, rules); one that did not measure it, none."""
        inside = (self.low <= batch.values) & (batch.values <= self.high)
        for number, (_, language) in enumerate(batch.groups):
            if language in self.per_language:
                (low, high), mine = self.per_language[language], batch.group == number
                inside[mine] = (low <= batch.values[mine]) & (batch.values[mine] <= high)
        broken: Flags = batch.measured & ~inside
        return broken


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredBatch:
    """Some documents and what was measured of them.

    Attributes:
        ids: (documents,), an Arrow array.
        characters: (documents,), of each as the filter received it; `edited`, as the edits left it.
        groups: source and language of each group; `group` is (documents,), which of them.
        values: (documents, rules), NaN where nothing was measured.
        measured: (documents, rules), where something was.
        labels: label -> (documents,), its value of each document; empty where it was not labelled.
        weight: how many documents each document stands for.
    """

    ids: pa.Array
    characters: npt.NDArray[np.int64]
    edited: npt.NDArray[np.int64]
    groups: Sequence[Group]
    group: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    measured: Flags
    labels: Mapping[str, pa.StringArray]
    weight: float


def rule_bounds(passes: Sequence[Pass], measure: str) -> RuleBounds:
    """Return the bounds of the rules of some passes; `measure` is `all` or `needed`."""
    rules = [(filter_pass, rule) for filter_pass in passes for rule in filter_pass.rules]
    return RuleBounds(
        names=tuple(f"{filter_pass.name}.{rule.name}" for filter_pass, rule in rules),
        low=np.array([rule.min for _, rule in rules]),
        high=np.array([rule.max for _, rule in rules]),
        only=tuple(filter_pass.only for filter_pass, _ in rules),
        measure=measure,
        per_language=_per_language(passes),
    )


def _per_language(passes: Sequence[Pass]) -> dict[str, tuple[Bound, Bound]]:
    """Return the bounds of each language that a table names; a rule that it leaves out has none."""
    bounds = {}
    for language in dict.fromkeys(chain.from_iterable(filter_pass.languages for filter_pass in passes)):
        low, high = [], []
        for filter_pass in passes:
            own = {rule.name: (rule.min, rule.max) for rule in filter_pass.rules_for(language)}
            for rule in filter_pass.rules:
                least, most = own.get(rule.name, (-np.inf, np.inf))
                low.append(least)
                high.append(most)
        bounds[language] = np.array(low), np.array(high)
    return bounds


def measured_batches(
    scans: Sequence[Scan], names: Sequence[str], labels: Sequence[str] = ()
) -> Iterator[MeasuredBatch]:
    """Yield the documents of the filter stage, with their values of the rules called `names`.

    Args:
        scans: of the filter stage (`OpenedRun.scans`).
        names: of rules, `pass.rule`.
        labels: to read, `label.NAME`; without any no metadata is read.
    """
    options = {"batch_size": _BATCH_ROWS, "batch_readahead": 2, "fragment_readahead": 1}
    columns = [*_COLUMNS, *(["metadata"] if labels else [])]
    scanned = (
        (batch, scan.weight)
        for scan in scans
        for batch in scan.table.to_batches(columns=columns, filter=scan.only, **options)
    )
    for batch, weight in scanned:
        if batch.num_rows:
            groups, group = _groups(batch)
            values, measured = _values(batch["measures"], names)
            received, edited = (
                batch[name].to_numpy(zero_copy_only=False) for name in ("characters_in", "characters")
            )
            yield MeasuredBatch(
                ids=batch["id"],
                characters=received,
                edited=edited,
                groups=groups,
                group=group,
                values=values,
                measured=measured,
                labels={name: _label(batch, name) for name in labels},
                weight=weight,
            )


def _label(batch: pa.RecordBatch, label: str) -> pa.StringArray:
    return pc.fill_null(pc.map_lookup(batch["metadata"], label, "first"), "")


def _groups(batch: pa.RecordBatch) -> tuple[list[Group], npt.NDArray[np.int64]]:
    sources, languages = (pc.fill_null(batch[name], "") for name in ("source", "language"))
    both = pc.binary_join_element_wise(sources, languages, _BETWEEN).dictionary_encode()
    names = [joined.rpartition(_BETWEEN) for joined in both.dictionary.to_pylist()]
    return [(source, language or "un") for source, _, language in names], both.indices.to_numpy()


def _values(column: pa.MapArray, names: Sequence[str]) -> tuple[npt.NDArray[np.float64], Flags]:
    """Return ((rows, names) of a map column, where there is a value); keys of other names are passed over."""
    offsets = column.offsets.to_numpy()
    first, last = int(offsets[0]), int(offsets[-1])
    keys = column.keys.slice(first, last - first).dictionary_encode()
    positions = {name: position for position, name in enumerate(names)}
    known = np.array([positions.get(key, -1) for key in keys.dictionary.to_pylist()] or [-1], np.int64)
    position = known[keys.indices.to_numpy()]
    row = np.repeat(np.arange(len(column)), np.diff(offsets))
    values = np.full((len(column), len(names)), np.nan)
    measured = np.zeros(values.shape, np.bool_)
    wanted = position >= 0
    items = column.items.slice(first, last - first).to_numpy(zero_copy_only=False)
    values[row[wanted], position[wanted]] = items[wanted]
    measured[row[wanted], position[wanted]] = True
    return values, measured
