"""How well a model chooses on pages that it has not learned from: of other sites, and of other data sets."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from curation.extract.classifier.choice import choose
from curation.extract.classifier.model import Model
from curation.extract.training.labels import f1
from curation.extract.training.prepare import Prepared

_FOLDS = 4
#: A page whose F1 is lower is lost.
_LOST = 0.5

Fitted = Callable[[Sequence[int]], Model]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Pages that were judged by a model without them: mean F1 of words, and the share below .5."""

    name: str
    pages: int
    f1: float
    lost: float


def by_site(pages: Sequence[Prepared], groups: Sequence[int], fitted: Fitted) -> list[HeldOut]:
    """Return a split for each of four folds of groups, and one of all; `fitted` fits on some of the pages."""
    order = sorted(set(groups))
    random.Random(1).shuffle(order)
    fold = {group: position % _FOLDS for position, group in enumerate(order)}
    folds = ((f"fold {i + 1}", [p for p, g in enumerate(groups) if fold[g] == i]) for i in range(_FOLDS))
    return _splits(pages, folds, lambda held: [p for p in range(len(pages)) if p not in held], fitted)


def by_set(pages: Sequence[Prepared], groups: Sequence[int], fitted: Fitted) -> list[HeldOut]:
    """Return a split for each data set, judged by the others' pages of other sites, and one of all pages."""

    def left(held: frozenset[int]) -> list[int]:
        sets, sites = {pages[p].page.set for p in held}, {groups[p] for p in held}
        return [p for p, page in enumerate(pages) if page.page.set not in sets and groups[p] not in sites]

    sets = sorted({page.page.set for page in pages})
    members = ((name, [p for p, page in enumerate(pages) if page.page.set == name]) for name in sets)
    return _splits(pages, members, left, fitted)


def _splits(
    pages: Sequence[Prepared],
    parts: Iterator[tuple[str, list[int]]],
    left: Callable[[frozenset[int]], list[int]],
    fitted: Fitted,
) -> list[HeldOut]:
    splits, every = [], []
    for name, held in parts:
        remaining = left(frozenset(held))
        if not held or not remaining:
            continue
        model = fitted(remaining)
        scores = [page_f1(pages[p], model) for p in held]
        splits.append(_split(name, scores))
        every += scores
    return [*splits, _split("all", every)] if splits else []


def _split(name: str, scores: Sequence[float]) -> HeldOut:
    lost = sum(score < _LOST for score in scores) / len(scores)
    return HeldOut(name=name, pages=len(scores), f1=sum(scores) / len(scores), lost=lost)


def page_f1(page: Prepared, model: Model) -> float:
    """Return the F1 of the words of what a model keeps of a page."""
    probability = model.trees.probability(page.features(lambda name: model.odds.get(name, 0.0)))
    kept = choose(page.batch, page.sums, probability).kept
    counts: Counter[str] = Counter()
    for words, keep in zip(page.words, kept.tolist(), strict=True):
        if keep:
            counts.update(words)
    return f1(counts, page.truth)
