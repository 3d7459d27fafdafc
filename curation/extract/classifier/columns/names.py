"""Columns of what class names and ids say: how often text below an element of that name was main content."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from curation.extract.classifier.attributes import name_parts
from curation.extract.classifier.batch import Floats, PageBatch
from curation.extract.classifier.columns.sums import Columns

#: Name -> log odds of main content against the average; 0.0 where it is not known.
Odds = Callable[[str], float]
_DECAY = 0.7
_REMEMBERED = 100_000


class NameScores:
    """Log odds of classes, ids and roles, remembered by name: a crawl repeats them."""

    def __init__(self, odds: Odds) -> None:
        self._odds = odds
        self._known: dict[str, tuple[float, float, float]] = {}

    def of(self, values: str) -> tuple[float, float, float]:
        """Return the least, the most and the sum of the log odds of a class attribute's names."""
        known = self._known
        scores = [known.get(name) or self._learn(name) for name in values.split()]
        if not scores:
            return 0.0, 0.0, 0.0
        if len(scores) == 1:
            return scores[0]
        least, most, total = zip(*scores, strict=True)
        return min(least), max(most), sum(total)

    def _learn(self, name: str) -> tuple[float, float, float]:
        odds = [self._odds(part) for part in sorted(name_parts(name))]
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[name] = min(odds), max(odds), sum(odds)
        return self._known[name]


def name_columns(batch: PageBatch, scores: NameScores) -> Columns:
    """Return the scores of the names around a block, and their differences to its neighbours'."""
    containers, at = batch.containers, batch.blocks.container
    own, least, most, total = _inherited(batch, scores)
    around = total[at]
    page_at = batch.blocks.page_at
    first, last = np.zeros(len(at) + 1, bool), np.zeros(len(at) + 1, bool)
    first[page_at[:-1]] = True
    last[page_at[1:]] = True
    up1 = containers.parent[at]
    up2 = containers.parent[up1]
    change = np.diff(around)
    return {
        "names": own[at],
        "names_least": least[at],
        "names_most": most[at],
        "names_around": around,
        "names_up1": own[up1],
        "names_up2": own[up2],
        "names_up3": own[containers.parent[up2]],
        "names_from_before": np.where(first[:-1], 0, -np.append(0, change)),
        "names_to_after": np.where(last[1:], 0, np.append(change, 0)),
    }


def _inherited(batch: PageBatch, scores: NameScores) -> tuple[Floats, Floats, Floats, Floats]:
    """Return by container its own sum, the least and most on its path, and a sum that decays upwards."""
    containers = batch.containers
    by_values = np.array([scores.of(values) for values in batch.attributes], np.float32).reshape(-1, 3)
    least, most, own = by_values[containers.attributes].T.copy()
    total = own.copy()
    for level in containers.levels:
        above = containers.parent[level]
        least[level] = np.minimum(least[level], least[above])
        most[level] = np.maximum(most[level], most[above])
        total[level] += _DECAY * total[above]
    return own, least, most, total
