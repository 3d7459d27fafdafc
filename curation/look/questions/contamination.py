"""What the decontamination found: by set, by item, with the matched text; and what is common text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow.compute as pc
import pyarrow.dataset as ds
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from curation.accounting.manifest import MissingManifest, join, published, read_manifest
from curation.look.render.visible import as_text, visible
from curation.look.run import matching, open_table

#: Items and passages listed unless asked otherwise; characters of a matched text that a line shows.
LISTED, SHOWN_CHARACTERS = 20, 300
STAGE = "decontaminate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A passage of an item in a document; `taken` where it counted, `common` where its passage is common."""

    id: str
    set: str
    item_id: str
    place: str
    passage: int
    words: int
    found: int
    overlap: float
    start: int
    end: int
    documents: int
    common: bool
    taken: bool
    matched_text: str

    def told(self) -> str:
        """Return the match in one line."""
        text = visible(" ".join(self.matched_text.split()))
        text = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
        aside = f", common text (in {self.documents:,} documents)" if not self.taken else ""
        of = f"{self.found} of {self.words} words, characters {self.start:,} to {self.end:,}"
        return f"holds item {self.item_id} of {self.set} ({self.place}): {of}{aside}: “{text}”"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundItem:
    """An item that documents hold: how many do, how much of its best passage, and one of the matches."""

    set: str
    id: str
    place: str
    documents: int
    overlap: float
    example: Hit | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """The answer to `curate contamination`.

    Attributes:
        sets: set -> items, those looked for, those found, those found only as common text, documents.
        items: those that most documents hold, first.
        common: one match of each passage that was taken for common text, those in most documents first.
        common_documents: in how many documents a passage may be found.
    """

    sets: Mapping[str, Mapping[str, int]]
    items: tuple[FoundItem, ...]
    common: tuple[Hit, ...]
    common_documents: int

    def to_json(self) -> dict[str, Any]:
        """Return the answer as JSON data."""
        return asdict(self)

    def to_text(self) -> str:
        """Return the answer as text of 110 columns."""
        return as_text(*_shown(self))


def contamination(directory: str, *, listed: int = LISTED) -> Contamination:
    """Return what a run's decontamination found; `listed` items and common passages are told one by one.

    Raises:
        MissingManifest: no decontamination was published in `directory`.
    """
    path = published(directory, STAGE)
    detail = read_manifest(path).detail
    items = _table(path, "items")
    found = matching(items, pc.field("documents") > 0) if items.schema.names else []
    found.sort(key=lambda row: (-row["documents"], row["set"], row["place"], row["id"]))
    examples = {(hit.set, hit.item_id): hit for hit in reversed(_hits(path, pc.field("taken")))}
    names = ("set", "id", "place", "documents", "overlap")
    told = [
        FoundItem(**{name: row[name] for name in names}, example=examples.get((row["set"], row["id"])))
        for row in found[:listed]
    ]
    passages = {
        (hit.set, hit.item_id, hit.words, hit.documents): hit for hit in _hits(path, ~pc.field("taken"))
    }
    common = sorted(passages.values(), key=lambda hit: (-hit.documents, hit.set, hit.item_id))
    return Contamination(
        sets=detail["sets"],
        items=tuple(told),
        common=tuple(common[:listed]),
        common_documents=detail["common_documents"],
    )


def hits(directory: str, ids: Sequence[str]) -> list[Hit]:
    """Return what documents hold of evaluation items; none where no decontamination was published."""
    try:
        path = published(directory, STAGE)
    except MissingManifest:
        return []
    return _hits(path, pc.field("id").isin(list(ids)))


def _table(path: str, name: str) -> ds.Dataset:
    return open_table(join(path, name))


def _hits(path: str, condition: ds.Expression) -> list[Hit]:
    """Return the matches that meet a condition, by set, item, then the best."""
    table = _table(path, "matches")
    rows = matching(table, condition) if table.schema.names else []
    found = [Hit(**{name: row[name] for name in Hit.__slots__}) for row in rows]
    return sorted(found, key=lambda hit: (hit.set, hit.item_id, -hit.overlap, -hit.words, hit.id, hit.start))


def _shown(found: Contamination) -> Iterator[RenderableType]:
    table = Table(show_edge=False, pad_edge=False)
    for name in ("set", "items", "looked for", "found", "only as common text", "documents"):
        table.add_column(name, justify="left" if name == "set" else "right")
    for name, counts in found.sets.items():
        keys = ("items", "items_looked_for", "items_found", "items_common", "documents")
        table.add_row(visible(name), *[f"{counts[key]:,}" for key in keys])
    yield table
    if found.items:
        yield Text("\nitems that most documents hold", style="bold")
    for each in found.items:
        yield Text(f"{each.documents:,} documents, at most {each.overlap:.0%} of a passage")
        if each.example:
            yield Text(f"  {each.example.id} {each.example.told()}")
    if found.common:
        yield Text(
            f"\ncommon text: passages found in more than {found.common_documents:,} documents", style="bold"
        )
    for hit in found.common:
        yield Text(f"{hit.documents:,} documents: {hit.id} {hit.told()}")
