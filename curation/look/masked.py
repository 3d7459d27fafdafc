"""What was masked: counted by kind and source as in the ledger, and shown where it stood, never itself.

A report must not bring back what the run took out. So a text from before the filter (of a page, of a document
as the filter received it) goes through the recipe's masking edits before it is shown.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from curation.accounting.manifest import MissingManifest, published, read_manifest
from curation.filters import EDITS, Masked
from curation.filters.judge import SPANS

#: Documents shown of each kind, and characters of the text on either side.
EACH, CONTEXT_CHARACTERS = 5, 90

#: (text, source) -> the text without what the recipe masks in that source.
Masker = Callable[[str, str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edit:
    """An edit of a recipe that masks: its pass, the sources that one is for (none: all), its options."""

    pass_name: str
    name: str
    only: tuple[str, ...]
    options: Mapping[str, Any]

    def placeholder(self, kind: str) -> str:
        """Return what stands in the place of a kind; empty where the edit has no such option."""
        default = inspect.signature(EDITS[self.name]).parameters.get(kind)
        return str(self.options.get(kind, default.default if default else ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One place in a document where something was masked: what stands before it and after it."""

    id: str
    source: str
    before: str
    after: str
    spans: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of span that a pass masked (`privacy.phone`): how many, and some of the places."""

    name: str
    placeholder: str
    total: int
    by_source: Mapping[str, int]
    places: tuple[Place, ...]


def edits(directory: str) -> list[str]:
    """Return `pass.edit` of the edits that mask; none where no filter stage was published."""
    return [f"{each.pass_name}.{each.name}" for each in _edits(directory)]


def masker(directory: str) -> Masker:
    """Return what masks a text as the recipe of a run does."""
    chosen = list(_edits(directory))

    def mask(text: str, source: str) -> str:
        for each in chosen:
            if not each.only or source in each.only:
                made = EDITS[each.name](text, **each.options)
                text = made.text if isinstance(made, Masked) else made
        return text

    return mask


def masked(directory: str, judged: pd.DataFrame) -> list[Kind]:
    """Return what each pass masked, by kind, those of most spans first; `judged` is the filter's sample."""
    try:
        ledger = read_manifest(published(directory, "filter")).ledger
    except MissingManifest:
        return []
    by_pass = {each.pass_name: each for each in _edits(directory)}
    found = []
    for name, total in ledger.get("counts", {}).items():
        pass_name, _, kind = name.rpartition(".")
        if pass_name in by_pass:
            placeholder = by_pass[pass_name].placeholder(kind)
            sources = {
                source: each.get("counts", {}).get(name, 0) for source, each in ledger["sources"].items()
            }
            places = tuple(_places(judged, name, placeholder))
            found.append(
                Kind(name=name, placeholder=placeholder, total=total, by_source=sources, places=places)
            )
    return sorted(found, key=lambda each: (-each.total, each.name))


def _edits(directory: str) -> Iterator[_Edit]:
    try:
        passes = read_manifest(published(directory, "filter")).config.get("filter", [])
    except MissingManifest:
        return
    for each in passes:
        for edit in each.get("edits", []):
            options = {k: tuple(v) if isinstance(v, list) else v for k, v in edit.get("options", {}).items()}
            if edit["name"] in EDITS and isinstance(EDITS[edit["name"]]("", **options), Masked):
                only = tuple(each.get("only") or ())
                yield _Edit(pass_name=each["name"], name=edit["name"], only=only, options=options)


def _places(judged: pd.DataFrame, name: str, placeholder: str) -> Iterator[Place]:
    """Yield one place a document, of the first documents of the sample that have the kind and their text."""
    left = EACH if placeholder else 0
    for row in judged.itertuples(index=False) if left else ():
        count = dict(row.measures).get(f"{SPANS}{name}", 0)
        start = row.text.find(placeholder) if count and row.text else -1
        if start >= 0 and left:
            left -= 1
            end = start + len(placeholder)
            yield Place(
                id=row.id,
                source=row.source or "",
                before=row.text[max(0, start - CONTEXT_CHARACTERS) : start],
                after=row.text[end : end + CONTEXT_CHARACTERS],
                spans=int(count),
            )
