"""What `make fuzz` once found stays mended, and a few new files are tried each time."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from .fuzz import CORPUS, TARGETS, spoiled

FAILED_ONCE = [(name, path) for name in TARGETS for path in sorted((CORPUS / name).glob("*"))]


@pytest.mark.parametrize(("name", "path"), FAILED_ONCE, ids=lambda value: getattr(value, "name", value))
def test_a_file_that_failed_once_is_read(name: str, path: Path) -> None:
    TARGETS[name].run(path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_spoiled_files_are_read(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=spoiled(target, target.seeds))
    def attempt(data: bytes) -> None:
        target.run(data)

    attempt()
