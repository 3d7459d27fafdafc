"""Which documents a report shows, in groups; a document in several groups is kept once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from curation.look.render import cards as samples
from curation.look.render.visible import number
from curation.look.run import LABEL, OpenedRun, tables
from curation.text.address import site

RANDOM, PER_GROUP, EXTREMES, VALUES = 30, 4, 8, 10
NEAR_SHOWN = 3
HIGHEST, LOWEST = "highest quality", "lowest quality"
#: Lengths in characters at which the strata of length begin.
LENGTHS = (0, 500, 2_000, 10_000, 50_000)

Row = Mapping[str, Any]


@dataclass(slots=True)
class Group:
    """Documents selected for one reason, each with a note (its value, its side of a bound)."""

    kind: str
    name: str
    about: str = ""
    items: list[tuple[int, str]] = field(default_factory=list)


@dataclass(slots=True)
class ShownDocuments:
    """The documents of a report: `rows`, and groups of (row number, note)."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    _positions: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def add(self, group: Group, rows: Iterable[tuple[Row, str]]) -> None:
        """Add documents to a group; a group of none is not shown."""
        for row, note in rows:
            key = (row["id"], row["file"], row["offset"])
            if key not in self._positions:
                self._positions[key] = len(self.rows)
                self.rows.append({**row, "site": site(row["url"])})
            group.items.append((self._positions[key], note))
        if group.items and group not in self.groups:
            self.groups.append(group)


def select(run: OpenedRun, judged: pd.DataFrame, removed: pd.DataFrame, kept: pd.DataFrame) -> ShownDocuments:
    """Return the documents to show, in groups.

    Args:
        run: the run.
        judged: a sample of what the filter stage judged (empty where it has not run), in hash order.
        removed: a sample of what extraction removed.
        kept: a sample of what the last stage kept.
    """
    selection = ShownDocuments()
    broken = judged[judged["state"] != "kept"] if len(judged) else judged
    selection.add(
        Group("random", "kept", "A hash-sample of what the last stage kept."), _plain(kept.head(RANDOM))
    )
    selection.add(Group("random", "removed by a rule", "A hash-sample."), _plain(broken.head(RANDOM)))
    if len(judged):
        rules = tables.rules(run)
        for group, near in _near(judged, rules):
            selection.add(group, near)
        for name, rows in _by_reason(broken, only=True):
            selection.add(Group("dropped by this rule only", name, "Without it they would be kept."), rows)
    for frame in (broken, removed):
        for name, rows in _by_reason(frame, only=False):
            selection.add(Group("removed by", name), rows)
    for kind, name, part in _strata(judged if len(judged) else kept, run.labels):
        selection.add(Group(kind, name), part)
    lengths = kept["characters"].fillna(0)
    for name, ordered in (("longest", lengths.nlargest), ("shortest", lengths.nsmallest)):
        rows = ordered(EXTREMES, keep="first").index
        extremes = [(kept.loc[row], f"{lengths[row]:,} characters") for row in rows]
        selection.add(Group("extremes", name, "Of what was kept."), extremes)
    return selection


def _plain(frame: pd.DataFrame) -> Iterator[tuple[Row, str]]:
    return ((row, "") for _, row in frame.iterrows())


def _near(frame: pd.DataFrame, rules: pd.DataFrame) -> Iterator[tuple[Group, list[tuple[Row, str]]]]:
    for rule, bound, values, nearest in samples.nearest(frame, rules, NEAR_SHOWN):
        rows = [
            (frame.loc[row], f"{number(values[row])}, {verdict}")
            for key, verdict in (("passed", "passes"), ("broke", "breaks it"))
            for row in nearest[key]
        ]
        yield Group("near a bound", f"{rule}, {bound}", "Would you have decided the same?"), rows


def _by_reason(frame: pd.DataFrame, *, only: bool) -> Iterator[tuple[str, list[tuple[Row, str]]]]:
    groups: dict[str, list[tuple[Row, str]]] = {}
    for _, row in frame.iterrows():
        names = sorted({reason["name"] for reason in row["reasons"]})
        for name in names if not only or len(names) == 1 else ():
            rows = groups.setdefault(name, [])
            if len(rows) < PER_GROUP:
                rows.append((row, ""))
    yield from sorted(groups.items())


def _strata(
    frame: pd.DataFrame, labels: Iterable[str]
) -> Iterator[tuple[str, str, Iterator[tuple[Row, str]]]]:
    """Yield (kind, value, rows) of the commonest sources, languages, sites, labels, and of every length."""
    if frame.empty:
        return
    lengths = pd.cut(frame["characters_in"].fillna(0), [*LENGTHS, float("inf")], right=False)
    columns = {
        "source": frame["source"].fillna(""),
        "language": frame["language"].fillna("").replace("", "un"),
        "site": frame["url"].map(site),
        "length": lengths.map(lambda band: f"from {band.left:,.0f} characters"),
    }
    for name in labels:
        values = frame["metadata"].map(lambda metadata, name=name: (metadata or {}).get(name) or "")
        columns[name.removeprefix(LABEL)] = values
    for kind, column in columns.items():
        for name in column[column != ""].value_counts(sort=True).head(VALUES).index:
            yield f"by {kind}", str(name), _plain(frame[column == name].head(PER_GROUP))


def by_quality(
    run: OpenedRun, kept: pd.DataFrame, prefer: str | None
) -> Iterator[tuple[Group, list[tuple[Row, str]]]]:
    """Yield the kept documents of highest and lowest quality, each with its value.

    The measure is a rule whose name says quality or whose signal is a model's probability; without one,
    what deduplication prefers (`prefer`), and the group says so.
    """
    names = [
        rule.name
        for rule in tables.rules(run).itertuples(index=False)
        if "quality" in rule.name.split(".")[-1] or rule.signal == "fasttext_probability"
    ]
    about = (
        f"By {names[0]}." if names else f"By {prefer}, which dedup prefers: the recipe measures no quality."
    )
    name = names[0] if names else prefer
    if name is None:
        return
    values = kept["measures"].map(lambda measured: measured.get(name)).astype("float64").dropna()
    for title, ordered in ((HIGHEST, values.nlargest), (LOWEST, values.nsmallest)):
        rows = ordered(EXTREMES, keep="first").index
        notes = [(kept.loc[row], f"{name} {number(values[row])}") for row in rows]
        yield Group("extremes", title, about), notes
