"""A bench whose bar is missed ends with 1: one that only prints it is passed over."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import recording

BENCHES = sorted((Path(__file__).parents[2] / "benchmarks").glob("bench_*.py"))


def test_a_missed_bar_is_an_exit_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(recording, "ROOT", tmp_path)
    bars = {"met": (1.0, 1.0), "also_met": (2.0, 1.0)}
    assert recording.record("none", {}, bars, ()) == 0
    assert recording.record("one", {}, bars | {"low": (0.9, 1.0)}, ()) == 1
    assert recording.record("nothing", {}, {"no_number": (float("nan"), 1.0)}, ()) == 1
    assert capsys.readouterr().out.count("MISSED") == 2


@pytest.mark.parametrize("path", BENCHES, ids=lambda path: path.stem)
def test_every_bench_ends_with_what_its_record_says(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "sys.exit(main())" in text
    (main,) = (
        node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == "main"
    )
    last = main.body[-1]
    assert isinstance(last, ast.Return)
    assert "record(" in ast.unparse(last)
