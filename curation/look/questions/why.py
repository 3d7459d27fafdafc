"""Questions to a run directory, answered from its files: why is this page in, or not?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow.compute as pc
import pyarrow.dataset as ds
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from curation.accounting.manifest import MissingManifest, join, published, read_manifest
from curation.look.questions.contamination import STAGE as DECONTAMINATE
from curation.look.questions.contamination import Hit, hits
from curation.look.render.cards import badge
from curation.look.render.visible import alike, as_text, bound, number, visible
from curation.look.run import masked_rows, matching, open_run, open_table

#: Documents that were merged into the one asked for: so many are named, the rest counted.
NAMED_DUPLICATES = 10
EXCERPT_CHARACTERS = 300

Record = tuple[str, str, int]
Bounds = Mapping[str, tuple[float | None, float | None]]


class UnknownPage(LookupError):
    """No record of the run has that id or URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A reason for removal; value and bounds are None where nothing was measured."""

    name: str
    state: str
    value: float | None
    min: float | None
    max: float | None
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """One line of the clusters table."""

    id: str
    kept_id: str
    jaccard: float | None  # None where nobody compared them
    bands_shared: int | None
    cluster_size: int
    reason: str
    containment: float | None = None
    kept_in: str | None = None  # fingerprint of the earlier run that keeps it; None = this one
    through: str | None = None  # what it was merged into before that was itself merged, by its meaning
    cosine: float | None = None  # of embeddings


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one stage made of a document."""

    stage: str
    state: str
    characters_in: int
    characters: int
    edits: Mapping[str, int]
    measures: Mapping[str, float]
    bounds: Bounds
    broken: tuple[Broken, ...]
    merged_into: Merge | None
    duplicates: tuple[Merge, ...]
    duplicate_count: int
    held: tuple[Hit, ...] = ()  # of evaluation items


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where tokens of a document lie: `length` tokens from the document's token `start` on."""

    stream: str
    shard: str
    row: int
    start: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One record's way through the stages."""

    id: str
    source: str
    url: str
    title: str
    language: str
    captured_at: str
    file: str
    offset: int
    length: int
    excerpt: str
    steps: tuple[Step, ...]
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The answer to `why`: every record with that id or URL (a URL may have been captured twice)."""

    asked: str
    lives: tuple[Life, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the story as JSON data."""
        return {"asked": self.asked, "documents": [asdict(life) for life in self.lives]}

    def to_text(self) -> str:
        """Return the story as text of 110 columns."""
        return as_text(*map(_shown, self.lives))


def _record(row: Mapping[str, Any]) -> Record:
    """Return what tells two records apart: one that stands twice in the input has one id."""
    return row["id"], row["file"], row["offset"]


def why(directory: str, page: str) -> Story:
    """Return what every stage made of a page, by its id, its URL, or the id its input gave it.

    Raises:
        UnknownPage: no record of the run has any of them.
        MissingManifest: nothing was published in `directory`.
    """
    run = open_run(directory)
    stages = run.row_stages
    asked = (pc.field("id") == page) | (pc.field("url") == page) | (pc.field("record_id") == page)
    entered = {stage: masked_rows(run, stage, asked) for stage in stages}
    firsts: dict[Record, dict[str, Any]] = {}
    for stage in stages:
        for row in entered[stage]:
            firsts.setdefault(_record(row), row)
    if not firsts:
        raise UnknownPage(
            f"{directory}: no record has the id or URL '{page}'; expected an id (32 hex digits), a URL as "
            f"captured, or an input's own id, of a record that entered {', '.join(stages) or 'a stage'}"
        )
    ids = sorted({row["id"] for row in firsts.values()})
    held = hits(directory, ids)
    merges, places, bounds = _merges(directory, ids), _places(directory, ids), _bounds(directory)
    lives = []
    for record, row in firsts.items():
        mine = [(stage, each) for stage in stages for each in entered[stage] if _record(each) == record]
        steps = tuple(_steps(mine, merges, bounds, held))
        lies = places.get(row["id"], ()) if steps[-1].state == "kept" else ()
        lives.append(_life(row, mine[-1][1]["text"], steps, tuple(lies)))
    return Story(asked=page, lives=tuple(lives))


def _life(
    row: Mapping[str, Any], text: str | None, steps: tuple[Step, ...], places: tuple[Place, ...]
) -> Life:
    names = ("source", "url", "title", "language", "captured_at", "file")
    told: dict[str, Any] = {name: row[name] or "" for name in names}
    told |= {name: -1 if row[name] is None else row[name] for name in ("offset", "length")}
    excerpt = (text or row["text"] or "")[:EXCERPT_CHARACTERS]
    return Life(id=row["id"], excerpt=excerpt, steps=steps, places=places, **told)


def _steps(
    mine: list[tuple[str, dict[str, Any]]], merges: list[Merge], bounds: Bounds, held: list[Hit]
) -> Iterator[Step]:
    """Yield the steps of one document; measures travel with it, each is told where it was taken."""
    known: set[str] = set()
    for stage, row in mine:
        measured = {name: value for name, value in row["measures"] or () if name not in known}
        known |= set(measured)
        own = tuple(hit for hit in held if hit.id == row["id"] and stage == DECONTAMINATE)
        yield replace(_step(stage, row, measured, merges, bounds), held=own)


def _step(
    stage: str, row: Mapping[str, Any], measured: Mapping[str, float], merges: list[Merge], bounds: Bounds
) -> Step:
    fields = ("name", "state", "value", "min", "max", "detail")
    mine = merges if stage == "dedup" else []
    duplicates = [merge for merge in mine if merge.kept_id == row["id"] and row["state"] == "kept"]
    return Step(
        stage=stage,
        state=row["state"],
        characters_in=row["characters_in"] or 0,
        characters=row["characters"] or 0,
        edits=dict(row["edits"] or ()),
        measures=measured,
        bounds={name: bounds[name] for name in measured if name in bounds},
        broken=tuple(Broken(**{k: _finite(each[k]) for k in fields}) for each in row["reasons"] or ()),
        merged_into=next((m for m in mine if m.id == row["id"] and row["state"] == "merged"), None),
        duplicates=tuple(duplicates[:NAMED_DUPLICATES]),
        duplicate_count=len(duplicates),
    )


def _finite(value: Any) -> Any:
    """JSON has no infinity: an open bound is None."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _bounds(directory: str) -> Bounds:
    rules = open_run(directory).rules
    return {name: (_finite(rule.min), _finite(rule.max)) for name, rule in rules.items()}


def _merges(directory: str, ids: list[str]) -> list[Merge]:
    try:
        table = open_run(directory).clusters()
    except MissingManifest:
        return []
    about = pc.field("id").isin(ids) | pc.field("kept_id").isin(ids)
    found = [Merge(**row) for row in matching(table, about)]
    return sorted(found, key=lambda merge: (-(merge.jaccard or 0.0), merge.id))


def _places(directory: str, ids: list[str]) -> dict[str, list[Place]]:
    """Return document id -> its rows in the shards, in order of its tokens."""
    try:
        path = published(directory, "shard")
    except MissingManifest:
        return {}
    found: dict[str, list[Place]] = {}
    for stream, held in read_manifest(path).detail["streams"].items():
        for shard in held["shards"]:
            table: ds.Dataset = open_table(join(path, shard["provenance"]))
            for row in matching(table, pc.field("id").isin(ids)):
                place = {name: row[name] for name in ("row", "start", "length")}
                found.setdefault(row["id"], []).append(Place(stream=stream, shard=shard["file"], **place))
    return {document: sorted(each, key=lambda place: place.start) for document, each in found.items()}


def _shown(life: Life) -> RenderableType:
    head = Text(visible(life.url) or "(no URL)", style="bold")
    facts = Table.grid(padding=(0, 2))
    where = f"{life.file} at {life.offset:,}, {life.length:,} long"
    told = {"id": life.id, "source": life.source, "title": life.title, "language": life.language}
    for name, value in (told | {"captured": life.captured_at, "record": where}).items():
        facts.add_row(Text(name, style="dim"), Text(visible(value)))
    steps = Table(show_edge=False, pad_edge=False)
    for name in ("stage", "state", "what happened"):
        steps.add_column(name, vertical="top")
    for step in life.steps:
        steps.add_row(step.stage, step.state, Text("\n".join(_happened(step))))
    if life.places:
        lines = [f"{p.shard} row {p.row}: {p.length:,} tokens from token {p.start:,} on" for p in life.places]
        steps.add_row("shard", "kept", Text("\n".join(lines)))
    excerpt = Text(visible(life.excerpt), style="dim")
    return Group(head, facts, Text(), steps, Text(), excerpt, Text())


def _happened(step: Step) -> list[str]:
    lines = [f"{step.characters_in:,} characters in, {step.characters:,} out"]
    lines += [f"edit {name}: {count:,} characters removed" for name, count in step.edits.items() if count]
    lines += [badge(asdict(each)) + _aside(each.detail) for each in step.broken]
    broken = {each.name for each in step.broken}
    for name, value in step.measures.items():
        if name not in broken:
            limit = bound(*step.bounds.get(name, (None, None)))
            lines.append(f"{name}: {number(value)}" + (f", as allowed, {limit}" if limit else ""))
    lines += [hit.told() for hit in step.held]
    if step.merged_into:
        merge = step.merged_into
        where = f" of the earlier run {merge.kept_in}" if merge.kept_in else ""
        told = f"{alike(asdict(merge))}, a cluster of {merge.cluster_size}"
        lines.append(f"merged into {merge.kept_id}{where}, {told}")
    lines += [f"stands for {merge.id}, {alike(asdict(merge))}" for merge in step.duplicates]
    unnamed = step.duplicate_count - len(step.duplicates)
    return [*lines, f"and for {unnamed:,} more"] if unnamed else lines


def _aside(detail: str | None) -> str:
    return f" ({visible(detail)})" if detail else ""
