"""Training pages as what a fit takes: columns, labels and weights of blocks, shares of main text by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from curation.extract.classifier.attributes import name_parts
from curation.extract.classifier.batch import Doubles, Floats, PageBatch, Tags
from curation.extract.classifier.columns.names import NameScores, Odds, name_columns
from curation.extract.classifier.columns.sums import Sums, sums
from curation.extract.classifier.columns.table import static_columns, table
from curation.extract.classifier.walk import walk
from curation.extract.render.marks import strip_marks
from curation.extract.render.source import lift_source
from curation.extract.training.labels import labels, words
from curation.extract.training.pages import TrainingPage
from curation.extract.trees import resiliparse_tree

_NO_TAGS = Tags([], [], *(np.zeros(0, np.int64) for _ in range(4)))
#: A page counts as much as another, whatever its length, and a wrong block as it moves the page's F1.
_PAGE_WEIGHT, _BLOCK_WORDS, _PAGE_WORDS = 100.0, 1.5, 30.0


@dataclass(frozen=True)
class Prepared:
    """A page with its blocks' labels.

    Attributes:
        static: (columns, blocks) that no class name decides.
        label: share of each block that is main text; weight: what a mistake in it counts.
        words: of each block; truth: of the main text.
        name_shares: part of a class name -> share of the words below it that are main text.
    """

    page: TrainingPage
    batch: PageBatch
    sums: Sums
    static: Floats
    label: Doubles
    weight: Doubles
    words: Sequence[Counter[str]]
    truth: Counter[str]
    name_shares: dict[str, float]

    def features(self, odds: Odds) -> Floats:
        """Return the (columns, blocks) table with log odds of names."""
        return np.concatenate([self.static, table(name_columns(self.batch, NameScores(odds)))])

    @property
    def classes(self) -> frozenset[str]:
        """Values of class attributes."""
        return frozenset(value for value in self.batch.attributes if value and not value.isdigit())


def prepare(page: TrainingPage) -> Prepared | None:
    """Return the page prepared, None where it has no text."""
    batch = walk([lift_source(str(resiliparse_tree(page.html)))[0]])
    if not batch.blocks.text:
        return None
    sizes = sums(batch)
    truth = words(page.text)
    by_block = [words(strip_marks(text)) for text in batch.blocks.text]
    label = labels(by_block, truth)
    count = np.array([len(block) for block in by_block], float)
    slim = replace(batch, tags=_NO_TAGS)
    return Prepared(
        page=page,
        batch=slim,
        sums=replace(sizes, batch=slim),
        static=table(static_columns(sizes)),
        label=label,
        weight=(count + _BLOCK_WORDS)
        / ((count * label).sum() + count.sum() / 2 + _PAGE_WORDS)
        * _PAGE_WEIGHT,
        words=[Counter(block) for block in by_block],
        truth=Counter(truth),
        name_shares=_name_shares(batch, label * count, count),
    )


def _name_shares(batch: PageBatch, main: Doubles, count: Doubles) -> dict[str, float]:
    containers = batch.containers
    parts: Counter[str] = Counter()
    total: Counter[str] = Counter()
    running_main, running = np.append(0, np.cumsum(main)), np.append(0, np.cumsum(count))
    below_main = running_main[containers.last] - running_main[containers.first]
    below = running[containers.last] - running[containers.first]
    for i in np.flatnonzero(below).tolist():
        values = batch.attributes[containers.attributes[i]].split()
        for part in {part for value in values for part in name_parts(value)}:
            parts[part] += below_main[i]
            total[part] += below[i]
    return {part: parts[part] / total[part] for part in sorted(total)}
