"""The sample that a stage keeps beside a large table: the same rows whatever the layout, told in the manifest."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from curation.accounting import sample
from curation.accounting.manifest import published, read_manifest
from curation.accounting.sample import LOOK, sampled
from curation.look import frames
from curation.look.run import open_table
from curation.recipe.recipe import read_recipe
from curation.spark.run import Run
from curation.spark.store import Store
from curation.spark.tables import account

pytestmark = pytest.mark.spark


def content(path: str) -> list[dict[str, Any]]:
    """The rows below a path but for where their records lay, in an order of their own."""
    rows = open_table(path, partitioning="hive").to_table().to_pylist()
    told = [{name: row[name] for name in row if name not in ("file", "offset", "length")} for row in rows]
    return sorted(told, key=lambda row: (row["id"], str(row)))


def test_a_large_state_has_a_sample_beside_it(
    spark: Any, made: Any, small: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = published(str(made.out), "extract")
    before = read_manifest(plain)
    assert "sample" not in before.detail, "no state is large"
    assert not Path(plain, "sample").exists()
    monkeypatch.setattr(sample, "LARGE_RECORDS", 30)
    monkeypatch.setattr(sample, "STORED_RECORDS", 25)
    rate = 25 / before.ledger["kept"]["records"]
    run = Run(read_recipe(str(small(files=3, order=4))), Store(str(tmp_path / "out")), say=lambda line: None)
    (manifest,) = run.run(["extract"])
    assert manifest.digest == before.digest
    assert manifest.detail["sample"] == {"kept": rate}
    path = published(str(tmp_path / "out"), "extract")
    assert any(name.startswith("sample/state=kept/") for name in manifest.files)
    wanted = [
        row for row in content(f"{path}/rows") if row["state"] == "kept" and sampled(row["id"], rate, LOOK)
    ]
    assert content(f"{path}/sample") == wanted
    assert 5 < len(wanted) < before.ledger["kept"]["records"]

    other = str(shutil.copytree(plain, tmp_path / "other"))
    assert account(spark, other).detail == {"sample": {"kept": rate}}
    assert content(f"{other}/sample") == wanted, "whatever the layout"

    shutil.rmtree(f"{path}/rows/state=kept")
    columns = ["url", "text"]
    found = [
        frames.documents(str(out), "extract", "kept", wanted=12, columns=columns)
        for out in (made.out, tmp_path / "out")
    ]
    pd.testing.assert_frame_equal(*found)
