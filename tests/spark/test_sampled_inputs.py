"""`inputs: ... sample`: the records of the sample, by the ids that they will have."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curation.accounting.manifest import published, read_manifest
from curation.accounting.sample import sampled
from curation.cli import main
from curation.look import frames
from curation.recipe.recipe import read_recipe
from curation.spark.run import Run
from curation.spark.store import Store

pytestmark = pytest.mark.spark


def extracted(recipe: Path, out: Path, *overrides: str) -> set[str]:
    """The ids of the records that came in."""
    Run(read_recipe(str(recipe), overrides), Store(str(out)), say=lambda line: None).run(["extract"])
    return set(frames.documents(str(out), "extract", columns=["id"])["id"])


def test_the_sample_is_a_function_of_the_ids(made: Any, small: Callable[..., Path], tmp_path: Path) -> None:
    recipe, other = made.recipe, small(files=3, order=4)
    whole = frames.documents(str(made.out), "extract")
    whole, web = set(whole["id"]), set(whole.query("source == 'web'")["id"])
    some = extracted(recipe, tmp_path / "some", "inputs.web.sample=0.4")
    assert some == {i for i in whole if i not in web or sampled(i, 0.4, "sample")}
    assert 0 < len(some & web) < len(web)
    assert extracted(other, tmp_path / "other_out", "inputs.web.sample=0.4") == some, "whatever the layout"
    assert extracted(recipe, tmp_path / "less", "inputs.web.sample=0.2") < some
    names = [
        read_manifest(published(str(out), "extract")).fingerprint for out in (made.out, tmp_path / "some")
    ]
    assert names[0] != names[1]


def test_a_run_on_a_sample_balances_and_tells_what_to_expect(
    spark: Any, small: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = ["run", str(small()), "--out", str(tmp_path / "out"), "--set", "inputs.web.sample=0.5"]
    assert main([*request, "--set", "dedup.near=null"]) == 0
    assert "Of a full run:" in capsys.readouterr().out
    assert main(["ledger", str(tmp_path / "out"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["balanced"] is True
    lines = {(each["source"], each["at"]): each for each in found["estimate"]["lines"]}
    read = found["stages"][0]["sources"]["web"]["in"]["records"]
    assert lines["web", "in"]["documents"]["estimate"] == 2 * read
    assert lines["web", "in"]["documents"]["low"] <= 58 <= lines["web", "in"]["documents"]["high"]
    assert lines["notes", "in"]["documents"] == {"estimate": 12, "low": 12, "high": 12}
