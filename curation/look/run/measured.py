"""The stored measures of the filter stage, streamed: which document broke which rule, no text read.

Batches are small, so memory does not grow with the number of documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curation.accounting.manifest import published, read_manifest
from curation.filters.account import Flags
from curation.look.run.stored import Part, parts

_BATCH_ROWS = 16_384
_COLUMNS = ("id", "source", "language", "characters_in", "characters", "measures")
_BETWEEN = "\x1f"

#: (source, language)
Group = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The rules of a filter stage, `pass.rule`, in their order; what a recipe only measures has no bounds.

    Attributes:
        names: of the rules.
        low, high: (rules,), the closed interval that each allows.
        only: of each, the sources that it is for; none for all.
        measure: `all`, or `needed`: up to the first pass that a document broke.
        spoken: language -> (low, high) of the documents in it, where a table gives it bounds of its own.
    """

    names: tuple[str, ...]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    only: tuple[tuple[str, ...], ...]
    measure: str
    spoken: Mapping[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]] = field(
        default_factory=dict
    )

    def changed(self, rule: str, side: str, value: float) -> Bounds:
        """Return the rules with one bound (`min` or `max`) moved; those of a table's languages stay."""
        name = "low" if side == "min" else "high"
        moved = getattr(self, name).copy()
        moved[self.names.index(rule)] = value
        return replace(self, **{name: moved})

    def broken(self, batch: Batch) -> Flags:
        """Return which document broke which rule, (documents, rules); one that did not measure it, none."""
        inside = (self.low <= batch.values) & (batch.values <= self.high)
        for number, (_, language) in enumerate(batch.groups):
            if language in self.spoken:
                (low, high), mine = self.spoken[language], batch.group == number
                inside[mine] = (low <= batch.values[mine]) & (batch.values[mine] <= high)
        broken: Flags = batch.measured & ~inside
        return broken


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some documents and what was measured of them.

    Attributes:
        ids: (documents,), an Arrow array.
        characters: (documents,), of each as the filter received it; `edited`, as the edits left it.
        groups: source and language of each group; `group` is (documents,), which of them.
        values: (documents, rules), NaN where nothing was measured.
        measured: (documents, rules), where something was.
        labels: label -> (documents,), what each is called; empty where it was not labelled.
        weight: how many documents each stands for.
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


def bounds(directory: str) -> Bounds:
    """Return the rules of a run's filter stage.

    Raises:
        MissingManifest: no filter stage was published there.
    """
    config = read_manifest(published(directory, "filter")).config
    found: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = [
        (each, rule) for each in config["filter"] for rule in each["rules"]
    ]
    return Bounds(
        names=tuple(f"{each['name']}.{rule['name']}" for each, rule in found),
        low=np.array([float(rule["min"]) for _, rule in found]),
        high=np.array([float(rule["max"]) for _, rule in found]),
        only=tuple(tuple(each.get("only") or ()) for each, _ in found),
        measure=str(config.get("measure", "needed")),
        spoken=_spoken(config["filter"]),
    )


def _spoken(
    passes: Sequence[Mapping[str, Any]],
) -> dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Return the bounds of each language that a table names; a rule that it takes out has none."""
    languages = dict.fromkeys(chain.from_iterable(each.get("per_language") or () for each in passes))
    found = {}
    for language in languages:
        low, high = [], []
        for each in passes:
            own = (each.get("per_language") or {}).get(language, each["rules"])
            bounds = {rule["name"]: (float(rule["min"]), float(rule["max"])) for rule in own}
            for rule in each["rules"]:
                least, most = bounds.get(rule["name"], (-np.inf, np.inf))
                low.append(least)
                high.append(most)
        found[language] = np.array(low), np.array(high)
    return found


def judged(directory: str, *, whole: bool) -> list[Part]:
    """Return where to read the documents that the filter stage judged.

    All of them where `whole`; else the stored sample of those states that have one.

    Raises:
        MissingManifest: no filter stage was published there.
    """
    return parts(directory, "filter", rate=1.0 if whole else 0.0)


def batches(found: Sequence[Part], names: Sequence[str], labels: Sequence[str] = ()) -> Iterator[Batch]:
    """Yield every document of `judged`, with its values of the rules called `names`.

    `labels` are those asked for, `label.NAME`; other metadata is not read without one.
    """
    options = {"batch_size": _BATCH_ROWS, "batch_readahead": 2, "fragment_readahead": 1}
    columns = [*_COLUMNS, *(["metadata"] if labels else [])]
    scanned = (
        (batch, part.weight)
        for part in found
        for batch in part.table.to_batches(columns=columns, filter=part.only, **options)
    )
    for batch, weight in scanned:
        if batch.num_rows:
            groups, group = _groups(batch)
            values, measured = _values(batch["measures"], names)
            received, edited = (
                batch[name].to_numpy(zero_copy_only=False) for name in ("characters_in", "characters")
            )
            yield Batch(
                ids=batch["id"],
                characters=received,
                edited=edited,
                groups=groups,
                group=group,
                values=values,
                measured=measured,
                labels={name: _called(batch, name) for name in labels},
                weight=weight,
            )


def _called(batch: pa.RecordBatch, label: str) -> pa.StringArray:
    return pc.fill_null(pc.map_lookup(batch["metadata"], label, "first"), "")


def _groups(batch: pa.RecordBatch) -> tuple[list[Group], npt.NDArray[np.int64]]:
    sources, languages = (pc.fill_null(batch[name], "") for name in ("source", "language"))
    both = pc.binary_join_element_wise(sources, languages, _BETWEEN).dictionary_encode()
    parted = [each.rpartition(_BETWEEN) for each in both.dictionary.to_pylist()]
    return [(source, language or "un") for source, _, language in parted], both.indices.to_numpy()


def _values(column: pa.MapArray, names: Sequence[str]) -> tuple[npt.NDArray[np.float64], Flags]:
    """Return ((rows, names) of a map column, where there is a value); keys of other names are passed over."""
    offsets = column.offsets.to_numpy()
    first, last = int(offsets[0]), int(offsets[-1])
    keys = column.keys.slice(first, last - first).dictionary_encode()
    known = {name: place for place, name in enumerate(names)}
    places = np.array([known.get(key, -1) for key in keys.dictionary.to_pylist()] or [-1], np.int64)
    place = places[keys.indices.to_numpy()]
    row = np.repeat(np.arange(len(column)), np.diff(offsets))
    values = np.full((len(column), len(names)), np.nan)
    measured = np.zeros(values.shape, np.bool_)
    wanted = place >= 0
    values[row[wanted], place[wanted]] = column.items.slice(first, last - first).to_numpy(
        zero_copy_only=False
    )[wanted]
    measured[row[wanted], place[wanted]] = True
    return values, measured
