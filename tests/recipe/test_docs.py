"""docs/recipe.md names every option that a recipe can have."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from curation.recipe.recipe import Recipe


def sections(kind: Any, seen: set[Any]) -> Iterator[type]:
    """Every dataclass that a recipe's types name, itself first."""
    for part in (kind, *get_args(kind)):
        if isinstance(part, type) and dataclasses.is_dataclass(part) and part not in seen:
            seen.add(part)
            yield part
            for hint in get_type_hints(part).values():
                yield from sections(hint, seen)
        elif part is not kind:
            yield from sections(part, seen)


DECLARED = [
    (section, field.name)
    for section in sections(Recipe, set())
    if section.__module__.startswith("curation.recipe.")
    for field in dataclasses.fields(section)
]


@pytest.mark.parametrize(("section", "option"), DECLARED, ids=lambda each: getattr(each, "__name__", each))
def test_every_option_is_documented(section: type, option: str, root: Path) -> None:
    text = (root / "docs" / "recipe.md").read_text(encoding="utf-8")
    named = (f"`{option}`", f"{option}:", f"## {option}")
    assert any(name in text for name in named), f"{section.__name__}.{option} is not in docs/recipe.md"


def test_the_sections_stand_in_the_order_of_the_stages(root: Path) -> None:
    text = (root / "docs" / "recipe.md").read_text(encoding="utf-8")
    found = [line.split()[1] for line in text.splitlines() if line.startswith("## ")]
    assert found == [f.name for f in dataclasses.fields(Recipe) if f.name in found]
    assert {f.name for f in dataclasses.fields(Recipe)} - set(found) == {
        "name",
        "measure",
        "dropped_text_rate",
    }
