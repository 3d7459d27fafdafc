"""What is shown or exported of a run goes through the edits of its recipe that mask, whatever stage wrote it.

A document that went before it came to the mask lies on disk as it was, and so does all that extraction wrote.
So rows leave a run's files for people through here: their texts, titles, and what pages say of themselves.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from curation.filters import EDITS, Masked
from curation.filters.registry import Replaced
from curation.filters.rules import Pass

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
    """A masked text, and where a position of the stored text lies in it.

    A position inside what was masked becomes the beginning or the end of its placeholder.

    >>> view = View("to <phone>, or", ((3, 11, 7),))
    >>> view.text[view.start(5) : view.end(5)], view.text[view.end(5) : view.end(15)]
    ('<phone>', ', or')
    """

    text: str
    replaced: tuple[Replaced, ...] = ()

    def start(self, position: int) -> int:
        """Return the position here of one in the stored text: the beginning of its placeholder."""
        return self._position(position, 0)

    def end(self, position: int) -> int:
        """Return the position here of one in the stored text: the end of its placeholder."""
        return self._position(position, 1)

    def _position(self, position: int, side: int) -> int:
        for start, end, length in self.replaced:
            if position >= end:
                position += length - (end - start)
            elif position > start:
                position = start + side * length
        return position


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
        for edit in self.edits:
            if not edit.only or source in edit.only:
                masked = EDITS[edit.name](text, **edit.options)
                assert isinstance(masked, Masked)
                text, replaced = masked.text, replaced + masked.replaced
        return View(text, replaced)

    def row(self, row: Mapping[str, Any]) -> Row:
        """Return a row with the words of its page masked."""
        masked = dict(row)
        if not self.edits:
            return masked
        source = masked.get("source") or ""
        for name in ("text", "title"):
            if isinstance(masked.get(name), str):
                masked[name] = self(masked[name], source)
        if masked.get("metadata"):
            metadata = dict(masked["metadata"]).items()
            masked["metadata"] = {name: value and self(value, source) for name, value in metadata}
        if masked.get("blocks") is not None:
            masked["blocks"] = [
                {**block, "text": block["text"] and self(block["text"], source)} for block in masked["blocks"]
            ]
        return masked

    def frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a frame of rows, which has their `source`, with the words of their pages masked."""
        names = [name for name in _WORDS if name in frame]
        if not self.edits or not names or frame.empty:
            return frame
        rows = [self.row(row) for row in frame[[*names, "source"]].to_dict("records")]
        masked = {name: pd.Series([row[name] for row in rows], frame.index, object) for name in names}
        return frame.assign(**masked)


def read_masker(passes: Iterable[Pass]) -> Masker:
    """Return what masks as these passes do."""
    return Masker(
        tuple(
            MaskingEdit(
                pass_name=filter_pass.name, name=edit.name, only=filter_pass.only, options=edit.options
            )
            for filter_pass in passes
            for edit in filter_pass.edits
            if edit.name in EDITS and isinstance(EDITS[edit.name]("", **edit.options), Masked)
        )
    )
