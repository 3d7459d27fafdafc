"""What the decontamination found: by set, by item, with the matched text; and what is common text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow.compute as pc
import pyarrow.dataset as ds
from rich.console import Group, RenderableType
from rich.text import Text

from curation.look.render.listing import one_line
from curation.look.render.terminal import Answer, Grid
from curation.look.run import OpenedRun, among, matching, open_table

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

    @property
    def text(self) -> str:
        """The match in one line."""
        text, more = one_line(self.matched_text[:SHOWN_CHARACTERS]), len(self.matched_text) - SHOWN_CHARACTERS
        aside = f", common text (in {self.documents:,} documents)" if not self.taken else ""
        of = f"{self.found} of {self.words} words, characters {self.start:,} to {self.end:,}"
        rest = f" and {more:,} more characters" if more > 0 else ""
        return f"holds item {self.item_id} of {self.set} ({self.place}): {of}{aside}: “{text}”{rest}"


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
class Contamination(Answer):
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

    def __rich__(self) -> RenderableType:
        """Return the sets as a table, then the items and the common passages, each with a match."""
        names = ["set", "items", "looked for", "found", "only as common text", "documents"]
        keys = ("items", "items_looked_for", "items_found", "items_common", "documents")
        rows = ([name, *(f"{counts[key]:,}" for key in keys)] for name, counts in self.sets.items())
        return Group(Grid(names, rows), *self._items(), *self._common())

    def _items(self) -> Iterator[Text]:
        if self.items:
            yield Text("\nitems that most documents hold", style="bold")
        for item in self.items:
            yield Text(f"{item.documents:,} documents, at most {item.overlap:.0%} of a passage")
            if item.example:
                yield Text(f"  {item.example.id} {item.example.text}")

    def _common(self) -> Iterator[Text]:
        if self.common:
            most = f"{self.common_documents:,}"
            yield Text(f"\ncommon text: passages found in more than {most} documents", style="bold")
        for hit in self.common:
            yield Text(f"{hit.documents:,} documents: {hit.id} {hit.text}")


def contamination(run: OpenedRun, *, listed: int = LISTED) -> Contamination:
    """Return what a run's decontamination found; `listed` items and common passages are listed."""
    detail, items = run.manifest(STAGE).detail, open_table(run.path(STAGE, "items"))
    held = matching(items, pc.field("documents") > 0) if items.schema.names else []
    held.sort(key=lambda row: (-row["documents"], row["set"], row["place"], row["id"]))
    examples = {(hit.set, hit.item_id): hit for hit in reversed(_hits(run, pc.field("taken")))}
    names = ("set", "id", "place", "documents", "overlap")
    listed_items = [
        FoundItem(**{name: row[name] for name in names}, example=examples.get((row["set"], row["id"])))
        for row in held[:listed]
    ]
    passages = {
        (hit.set, hit.item_id, hit.words, hit.documents): hit for hit in _hits(run, ~pc.field("taken"))
    }
    common = sorted(passages.values(), key=lambda hit: (-hit.documents, hit.set, hit.item_id))
    return Contamination(
        sets=detail["sets"],
        items=tuple(listed_items),
        common=tuple(common[:listed]),
        common_documents=detail["common_documents"],
    )


def hits(run: OpenedRun, ids: Sequence[str]) -> list[Hit]:
    """Return what documents hold of evaluation items; none where no decontamination was published."""
    return _hits(run, among("id", ids)) if STAGE in run.manifests else []


def _hits(run: OpenedRun, condition: ds.Expression) -> list[Hit]:
    """Return the matches that meet a condition, by set, item, then the best."""
    table = open_table(run.path(STAGE, "matches"))
    rows = matching(table, condition) if table.schema.names else []
    hits_ = [Hit(**{name: row[name] for name in Hit.__slots__}) for row in rows]
    return sorted(hits_, key=lambda hit: (hit.set, hit.item_id, -hit.overlap, -hit.words, hit.id, hit.start))
