"""How well extraction did: tables and code that are in a page and not in its text; engines side by side."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from curation.extract.engines import ENGINES, Extraction
from curation.extract.guard import Guard
from curation.extract.settings import Extract
from curation.look.run import Original

#: Pages that every engine reads.
COMPARED_PAGES = 24
SHOWN_LOSSES = 8
_TIMEOUT_S = 5.0
#: What is counted -> how it is called.
COUNTED = {"table_cells": "table cells", "code_blocks": "code blocks"}


def chosen(extracted: pd.DataFrame) -> pd.DataFrame:
    """Return documents whose pages every engine is to read: a quarter have tables, a quarter code.

    `extracted` is a sample in hash order. Of its pages few have any, and those tell engines apart.
    """
    pages = extracted[extracted["engine"].fillna("") != ""]
    places: list[int] = []
    for name in reversed(COUNTED):  # code is the rarer
        seen = pages["measures"].map(lambda found, key=f"extract.{name}_seen": found.get(key, 0) > 0)
        left = pages.index[seen.astype(bool) & ~pages.index.isin(places)]
        places += left[: COMPARED_PAGES // 4].tolist()
    others = pages.index.difference(places, sort=False)[: COMPARED_PAGES - len(places)]
    return pages.loc[sorted([*places, *others])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Of sampled documents whose page has something (`pages`), how many kept none of it, and the worst."""

    what: str
    pages: int
    lost: int
    worst: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One engine on the compared pages; `agreement` is the mean F1 of its words with those of the run."""

    engine: str
    pages: int
    without_text: int
    faults: int
    characters: int
    table_cells: int
    code_blocks: int
    agreement: float
    milliseconds: float


def losses(frame: pd.DataFrame) -> list[Loss]:
    """Return what the documents of a sample of kept rows lost; `worst` are places in the frame."""
    found = []
    for name, what in COUNTED.items():
        seen, kept = (
            frame["measures"].map(lambda m, key=f"extract.{name}_{side}": m.get(key, 0.0)).astype("float64")
            for side in ("seen", "kept")
        )
        lost = seen[(seen > 0) & (kept == 0)].sort_values(ascending=False, kind="stable")
        worst = tuple(int(place) for place in lost.index[:SHOWN_LOSSES])
        found.append(Loss(what=what, pages=int((seen > 0).sum()), lost=len(lost), worst=worst))
    return found


def compared(rows: Sequence[Mapping[str, Any]], pages: Sequence[Original]) -> list[Reading]:
    """Return what each engine makes of the pages of documents, beside the text that the run has of them.

    Each runs in a guarded process, after one page that is not counted: what it costs to start is no speed.
    """
    both = [(row["text"] or "", page.html) for row, page in zip(rows, pages, strict=True) if page.html]
    both = both[:COMPARED_PAGES]
    if not both:
        return []
    return [_reading(name, [html for _, html in both], [text for text, _ in both]) for name in ENGINES]


def _reading(engine: str, pages: Sequence[str], texts: Sequence[str]) -> Reading:
    found = []
    with Guard(Extract(engine=engine, timeout_s=_TIMEOUT_S)) as guard:
        guard.extract(pages[0])
        began = time.perf_counter()
        found = [guard.extract(page) for page in pages]
        seconds = time.perf_counter() - began
    good = [each if isinstance(each, Extraction) else None for each in found]
    made = [each for each in good if each]
    return Reading(
        engine=engine,
        pages=len(pages),
        without_text=sum(not each.text.strip() for each in made),
        faults=len(found) - len(made),
        characters=sum(len(each.text) for each in made),
        table_cells=round(sum(each.counts.get("table_cells_kept", 0) for each in made)),
        code_blocks=round(sum(each.counts.get("code_blocks_kept", 0) for each in made)),
        agreement=sum(
            agreement(each.text if each else "", text) for each, text in zip(good, texts, strict=True)
        )
        / len(pages),
        milliseconds=1000 * seconds / len(pages),
    )


def agreement(one: str, other: str) -> float:
    """Return the F1 of the words of two texts, each as often as it stands there; 1.0 where both have none.

    >>> agreement("a b b", "b b c")
    0.6666666666666666
    """
    first, second = Counter(one.split()), Counter(other.split())
    total = first.total() + second.total()
    return 2 * (first & second).total() / total if total else 1.0
