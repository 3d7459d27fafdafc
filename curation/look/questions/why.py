"""Questions to a run directory, answered from its files: why is this page in, or not?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow.compute as pc
import pyarrow.dataset as ds
from rich.console import Group, RenderableType
from rich.text import Text

from curation.look.errors import BadQuestion
from curation.look.questions.contamination import STAGE as DECONTAMINATE
from curation.look.questions.contamination import Hit, hits
from curation.look.render.cards import badge
from curation.look.render.listing import beginning
from curation.look.render.terminal import Grid
from curation.look.render.visible import alike, bound, number, visible
from curation.look.run import OpenedRun, among, masked_rows, matching, open_table

#: Documents that were merged into the one asked for: so many are named, the rest counted.
NAMED_DUPLICATES = 10

#: Id, file and offset: what tells two records apart. One that stands twice in the input has one id.
RecordKey = tuple[str, str, int]
#: Rule -> its min and max, None where there is none.
Limits = Mapping[str, tuple[float | None, float | None]]


class UnknownPage(BadQuestion):
    """No record of the run has that id or URL."""


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
    kept_record: str = "?"  # FILE at OFFSET of the record kept, where both have one id

    @property
    def is_identical(self) -> bool:
        """Whether the two records are alike in all that makes an id: it stands twice in the inputs."""
        return self.id == self.kept_id and self.kept_in is None

    def __str__(self) -> str:
        where = f" of the earlier run {self.kept_in}" if self.kept_in else ""
        kept = f"{self.kept_id}{where}, {alike(asdict(self))}"
        if self.is_identical:
            kept = f"an identical record with the same id, {visible(self.kept_record)}"
        return f"merged into {kept}, a cluster of {self.cluster_size:,}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one stage made of a document."""

    stage: str
    state: str
    characters_in: int
    characters: int
    edits: Mapping[str, int]
    measures: Mapping[str, float]
    bounds: Limits
    broken: tuple[Mapping[str, Any], ...]  # reasons; value and bounds are None where nothing was measured
    merged_into: Merge | None
    duplicates: tuple[Merge, ...]
    duplicate_count: int
    held: tuple[Hit, ...] = ()  # of evaluation items

    def lines(self) -> Iterator[str]:
        """Yield what happened, a line each."""
        yield f"{self.characters_in:,} characters in, {self.characters:,} out"
        for name, count in self.edits.items():
            if count:
                yield f"edit {name}: {count:,} characters removed"
        broken = {reason["name"] for reason in self.broken}
        for reason in self.broken:
            yield badge(reason) + (f" ({visible(reason['detail'])})" if reason["detail"] else "")
        for name in (name for name in self.measures if name not in broken):
            limit = bound(*self.bounds.get(name, (None, None)))
            yield f"{name}: {number(self.measures[name])}" + (f", as allowed, {limit}" if limit else "")
        yield from (hit.text for hit in self.held)
        if self.merged_into:
            yield str(self.merged_into)
        for merge in self.duplicates:
            other = "an identical record with the same id" if merge.is_identical else merge.id
            yield f"stands for {other}, {alike(asdict(merge))}"
        if more := self.duplicate_count - len(self.duplicates):
            yield f"and for {more:,} more"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSpan:
    """Where tokens of a document lie: `length` tokens from the document's token `start` on."""

    stream: str
    shard: str
    row: int
    start: int
    length: int

    def __str__(self) -> str:
        return f"{self.shard} row {self.row}: {self.length:,} tokens from token {self.start:,} on"


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
    places: tuple[TokenSpan, ...]

    def __rich__(self) -> RenderableType:
        """Return where the record is from, a table of its steps, and the beginning of its text."""
        record = f"{self.file} at {self.offset:,}, {self.length:,} long"
        facts = {"id": self.id, "source": self.source, "title": self.title, "language": self.language}
        lines = [
            Text.assemble((f"{name:<10}", "dim"), visible(value))
            for name, value in (facts | {"captured": self.captured_at, "record": record}).items()
        ]
        steps: list[list[str | Text]] = [
            [step.stage, step.state, Text("\n".join(step.lines()))] for step in self.steps
        ]
        if self.places:
            spans = "\n".join(map(str, self.places))
            steps.append(["shard", "kept", Text(spans)])
        return Group(
            Text(visible(self.url) or "(no URL)", style="bold"),
            *lines,
            *(Text(), Grid(["stage", "state", "what happened"], steps, left=3)),
            *(Text(), Text(visible(self.excerpt), style="dim"), Text()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The answer to `why`: every record with that id or URL (a URL may have been captured twice)."""

    page: str
    lives: tuple[Life, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the story as JSON data."""
        return {"asked": self.page, "documents": [asdict(life) for life in self.lives]}

    def __rich__(self) -> RenderableType:
        """Return every record's life."""
        return Group(*self.lives)


def _record(row: Mapping[str, Any]) -> RecordKey:
    return row["id"], row["file"], row["offset"]


def why(run: OpenedRun, page: str) -> Story:
    """Return what every stage made of a page, by its id, its URL, or the id its input gave it.

    Raises:
        UnknownPage: no record of the run has any of them.
    """
    stages = run.row_stages
    named = (pc.field("id") == page) | (pc.field("url") == page) | (pc.field("record_id") == page)
    entered = {stage: masked_rows(run, stage, named) for stage in stages}
    firsts: dict[RecordKey, dict[str, Any]] = {}
    for stage in stages:
        for row in entered[stage]:
            firsts.setdefault(_record(row), row)
    if not firsts:
        raise UnknownPage(
            f"{run.directory}: no record has the id or URL '{page}'; expected an id (32 hex digits), a URL "
            f"as captured, or an input's own id, of a record that entered {', '.join(stages) or 'a stage'}"
        )
    ids = sorted({row["id"] for row in firsts.values()})
    held = hits(run, ids)
    kept = {row["id"]: row for row in entered.get("dedup", ()) if row["state"] == "kept"}
    merges, places = _merges(run, ids, kept), _places(run, ids)
    bounds = {name: (_finite(rule.min), _finite(rule.max)) for name, rule in run.rules.items()}
    lives = []
    for record, row in firsts.items():
        mine = [
            (stage, of_stage)
            for stage in stages
            for of_stage in entered[stage]
            if _record(of_stage) == record
        ]
        steps = tuple(_steps(mine, merges, bounds, held))
        lies = places.get(row["id"], ()) if steps[-1].state == "kept" else ()
        lives.append(_life(row, mine[-1][1]["text"], steps, tuple(lies)))
    return Story(page=page, lives=tuple(lives))


def _life(
    row: Mapping[str, Any], text: str | None, steps: tuple[Step, ...], places: tuple[TokenSpan, ...]
) -> Life:
    names = ("source", "url", "title", "language", "captured_at", "file")
    facts: dict[str, Any] = {name: row[name] or "" for name in names}
    facts |= {name: -1 if row[name] is None else row[name] for name in ("offset", "length")}
    excerpt = beginning(text or row["text"] or "")
    return Life(id=row["id"], excerpt=excerpt, steps=steps, places=places, **facts)


def _steps(
    mine: list[tuple[str, dict[str, Any]]], merges: list[Merge], bounds: Limits, held: list[Hit]
) -> Iterator[Step]:
    """Yield the steps of one document; a measure travels with it and stands in the step that took it."""
    known: set[str] = set()
    for stage, row in mine:
        measured = {name: value for name, value in row["measures"] or () if name not in known}
        known |= set(measured)
        own = tuple(hit for hit in held if hit.id == row["id"] and stage == DECONTAMINATE)
        yield replace(_step(stage, row, measured, merges, bounds), held=own)


def _step(
    stage: str, row: Mapping[str, Any], measured: Mapping[str, float], merges: list[Merge], bounds: Limits
) -> Step:
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
        broken=tuple(
            {name: _finite(value) for name, value in reason.items()} for reason in row["reasons"] or ()
        ),
        merged_into=next((m for m in mine if m.id == row["id"] and row["state"] == "merged"), None),
        duplicates=tuple(duplicates[:NAMED_DUPLICATES]),
        duplicate_count=len(duplicates),
    )


def _finite(value: Any) -> Any:
    """JSON has no infinity: an open bound is None."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _merges(run: OpenedRun, ids: list[str], kept: Mapping[str, Mapping[str, Any]]) -> list[Merge]:
    """Return the merges from and into these documents, the most alike first; `kept` is id -> row."""
    if "dedup" not in run.manifests:
        return []
    about = among("id", ids) | among("kept_id", ids)
    merges = [Merge(**row) for row in matching(run.clusters(), about)]
    merges = [
        replace(merge, kept_record=f"{row['file']} at {row['offset']:,}")
        if merge.is_identical and (row := kept.get(merge.kept_id))
        else merge
        for merge in merges
    ]
    return sorted(merges, key=lambda merge: (-(merge.jaccard or 0.0), merge.id))


def _places(run: OpenedRun, ids: list[str]) -> dict[str, list[TokenSpan]]:
    """Return document id -> its rows in the shards, in order of its tokens."""
    if "shard" not in run.manifests:
        return {}
    spans: dict[str, list[TokenSpan]] = {}
    for stream, held in run.manifest("shard").detail["streams"].items():
        for shard in held["shards"]:
            table: ds.Dataset = open_table(run.path("shard", shard["provenance"]))
            for row in matching(table, among("id", ids)):
                where = {name: row[name] for name in ("row", "start", "length")}
                spans.setdefault(row["id"], []).append(TokenSpan(stream=stream, shard=shard["file"], **where))
    return {document: sorted(parts, key=lambda span: span.start) for document, parts in spans.items()}
