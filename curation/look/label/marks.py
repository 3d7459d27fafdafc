"""Marks that a person gave to documents: where they are kept, and how far a recipe agrees with them."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import fsspec
import pyarrow as pa

from curation.accounting.manifest import join
from curation.files.whole import write_whole
from curation.look.run import DEVIATE, OpenedRun, among, masked_rows, matching, write_rows

Mark = Literal["keep", "drop", "unsure"]
MARKS: tuple[Mark, ...] = ("keep", "drop", "unsure")
_STAGE = "filter"
_TEXTS = ("id", "text", "label", "source", "language", "url")
_EXPORTED = pa.schema([*((name, pa.string()) for name in _TEXTS), ("weight", pa.float64())])


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanLabel:
    """One document's mark.

    Attributes:
        weight: how many documents it stands for, of those of its stratum that are marked now (see `weighed`).
        stratum: what it was drawn from, a filter's output and the verdict there; `held` so many documents.
    """

    id: str
    mark: Mark
    note: str
    weight: float
    marked_at: str
    stratum: str = ""
    held: int = 0


def weighed(labels: Mapping[str, HumanLabel]) -> dict[str, HumanLabel]:
    """Return labels with the weights that follow from which are there: those of a stratum share it evenly.

    Draws of any size take the first of a stratum by one hash, and who marks stops anywhere in the order
    of another: every document of a stratum was as likely to be marked, whichever draw it was first in. One
    that names no stratum keeps its weight.
    """
    counts = Counter(label.stratum for label in labels.values())
    return {
        name: replace(label, weight=label.held / counts[label.stratum]) if label.stratum else label
        for name, label in labels.items()
    }


def path(directory: str) -> str:
    """Return where a run's labels are: they stay when the recipe changes, for ids come from content."""
    return join(directory, "labels.jsonl")


def read_labels(directory: str) -> dict[str, HumanLabel]:
    """Return id -> label, in the order they were first given; none where nothing was marked."""
    filesystem, name = fsspec.core.url_to_fs(path(directory))
    if not filesystem.exists(name):
        return {}
    lines = filesystem.cat_file(name).decode("utf-8").splitlines()
    labels = [HumanLabel(**json.loads(line)) for line in lines if line.strip()]
    return {label.id: label for label in labels}


def write_labels(directory: str, labels: Mapping[str, HumanLabel]) -> None:
    """Write the whole table anew, aside and then in its place: what is there is always whole."""
    text = "".join(json.dumps(asdict(label), ensure_ascii=False) + "\n" for label in labels.values())
    write_whole(path(directory), text.encode("utf-8"))


def export(run: OpenedRun, out: str, *, only: str | None = None) -> int:
    """Write the documents marked keep or drop as a table of `text` and `label` to train on; return how many.

    Columns: id, text (as extracted, not edited or dropped yet, but masked), label (`keep` or `drop`), source,
    language, url, weight. `out` ends as `write_rows` has it; `only` one mark's, as `curate quality train`
    takes its positive and negative texts.

    Raises:
        ValueError: nothing is marked.
    """
    marks = (only,) if only else MARKS[:2]
    labels = {id: label for id, label in read_labels(run.directory).items() if label.mark in marks}
    if not labels:
        wanted = " or ".join(marks)
        where = run.directory
        raise ValueError(f"{where}: no document is marked {wanted} yet; run curate label {where}")
    rows = (
        {"id": id, "text": row["text"], "label": labels[id].mark}
        | {name: row[name] or "" for name in ("source", "language", "url")}
        | {"weight": labels[id].weight}
        for id, row in extracted(run, list(labels)).items()
    )
    return write_rows(out, rows, _EXPORTED)


def extracted(run: OpenedRun, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return id -> row of those with a text, as extracted; as the filter left it where that is not there.

    What the recipe masks is masked.
    """
    stage = "extract" if "extract" in run.manifests else _STAGE
    rows = masked_rows(run, stage, among("id", ids))
    return {row["id"]: row for row in rows if row["text"]}


@dataclass(frozen=True, slots=True)
class WeightedShare:
    """A weighted share with its 95 % interval; `total` is how many documents it is of, after weighing."""

    value: float
    low: float
    high: float
    total: float

    @property
    def text(self) -> str:
        """The numbers for a table."""
        if not self.total:
            return "–"
        return f"{100 * self.value:.0f} % ({100 * self.low:.0f} to {100 * self.high:.0f})"


def share(marked: Sequence[tuple[bool, float]]) -> WeightedShare:
    """Return the share of what is true, of (true or not, weight), with Wilson's score interval.

    Unequal weights make a sample worth less: it counts as (sum w)^2 / (sum w^2) documents (Kish 1965).

    >>> half = share([(True, 1.0), (False, 1.0)] * 50)
    >>> round(half.low, 3), half.value, round(half.high, 3)
    (0.404, 0.5, 0.596)
    """
    total = sum(weight for _, weight in marked)
    if not total:
        return WeightedShare(0.0, 0.0, 1.0, 0.0)
    value = sum(weight for true, weight in marked if true) / total
    count = total**2 / sum(weight**2 for _, weight in marked)
    spread = DEVIATE**2 / count
    middle = (value + spread / 2) / (1 + spread)
    reach = math.sqrt(spread * (value * (1 - value) + spread / 4)) / (1 + spread)
    return WeightedShare(value, max(0.0, middle - reach), min(1.0, middle + reach), count)


def agreement(run: OpenedRun) -> dict[str, Any] | None:
    """Return how far a run's filter agrees with its labels, or None where there are none.

    Returns:
        `labelled` counts documents that the filter judged, `unsure` ones too. `table` has what the recipe
        did, how many are marked keep and how many drop, unweighted. `rules` are those that a marked document
        breaks, the commonest first: precision is how much of what breaks it is marked drop, recall how much
        of what is marked drop breaks it. `differing` has (id, what is marked and done, with the note).
    """
    labels = read_labels(run.directory)
    if not labels or _STAGE not in run.manifests:
        return None
    judged = {row["id"]: row for row in matching(run.rows(_STAGE), among("id", labels))}
    both = [(label, judged[label.id]) for label in labels.values() if label.id in judged]
    sure = [
        (label, row, {reason["name"] for reason in row["reasons"]})
        for label, row in both
        if label.mark != "unsure"
    ]
    counts = {
        (kept, mark): sum(label.mark == mark and (row["state"] == "kept") == kept for label, row, _ in sure)
        for kept in (True, False)
        for mark in MARKS[:2]
    }
    names = [name for _, _, broke in sure for name in broke]
    return {
        "labelled": len(both),
        "unsure": len(both) - len(sure),
        "agreement": share([(_agrees(label, row), label.weight) for label, row, _ in sure]),
        "table": [
            (state, counts[kept, "keep"], counts[kept, "drop"])
            for kept, state in ((True, "kept"), (False, "dropped"))
        ],
        "rules": [
            {
                "name": name,
                "broke": names.count(name),
                "precision": share(
                    [(label.mark == "drop", label.weight) for label, _, broke in sure if name in broke]
                ),
                "recall": share(
                    [(name in broke, label.weight) for label, _, broke in sure if label.mark == "drop"]
                ),
            }
            for name in sorted(set(names), key=lambda name: (-names.count(name), name))
        ],
        "differing": [
            (
                label.id,
                f"marked {label.mark}, {row['state']} by the recipe{': ' + label.note if label.note else ''}",
            )
            for label, row, _ in sure
            if not _agrees(label, row)
        ],
    }


def _agrees(label: HumanLabel, row: Mapping[str, Any]) -> bool:
    return bool((label.mark == "keep") == (row["state"] == "kept"))
