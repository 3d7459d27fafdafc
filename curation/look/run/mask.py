"""What is shown or exported of a run goes through the edits of its recipe that mask, whatever stage wrote it.

A document that went before it came to the mask lies on disk as it was, and so does all that extraction wrote.
So rows leave a run's files for people through here: their texts, titles, and what pages say of themselves.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from curation.accounting.manifest import MissingManifest, published, read_manifest
from curation.filters import EDITS, Masked
from curation.filters.registry import Replaced

Row = dict[str, Any]
#: Columns of a row that hold words of its page.
_WORDS = ("text", "title", "metadata", "blocks")


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskingEdit:
    """An edit of a recipe that masks: its pass, the sources that one is for (none: all), its options."""

    pass_name: str
    name: str
    only: tuple[str, ...]
    options: Mapping[str, Any]

    def placeholder(self, kind: str) -> str:
        """Return what stands in the place of a kind; empty where the edit has no such option."""
        default = inspect.signature(EDITS[self.name]).parameters.get(kind)
        return str(self.options.get(kind, default.default if default else ""))


@dataclass(frozen=True, slots=True)
class View:
    """A text as it is shown; places of the stored one are found in it.

    A place inside what was masked is where its placeholder begins, or ends.

    >>> view = View("to <phone>, or", ((3, 11, 7),))
    >>> view.text[view.start(5) : view.end(5)], view.text[view.end(5) : view.end(15)]
    ('<phone>', ', or')
    """

    text: str
    replaced: tuple[Replaced, ...] = ()

    def start(self, place: int) -> int:
        """Return where a place of the stored text lies here: the beginning of its placeholder."""
        return self._place(place, 0)

    def end(self, place: int) -> int:
        """Return where a place of the stored text lies here: the end of its placeholder."""
        return self._place(place, 1)

    def _place(self, place: int, side: int) -> int:
        for start, end, length in self.replaced:
            if place >= end:
                place += length - (end - start)
            elif place > start:
                place = start + side * length
        return place


@dataclass(frozen=True, slots=True)
class Masker:
    """What masks as the recipe of a run does; without edits that mask, everything stays as it is."""

    edits: tuple[MaskingEdit, ...]

    def __call__(self, text: str, source: str) -> str:
        """Return a text without what the recipe masks in that source."""
        return self.view(text, source).text

    def view(self, text: str, source: str) -> View:
        """Return a text without what the recipe masks in that source, and where that stood."""
        replaced: tuple[Replaced, ...] = ()
        for each in self.edits:
            if not each.only or source in each.only:
                made = EDITS[each.name](text, **each.options)
                assert isinstance(made, Masked)
                text, replaced = made.text, replaced + made.replaced
        return View(text, replaced)

    def row(self, row: Mapping[str, Any]) -> Row:
        """Return a row with the words of its page masked."""
        found = dict(row)
        if not self.edits:
            return found
        source = found.get("source") or ""
        for name in ("text", "title"):
            if isinstance(found.get(name), str):
                found[name] = self(found[name], source)
        if found.get("metadata"):
            said = dict(found["metadata"]).items()
            found["metadata"] = {name: value and self(value, source) for name, value in said}
        if found.get("blocks") is not None:
            found["blocks"] = [
                {**each, "text": each["text"] and self(each["text"], source)} for each in found["blocks"]
            ]
        return found

    def frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a frame of rows, which has their `source`, with the words of their pages masked."""
        names = [name for name in _WORDS if name in frame]
        if not self.edits or not names or frame.empty:
            return frame
        rows = [self.row(row) for row in frame[[*names, "source"]].to_dict("records")]
        masked = {name: pd.Series([row[name] for row in rows], frame.index, object) for name in names}
        return frame.assign(**masked)


def masker(directory: str) -> Masker:
    """Return what masks as the recipe of a run does; nothing where no filter stage was published yet."""
    return Masker(tuple(_edits(directory)))


def _edits(directory: str) -> Iterator[MaskingEdit]:
    try:
        passes = read_manifest(published(directory, "filter")).config.get("filter", [])
    except MissingManifest:
        return
    for each in passes:
        for edit in each.get("edits", []):
            options = {k: tuple(v) if isinstance(v, list) else v for k, v in edit.get("options", {}).items()}
            if edit["name"] in EDITS and isinstance(EDITS[edit["name"]]("", **options), Masked):
                only = tuple(each.get("only") or ())
                yield MaskingEdit(pass_name=each["name"], name=edit["name"], only=only, options=options)
