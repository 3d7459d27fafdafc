"""docs/recipe.md names every option that a recipe can have."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from curation.recipe.recipe import Recipe, read_recipe


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
    if section.__module__.startswith("curation.") and not section.__module__.startswith("curation.filters")
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


def defaults(text: str) -> Iterator[tuple[str, str, str]]:
    """Every (section, option, default) of the tables whose second column is the default."""
    section, told = "", False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(" | ")] if line.startswith("| `") else []
        if line.startswith("## "):
            section = line.split()[1]
        elif line.startswith("|") and not cells:
            told = "default" in line if "---" not in line else told
        elif told and len(cells) >= 3:
            names = re.findall(r"`(\w+)`", cells[0])
            values = [cells[1]] if len(names) == 1 else cells[1].split(", ")
            yield from ((section, name, value) for name, value in zip(names, values, strict=False))


def test_the_defaults_told_are_those_of_the_code(root: Path) -> None:
    hints = get_type_hints(Recipe)
    found = {
        name: {f.name: f.default for part in sections(hint, set()) for f in dataclasses.fields(part)}
        for name, hint in hints.items()
    }
    checked = 0
    for section, option, told in defaults((root / "docs" / "recipe.md").read_text(encoding="utf-8")):
        default = found.get(section, {}).get(option)
        if isinstance(default, tuple) and default:
            assert re.findall(r"[\w.]+(?: desc)?", told) == list(default), (section, option)
        elif isinstance(default, bool | str):
            assert told == f"`{str(default).lower()}`", (section, option)
        elif isinstance(default, int | float):
            assert float(told.replace(",", "")) == default, (section, option)
        else:
            continue
        checked += 1
    assert checked > 20


def test_the_recipe_of_the_readme_is_good(root: Path, tmp_path: Path) -> None:
    text = (root / "README.md").read_text(encoding="utf-8")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(text.partition("## A recipe\n```yaml\n")[2].partition("```")[0])
    assert read_recipe(str(recipe)).name == "web_en"
