"""The examples of the properties are the same on every run: whatever ran before, and whatever else changed."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def drawn() -> list[tuple[str, int, float]]:
    """The examples of a property, as it gets them."""
    found = []

    @given(st.text(), st.integers(), st.floats(allow_nan=False))
    def note(text: str, number: int, other: float) -> None:
        found.append((text, number, other))

    note()
    return found


def test_what_a_process_has_imported_does_not_change_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if settings.get_current_profile_name() != "same":
        pytest.skip("new examples were asked for")
    before = drawn()
    constants = [f"constant {n}" for n in range(300)], [*range(1000, 1300)], [n + 0.25 for n in range(300)]
    (tmp_path / "imported_by_another.py").write_text(f"CONSTANTS = {constants}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.import_module("imported_by_another")
    assert drawn() == before


def test_every_property_keeps_to_the_profile(request: pytest.FixtureRequest) -> None:
    if settings.get_current_profile_name() != "same":
        pytest.skip("new examples were asked for")
    for item in request.session.items:
        function = getattr(item, "function", None)
        own = getattr(function, "_hypothesis_internal_use_settings", None)
        if getattr(function, "is_hypothesis_test", False) and own is not None:
            assert own.derandomize, item.nodeid
            assert own.deadline is None, item.nodeid
            assert own.database is None, item.nodeid
