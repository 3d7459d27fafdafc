"""Commands whose reader (head, less) has seen enough end quietly."""

from __future__ import annotations

import os
from contextlib import redirect_stdout
from pathlib import Path
from typing import TextIO

import pytest

from curation.cli import main
from training.plan import explain


def unread() -> TextIO:
    """Return a pipe whose other end is closed, as buffered as standard output is."""
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w", encoding="utf-8")


@pytest.mark.parametrize("command", [["ledger", "--json"], ["ledger"], ["why", "https://pages.example/3"]])
def test_a_question_ends_quietly(command: list[str], small_run: Path) -> None:
    with redirect_stdout(unread()) as out:
        assert main([command[0], str(small_run), *command[1:]]) == 0
    out.close()  # what Python does in the end: nothing is left that nobody takes


def test_a_plan_ends_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "epochs", lambda config, overrides: "a table")
    with redirect_stdout(unread()) as out:
        assert explain.main(["epochs", "that.yaml"]) == 0
    out.close()
