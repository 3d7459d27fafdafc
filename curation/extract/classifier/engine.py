"""The engine `blocks`: pages in, the blocks that are their main content out, as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress

from curation.extract.classifier.batch import PageBatch
from curation.extract.classifier.choice import Choice, choose, nothing
from curation.extract.classifier.columns.names import NameScores
from curation.extract.classifier.columns.sums import sums
from curation.extract.classifier.columns.table import features
from curation.extract.classifier.model import Model
from curation.extract.classifier.walk import walk
from curation.extract.classifier.writing import written
from curation.extract.render.marks import Items
from curation.extract.render.source import lift_source

#: What is counted -> the elements that are one.
_COUNTED = {
    "table_cells": ("td", "th", "caption"),
    "list_items": ("li",),
    "captions": ("caption", "figcaption"),
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is kept of one page: its text, how sure the choice is (0..1), and counts by name."""

    text: str
    confidence: float
    counts: dict[str, float]


@dataclass(frozen=True)
class BlockClassifier:
    """A model at work. What it makes of a page does not depend on the pages beside it."""

    model: Model

    @cached_property
    def _scores(self) -> NameScores:
        odds = self.model.odds
        return NameScores(lambda name: odds.get(name, 0.0))

    def extract(self, sources: Sequence[str]) -> list[Chosen]:
        """Return what is kept of serialised pages, in order.

        Raises:
            ValueError: the model was trained on other columns.
        """
        lifted = [lift_source(source) for source in sources]
        batch = walk([source for source, _ in lifted])
        choice = self.choice(batch)
        return [_chosen(batch, choice, page, items) for page, (_, items) in enumerate(lifted)]

    def choice(self, batch: PageBatch) -> Choice:
        """Return which blocks of a batch are kept."""
        if not batch.blocks.text:
            return nothing(batch)
        sizes = sums(batch)
        names, table = features(batch, sizes, self._scores)
        if names != list(self.model.columns):
            raise ValueError("the model was trained on other columns than this version computes")
        return choose(batch, sizes, self.model.trees.probability(table))


def _chosen(batch: PageBatch, choice: Choice, page: int, items: Items) -> Chosen:
    text, kept = written(batch, choice, page)
    text, restored = items.restore(text)
    counts = {**_seen(batch, page), **kept, **restored}
    return Chosen(text, choice.confidence[page], counts)


def _seen(batch: PageBatch, page: int) -> dict[str, float]:
    """Return how many table cells, list items and captions with text a page has."""
    containers = batch.containers
    span = slice(*containers.page_at[page : page + 2].tolist())
    has_text = containers.last[span] > containers.first[span]
    names = Counter(compress(containers.name[span], has_text.tolist()))
    return {
        f"{what}_seen": float(sum(names[name] for name in elements)) for what, elements in _COUNTED.items()
    }
