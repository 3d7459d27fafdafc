"""The gate file of a bench: its floors go down only by a flag and a word in the changelog."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def floors(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("floors", root / "benchmarks/floors.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["floors"] = module  # dataclasses look their module up while it is being made
    spec.loader.exec_module(module)
    return module


def test_the_floors_that_ship_are_sealed_and_no_lower_than_promised(floors: ModuleType, root: Path) -> None:
    least = floors.read(root / "benchmarks/extract_gate.json").least
    promised = {
        "f1": 0.895, "pages_above_half_fraction": 0.9526, "cells_kept": 0.98, "trafilatura_times_stock": 1.4,
        "resiliparse_times_stock": 10, "pages_per_s": 80, "guarded_pages_per_s": 70,
        "gate_english_kept_fraction": 0.997, "trafilatura_gated_stage_times_datatrove": 3,
        "resiliparse_gated_stage_times_datatrove": 10,
    }  # fmt: skip
    changelog = (root / "CHANGELOG.md").read_text()
    assert least.keys() == promised.keys()
    lower = [(name, value) for name, value in promised.items() if least[name] < value]
    assert not [f"{name} from {value:g} to {least[name]:g}" for name, value in lower
                if f"{name} from {value:g} to {least[name]:g}" not in changelog]  # fmt: skip


def test_what_a_bad_page_may_cost_is_sealed_too(floors: ModuleType, root: Path) -> None:
    least = floors.read(root / "benchmarks/extract_faults_gate.json").least
    for name in ("intact_read_fraction", "outcomes_per_record", "pages_within_deadline_fraction"):
        assert least[name] == 1, "nothing intact lost, every record accounted for, no page over its deadline"
    assert {"parent_flat", "child_flat"} <= least.keys()


def test_a_floor_goes_up_freely_and_down_by_flag_and_changelog(floors: ModuleType) -> None:
    before = floors.Floors(corpus="c", least={"f1": 0.9})
    assert floors.moved(before, "f1=0.95", lower=False, changelog="").least == {"f1": 0.95}
    with pytest.raises(SystemExit, match=r"^f1 would go down from 0.9 to 0.8; say --lower if that is meant$"):
        floors.moved(before, "f1=0.8", lower=False, changelog="f1 from 0.9 to 0.8")
    with pytest.raises(
        SystemExit, match=r"^CHANGELOG.md does not say 'f1 from 0.9 to 0.8'; say it there, and why$"
    ):
        floors.moved(before, "f1=0.8", lower=True, changelog="f1 from 0.9 to 0.85")
    assert floors.moved(before, "f1=0.8", lower=True, changelog="f1 from 0.9 to 0.8").least == {"f1": 0.8}
    with pytest.raises(SystemExit, match=r"^no floor named 'f2'; there are f1$"):
        floors.moved(before, "f2=1", lower=False, changelog="")


def test_an_edit_by_hand_is_seen(floors: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "gate.json"
    floors.write(path, floors.Floors(corpus="c", least={"f1": 0.9}))
    assert floors.read(path).least == {"f1": 0.9}
    found = json.loads(path.read_text())
    path.write_text(json.dumps(found | {"floors": {"f1": 0.5}}))
    with pytest.raises(SystemExit, match=r"^gate.json was edited by hand; use --floor NAME=VALUE"):
        floors.read(path)
