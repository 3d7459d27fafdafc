"""What was masked: counted by kind and source as in the ledger, and shown where it stood, never itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from curation.filters.judge import SPANS
from curation.look.run import Masker, OpenedRun

#: Documents shown of each kind, and characters of the text on either side.
EACH, CONTEXT_CHARACTERS = 5, 90


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


def masked(run: OpenedRun, judged: pd.DataFrame) -> list[Kind]:
    """Return what each pass masked, by kind, those of most spans first; `judged` is the filter's sample."""
    if "filter" not in run.manifests:
        return []
    ledger, mask = run.ledger("filter"), run.mask
    by_pass = {each.pass_name: each for each in mask.edits}
    found = []
    for name, total in ledger.get("counts", {}).items():
        pass_name, _, kind = name.rpartition(".")
        if pass_name in by_pass:
            placeholder = by_pass[pass_name].placeholder(kind)
            sources = {
                source: each.get("counts", {}).get(name, 0) for source, each in ledger["sources"].items()
            }
            places = tuple(_places(judged, name, placeholder, mask))
            found.append(
                Kind(name=name, placeholder=placeholder, total=total, by_source=sources, places=places)
            )
    return sorted(found, key=lambda each: (-each.total, each.name))


def _places(judged: pd.DataFrame, name: str, placeholder: str, mask: Masker) -> Iterator[Place]:
    """Yield one place a document, of the first documents of the sample that have the kind and their text."""
    left = EACH if placeholder else 0
    for row in judged.itertuples(index=False) if left else ():
        count = dict(row.measures).get(f"{SPANS}{name}", 0)
        text = mask(row.text, row.source or "") if count and left and row.text else ""
        start = text.find(placeholder)
        if start >= 0:
            left -= 1
            end = start + len(placeholder)
            yield Place(
                id=row.id,
                source=row.source or "",
                before=text[max(0, start - CONTEXT_CHARACTERS) : start],
                after=text[end : end + CONTEXT_CHARACTERS],
                spans=int(count),
            )
