"""What `make fuzz` once found stays mended, and a few new files are tried each time."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

FUZZ = runpy.run_path(str(Path(__file__).with_name("fuzz.py")))
FOUND = [(name, path) for name in FUZZ["TARGETS"] for path in sorted((FUZZ["CORPUS"] / name).glob("*"))]


@pytest.mark.parametrize(("name", "path"), FOUND, ids=lambda value: getattr(value, "name", value))
def test_a_file_that_failed_once_is_read(name: str, path: Path) -> None:
    FUZZ["TARGETS"][name].run(path.read_bytes())


@pytest.mark.parametrize("name", FUZZ["TARGETS"])
def test_spoiled_files_are_read(name: str) -> None:
    target = FUZZ["TARGETS"][name]

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=FUZZ["spoiled"](target, target.seeds))
    def attempt(data: bytes) -> None:
        target.run(data)

    attempt()
