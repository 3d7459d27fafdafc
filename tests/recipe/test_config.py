"""Law 8: every mistake of a configuration, at once, at its line and column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from curation.recipe.config import ConfigError, load


@dataclass(frozen=True, kw_only=True)
class Part:
    size: int = field(default=3, metadata={"min": 1, "max": 9})
    rate: float = 0.5
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.size == 7 and self.rate > 0.9:
            raise ValueError("a size of 7 needs a rate of at most 0.9")


@dataclass(frozen=True, kw_only=True)
class Whole:
    name: str
    mode: Literal["fast", "slow"] = "fast"
    part: Part = Part()
    weights: Mapping[str, float] = field(default_factory=dict)
    limit: int | None = None
    either: str | Part = "x"
    parts: tuple[Part, ...] = ()


def mistakes(tmp_path: Path, text: str, *overrides: str) -> list[str]:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load(str(path), Whole, overrides)
    return str(error.value).replace(f"{path}:", "").split("\n")


def test_values_and_defaults(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "name: a\npart: {size: 4, rate: 1e-4, names: [x, y]}\nweights: {a: 1}\neither: {size: 2}\n"
    )
    assert load(str(path), Whole) == Whole(
        name="a", part=Part(size=4, rate=1e-4, names=("x", "y")), weights={"a": 1.0}, either=Part(size=2)
    )


def test_every_mistake_at_once(tmp_path: Path) -> None:
    text = "nme: a\nmode: fats\npart: {size: 10, rte: 1, names: x}\nlimit: 1.5\nparts: [{size: 0}, {size: true}]\n"
    assert mistakes(tmp_path, text) == [
        "1:1: whole has no 'name'",
        "1:1: whole takes no 'nme' (did you mean 'name'?)",
        "2:7: expected one of fast, slow, found 'fats' (did you mean 'fast'?)",
        "3:14: size is 10; the most is 9",
        "3:18: part takes no 'rte' (did you mean 'rate'?)",
        "3:33: expected a list, found 'x'",
        "4:8: expected a whole number, found '1.5'",
        "5:16: size is 0; the least is 1",
        "5:27: expected a whole number, found 'true'",
    ]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("name: a\nname: b\n", "2:1: 'name' stands here a second time"),
        ("name: a\nmood: x\n", "2:1: whole takes no 'mood' (did you mean 'mode'?)"),
        (
            "name: a\nqqq: x\n",
            "2:1: whole takes no 'qqq'; known: either, limit, mode, name, part, parts, weights",
        ),
        ("name:\n", "1:6: expected a string, found nothing"),
        ("name: [a]\n", "1:7: expected a string, found a list"),
        ("name: a\npart: 3\n", "2:7: expected a mapping for part, found '3'"),
        ("name: a\npart: {size: 7, rate: 0.95}\n", "2:7: a size of 7 needs a rate of at most 0.9"),
        ("- a\n", "1:1: expected a mapping for whole, found a list"),
        ("", "1:1: is empty; expected a mapping"),
        ("name: a\npart: \x08\n", "2:7: no YAML: the character '\\x08' is not allowed"),
        pytest.param("[" * 5000, "1:1: no recipe: lists or mappings are nested too deeply", id="nested"),
        ("a: [1\n", "2:1: no YAML: expected ',' or ']', but got '<stream end>'"),
    ],
)
def test_one_mistake(tmp_path: Path, text: str, mistake: str) -> None:
    assert mistake in mistakes(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load(str(tmp_path / "none.yaml"), Whole)
    assert str(error.value).startswith(f"{tmp_path}/none.yaml: cannot be read: ")


def test_overrides_replace_make_and_index(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("name: a\nparts: [{size: 1}, {size: 2}]\n")
    loaded = load(str(path), Whole, ["part.size=5", "parts.1.rate=0.25", "weights.b=2", "name=z"])
    assert loaded == Whole(
        name="z", part=Part(size=5), parts=(Part(size=1), Part(size=2, rate=0.25)), weights={"b": 2.0}
    )


@pytest.mark.parametrize(
    ("override", "mistake"),
    [
        ("part.size=99", "--set part.size=99: size is 99; the most is 9"),
        ("part.siz=9", "--set part.siz=9: part takes no 'siz' (did you mean 'size'?)"),
        ("part.size", "--set part.size: expected dotted.key=value"),
        ("parts.4.size=1", "--set parts.4.size=1: no item '4' in the list at 'parts'"),
        ("name.x=1", "--set name.x=1: 'name' is 'a', not a mapping"),
    ],
)
def test_an_override_is_checked_like_the_file(tmp_path: Path, override: str, mistake: str) -> None:
    assert mistakes(tmp_path, "name: a\nparts: [{size: 1}]\n", override) == [mistake]
