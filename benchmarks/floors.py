"""The floors a bench must hold, in a file that says so when someone edited it by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import xxhash


@dataclass(frozen=True, kw_only=True, slots=True)
class Floors:
    """The least allowed value by name, and the digest of the corpus they were measured on."""

    corpus: str
    least: Mapping[str, float]

    @property
    def seal(self) -> str:
        """A digest of both: it changes only where `write` wrote it."""
        content = json.dumps([self.corpus, sorted(self.least.items())])
        return xxhash.xxh3_64_hexdigest(content.encode())


def read(path: Path) -> Floors:
    """Return the floors of a gate file. Ends the program where it was edited by hand."""
    found = json.loads(path.read_text(encoding="utf-8"))
    floors = Floors(corpus=found["corpus"], least=found["floors"])
    if found["seal"] != floors.seal:
        raise SystemExit(f"{path.name} was edited by hand; use --floor NAME=VALUE, with --lower to lower one")
    return floors


def write(path: Path, floors: Floors) -> None:
    """Write a gate file."""
    found = {"corpus": floors.corpus, "floors": dict(floors.least), "seal": floors.seal}
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def moved(floors: Floors, setting: str, *, lower: bool, changelog: str) -> Floors:
    """Return the floors with one set by NAME=VALUE; a lower one needs the flag and its step in the changelog."""
    name, _, text = setting.partition("=")
    if name not in floors.least:
        raise SystemExit(f"no floor named {name!r}; there are {', '.join(floors.least)}")
    value, before = float(text), floors.least[name]
    if value < before and not lower:
        raise SystemExit(f"{name} would go down from {before:g} to {value:g}; say --lower if that is meant")
    step = f"{name} from {before:g} to {value:g}"
    if value < before and not re.search(rf"(?<!\w){re.escape(step)}(?!\.?\d)", changelog):
        raise SystemExit(f"CHANGELOG.md does not say '{step}'; say it there, and why")
    return Floors(corpus=floors.corpus, least={**floors.least, name: value})
