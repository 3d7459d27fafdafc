"""How well extraction did: tables and code that are in a page and not in its text; engines side by side."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from curation.extract.engines import ENGINES
from curation.extract.extraction import Extraction
from curation.extract.guard import Guard
from curation.extract.settings import Extract
from curation.look.run import Original

#: Pages that every engine reads.
COMPARED_PAGES = 24
SHOWN_LOSSES = 8
_TIMEOUT_S = 5.0
#: What is counted -> how it is called.
COUNTED = {
    "table_cells": "table cells",
    "code_blocks": "code blocks",
    "formulas": "formulas",
    "captions": "captions of pictures",
}


def pages_to_read(extracted: pd.DataFrame) -> pd.DataFrame:
    """Return the documents whose pages every engine reads: a quarter have tables, a quarter code.

    `extracted` is a sample in hash order. Of its pages few have any, and those tell engines apart.
    """
    pages = extracted[extracted["engine"].fillna("") != ""]
    rows: list[int] = []
    for name in reversed(COUNTED):  # code is the rarer
        has = pages["measures"].map(lambda measures, key=f"extract.{name}_seen": measures.get(key, 0) > 0)
        left = pages.index[has.astype(bool) & ~pages.index.isin(rows)]
        rows += left[: COMPARED_PAGES // 4].tolist()
    others = pages.index.difference(rows, sort=False)[: COMPARED_PAGES - len(rows)]
    return pages.loc[sorted([*rows, *others])]


def losses(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what the documents of a sample of kept rows lost.

    Of those whose page has something (`pages`), how many kept none of it, and the `worst` rows of the frame.
    """
    table = []
    for name, what in COUNTED.items():
        seen, kept = (
            frame["measures"].map(lambda m, key=f"extract.{name}_{side}": m.get(key, 0.0)).astype("float64")
            for side in ("seen", "kept")
        )
        lost = seen[(seen > 0) & (kept == 0)].sort_values(ascending=False, kind="stable")
        worst = [int(row) for row in lost.index[:SHOWN_LOSSES]]
        table.append({"what": what, "pages": int((seen > 0).sum()), "lost": len(lost), "worst": worst})
    return table


def compare_engines(rows: Sequence[Mapping[str, Any]], pages: Sequence[Original]) -> list[dict[str, Any]]:
    """Return what each engine makes of the pages of documents, beside the text that the run has of them.

    Each runs in a guarded process, after one page that is not counted: what it costs to start is no speed.
    `agreement` is the mean F1 of its words with those of the run.
    """
    both = [(row["text"] or "", page.html) for row, page in zip(rows, pages, strict=True) if page.html]
    both = both[:COMPARED_PAGES]
    if not both:
        return []
    return [_reading(name, [html for _, html in both], [text for text, _ in both]) for name in ENGINES]


def _reading(engine: str, pages: Sequence[str], texts: Sequence[str]) -> dict[str, Any]:
    with Guard(Extract(engine=engine, timeout_s=_TIMEOUT_S)) as guard:
        guard.extract(pages[0])
        began = time.perf_counter()
        results = [guard.extract(page) for page in pages]
        seconds = time.perf_counter() - began
    extractions = [result if isinstance(result, Extraction) else None for result in results]
    made = [extraction for extraction in extractions if extraction]
    alike = [
        agreement(extraction.text if extraction else "", text)
        for extraction, text in zip(extractions, texts, strict=True)
    ]
    return {
        "engine": engine,
        "pages": len(pages),
        "without_text": sum(not extraction.text.strip() for extraction in made),
        "faults": len(results) - len(made),
        "characters": sum(len(extraction.text) for extraction in made),
        **{name: round(sum(e.counts.get(f"{name}_kept", 0) for e in made)) for name in COUNTED},
        "agreement": sum(alike) / len(pages),
        "milliseconds": 1000 * seconds / len(pages),
    }


def agreement(one: str, other: str) -> float:
    """Return the F1 of the words of two texts, each as often as it stands there; 1.0 where both have none.

    >>> agreement("a b b", "b b c")
    0.6666666666666666
    """
    first, second = Counter(one.split()), Counter(other.split())
    total = first.total() + second.total()
    return 2 * (first & second).total() / total if total else 1.0
