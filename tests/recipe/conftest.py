"""Recipes under test name a tokenizer; it is there."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder that has the tokenizer the recipes name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.json").write_text("{}")
