from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from curation.extract.classifier.model import SHIPPED, DamagedModel, Model, damage, dump, load
from curation.extract.classifier.oblivious import Oblivious


def trees(seed: int = 0) -> Oblivious:
    rng = np.random.default_rng(seed)
    return Oblivious(
        rng.integers(0, 5, (7, 3)),
        rng.normal(size=(7, 3)).astype(np.float32),
        rng.normal(size=(7, 8)).astype(np.float16).astype(np.float32),
        0.25,
    )


MODEL = Model(["a", "b", "c", "d", "e"], trees(), {"post": 0.5, "été": -1.5})


def test_trees_sum_the_leaves_that_their_questions_lead_to() -> None:
    forest, table = trees(), np.random.default_rng(1).normal(size=(5, 1300)).astype(np.float32)
    for column in (0, 511, 512, 1299):
        total = forest.bias
        for feature, border, leaf in zip(forest.feature, forest.border, forest.leaf, strict=True):
            bits = [int(table[f, column] > b) for f, b in zip(feature, border, strict=True)]
            total += leaf[bits[0] + 2 * bits[1] + 4 * bits[2]]
        assert forest.raw(table)[column] == pytest.approx(total, abs=1e-5)
        assert forest.raw(table[:, column : column + 1])[0] == forest.raw(table)[column]
    assert forest.probability(table)[0] == pytest.approx(1 / (1 + np.exp(-forest.raw(table)[0])))


def test_a_model_is_what_was_written_and_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    path = tmp_path / "my.npz"
    path.write_bytes(dump(MODEL))
    found = load(str(path))
    assert list(found.columns) == list(MODEL.columns)
    assert dict(found.odds) == dict(MODEL.odds)
    assert found.trees.feature.tolist() == MODEL.trees.feature.tolist()
    assert found.trees.border.tolist() == MODEL.trees.border.tolist()
    assert found.trees.leaf.tolist() == MODEL.trees.leaf.tolist()
    assert dump(found) == dump(MODEL)
    assert len(found.digest) == 8


def test_the_model_that_ships_is_whole_and_small() -> None:
    assert damage(SHIPPED) is None
    assert Path(SHIPPED).stat().st_size < 100 * 1024


def test_what_is_no_model_is_said(tmp_path: Path) -> None:
    path = tmp_path / "my.npz"
    expected = "; expected a file written by python -m curation.extract.training"
    for data in (b"", b"PK\3\4 no", dump(MODEL)[:-200]):
        path.write_bytes(data)
        load.cache_clear()
        wrong = damage(str(path))
        assert wrong is not None
        assert wrong.startswith(f"'{path}' is no model of the engine blocks or is truncated: ")
        assert wrong.endswith(expected)
    torn = Model(MODEL.columns[:2], MODEL.trees, MODEL.odds)
    path.write_bytes(dump(torn))
    load.cache_clear()
    with pytest.raises(DamagedModel, match="do not fit its columns"):
        load(str(path))
