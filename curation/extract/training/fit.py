"""The fit itself: prepared pages to a model, with CatBoost, which nothing else here needs."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from curation.extract.classifier.model import Model
from curation.extract.classifier.oblivious import Oblivious
from curation.extract.training.odds import NameOdds
from curation.extract.training.prepare import Prepared


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How trees are grown."""

    trees: int = 250
    depth: int = 6
    learning_rate: float = 0.15
    borders: int = 48
    seed: int = 3
    threads: int = 1


def fit(pages: Sequence[Prepared], groups: Sequence[int], columns: Sequence[str], settings: Fit) -> Model:
    """Return a model of the pages; the same for the same pages, settings and version of CatBoost.

    groups: pages of one site; a page's names are judged by the other sites', as they will be when the model
    meets a new one.
    """
    from catboost import CatBoostClassifier, Pool

    odds = NameOdds((group, page.name_shares) for group, page in zip(groups, pages, strict=True))
    tables = [page.features(odds.without(group)) for group, page in zip(groups, pages, strict=True)]
    learner = CatBoostClassifier(
        loss_function="CrossEntropy",
        iterations=settings.trees,
        depth=settings.depth,
        learning_rate=settings.learning_rate,
        border_count=settings.borders,
        l2_leaf_reg=5,
        bootstrap_type="Bernoulli",
        subsample=0.6,
        rsm=0.3,
        boosting_type="Plain",
        leaf_estimation_iterations=2,
        random_seed=settings.seed,
        thread_count=settings.threads,
        verbose=False,
        allow_writing_files=False,
    )
    table = np.concatenate(tables, axis=1).T
    label = np.concatenate([page.label for page in pages])
    weight = np.concatenate([page.weight for page in pages])
    learner.fit(Pool(table, label, weight=weight))
    return Model(list(columns), _trees(learner, settings.depth), odds.all())


def _trees(learner: object, depth: int) -> Oblivious:
    """Return CatBoost's trees; one that stopped early asks what nothing is above."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        learner.save_model(str(path), format="json")  # type: ignore[attr-defined]
        saved = json.loads(path.read_text())
    trees = saved["oblivious_trees"]
    feature = np.zeros((len(trees), depth), np.int64)
    border = np.full((len(trees), depth), 3e38, np.float32)
    leaf = np.zeros((len(trees), 1 << depth), np.float32)
    for i, tree in enumerate(trees):
        for level, split in enumerate(tree["splits"] or []):
            feature[i, level], border[i, level] = split["float_feature_index"], split["border"]
        leaf[i, : len(tree["leaf_values"])] = tree["leaf_values"]
    scale, bias = saved["scale_and_bias"]
    return Oblivious(feature, border, leaf * scale, float(np.ravel(bias)[0]))
