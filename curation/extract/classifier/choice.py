"""Which blocks of a page to keep: the set with the highest expected F1, a data table whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curation.extract.classifier.batch import Booleans, Doubles, Floats, Integers, PageBatch
from curation.extract.classifier.columns.sums import Sums

#: A cell of more characters is prose: its table lays out the page.
_PROSE_CHARACTERS = 400
_LEAST_ROWS, _LEAST_CELLS, _CELLS_A_ROW = 2, 4, 1.5
#: A lost table is worse than a kept one: all its cells have this root of their mean probability. On the
#: development pages cells kept go from .886 to .988 for .001 of F1.
_ROOT = 1 / 3
_WEIGHT = 0.01  # of a block without words


@dataclass(frozen=True, slots=True)
class Choice:
    """What is kept of a batch: by block whether it is, and by page how sure that is (0..1).

    table: by container the data table that it is or stands in, -1 where there is none.
    """

    kept: Booleans
    confidence: list[float]
    table: Integers


def nothing(batch: PageBatch) -> Choice:
    """Return the choice of pages without blocks."""
    return Choice(np.zeros(0, bool), [0.0] * len(batch), batch.containers.table)


def choose(batch: PageBatch, sums: Sums, probability: Floats) -> Choice:
    """Return the choice that the blocks' probabilities of being main content make the best."""
    words = sums.characters.words.astype(np.float64)
    table = data_tables(batch, sums)
    smooth = _whole_tables(batch, sums, probability.astype(np.float64), table[batch.blocks.container])
    kept = np.zeros(len(words), bool)
    confidence = []
    for first, last in zip(
        batch.blocks.page_at[:-1].tolist(), batch.blocks.page_at[1:].tolist(), strict=True
    ):
        kept[first:last], sure = best_set(smooth[first:last], words[first:last])
        confidence.append(round(sure, 4))
    return Choice(kept, confidence, table)


def best_set(probability: Doubles, words: Doubles) -> tuple[Booleans, float]:
    """Return which blocks make the expected F1 of words the largest, and that F1.

    probability: that a block is main content; words: how many it has. For any number of blocks the best set
    is that of the most probable; the expectation of the ratio is taken as the ratio of the expectations
    (Lewis 1995).
    """
    kept = np.zeros(len(words), bool)
    if not len(words):
        return kept, 0.0
    order = np.argsort(-probability, kind="stable")
    hits = (probability * words)[order]
    f1 = 2 * np.cumsum(hits) / (np.cumsum(words[order]) + hits.sum() + 1e-9)
    best = int(f1.argmax())
    kept[order[: best + 1]] = True
    return kept, float(f1[best])


def data_tables(batch: PageBatch, sums: Sums) -> Integers:
    """Return by container the data table that it is or stands in, -1 where there is none.

    A data table has at least 2 rows and 4 cells, 3 cells in 2 rows, no table in it and no cell of prose.
    """
    containers = batch.containers
    count = len(containers.name)
    table = containers.table
    if table.max(initial=-1) < 0:
        return table
    name = np.array(containers.name)

    def per_table(chosen: Booleans) -> Integers:
        return np.bincount(table[chosen & (table >= 0)], minlength=count)

    rows, cells = per_table(name == "tr"), per_table((name == "td") | (name == "th"))
    good = (rows >= _LEAST_ROWS) & (cells >= np.maximum(_LEAST_CELLS, _CELLS_A_ROW * rows))
    nested = np.flatnonzero((table == np.arange(count)) & (table[containers.parent] >= 0))
    good[table[containers.parent[nested]]] = False
    prose = table[batch.blocks.container[sums.length > _PROSE_CHARACTERS]]
    good[prose[prose >= 0]] = False
    return np.where((table >= 0) & good[table], table, -1)


def _whole_tables(batch: PageBatch, sums: Sums, probability: Doubles, table: Integers) -> Doubles:
    """Return the probabilities with one for all cells of a data table; table: by block."""
    cells = np.flatnonzero(table >= 0)
    if not len(cells):
        return probability
    _, which = np.unique(table[cells], return_inverse=True)
    weight = sums.characters.words[cells] + _WEIGHT
    mean = np.bincount(which, probability[cells] * weight) / np.bincount(which, weight)
    linked = np.bincount(which, batch.blocks.linked[cells]) / np.bincount(which, sums.length[cells])
    smooth = probability.copy()
    smooth[cells] = np.where(linked < 0.5, mean**_ROOT, mean)[which]
    return smooth
