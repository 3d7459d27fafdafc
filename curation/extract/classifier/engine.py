"""The engine `blocks`: pages in, the blocks that are their main content out, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from curation.extract.classifier.batch import PageBatch
from curation.extract.classifier.choice import Choice, choose, nothing
from curation.extract.classifier.columns.names import NameScores
from curation.extract.classifier.columns.sums import sums
from curation.extract.classifier.columns.table import features
from curation.extract.classifier.markdown import markdown
from curation.extract.classifier.model import Model
from curation.extract.classifier.walk import walk


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is kept of one page: its text, the title, how sure the choice is (0..1), and counts by name."""

    text: str
    title: str
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
        batch = walk(sources)
        choice = self.choice(batch)
        return [
            Chosen(
                markdown(batch, choice, page), title, choice.confidence[page], _counts(batch, choice, page)
            )
            for page, title in enumerate(batch.titles)
        ]

    def choice(self, batch: PageBatch) -> Choice:
        """Return which blocks of a batch are kept."""
        if not batch.blocks.text:
            return nothing(batch)
        sizes = sums(batch)
        names, table = features(batch, sizes, self._scores)
        if names != list(self.model.columns):
            raise ValueError("the model was trained on other columns than this version computes")
        return choose(batch, sizes, self.model.trees.probability(table))


def _counts(batch: PageBatch, choice: Choice, page: int) -> dict[str, float]:
    """Return how many cells with text and blocks of code a page has, and how many of each are kept."""
    containers = batch.containers
    span = slice(containers.page_at[page], containers.page_at[page + 1])
    kept = np.append(0, np.cumsum(choice.kept))
    has_text = containers.last[span] > containers.first[span]
    is_kept = kept[containers.last[span]] > kept[containers.first[span]]
    name = np.array(containers.name[span])
    counts: dict[str, float] = {}
    for what, names in {"table_cells": ("td", "th", "caption"), "code_blocks": ("pre",)}.items():
        which = np.isin(name, names) & has_text
        counts |= {f"{what}_seen": float(which.sum()), f"{what}_kept": float((which & is_kept).sum())}
    return counts
