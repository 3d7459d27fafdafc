"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pages and corpora beside the checkout; its tests are skipped where it is absent."""
    if not (SHARED / "data" / "README.md").exists():
        pytest.skip("needs ../shared (real pages and corpora), which is not here")
    return SHARED


@pytest.fixture(scope="session")
def spark() -> Iterator[object]:
    """One small Spark session for all tests of a process."""
    from curation.spark.session import start

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    session = start("tests", "local[2,4]")
    yield session
    session.stop()
