"""What made two runs and what became of their records, side by side, from their manifests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation.accounting.ledger import STATES
from curation.accounting.manifest import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the funnels, of both runs: a state of a stage, or a reason."""

    stage: str
    name: str
    records: tuple[int, int]
    characters: tuple[int, int]


def settings(before: Mapping[str, Manifest], after: Mapping[str, Manifest]) -> Iterator[tuple[str, Any, Any]]:
    """Yield what made the stages and differs; where a stage is in one run only, just that."""
    for stage in dict.fromkeys([*before, *after]):
        old, new = before.get(stage), after.get(stage)
        if old is None or new is None:
            yield stage, "published" if old else None, "published" if new else None
            continue
        for what in ("config", "resources", "versions", "output_version"):
            flat = [dict(_flat(getattr(each, what))) for each in (old, new)]
            for name in dict.fromkeys([*flat[0], *flat[1]]):
                if flat[0].get(name) != flat[1].get(name):
                    shown = name if what == "config" else f"{what}.{name}".rstrip(".")
                    yield f"{stage}: {shown}", flat[0].get(name), flat[1].get(name)
        if stage == "extract" and old.inputs != new.inputs:
            yield "extract: input files", _files(old.inputs), _files(new.inputs)


def _flat(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, value) of every leaf; what has a `name` in a list goes by it."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _flat(each, f"{at}.{name}".lstrip("."))
    elif isinstance(value, list) and value and all(isinstance(e, Mapping) and "name" in e for e in value):
        for each in value:
            rest = {name: inner for name, inner in each.items() if name != "name"}
            yield from _flat(rest, f"{at}.{each['name']}".lstrip("."))
    else:
        yield at, value


def _files(inputs: Mapping[str, Any]) -> str:
    found = [file for each in inputs.values() for file in each]
    return f"{len(found):,} files, {sum(file['size_bytes'] for file in found):,} bytes"


def funnel(before: Mapping[str, Manifest], after: Mapping[str, Manifest]) -> Iterator[Row]:
    """Yield what each stage of either run counted: its states, then its reasons by name."""
    for stage in dict.fromkeys([*before, *after]):
        ledgers = [each[stage].ledger if stage in each else {} for each in (before, after)]
        if any(ledgers):
            for state in ("in", *STATES):
                yield _row(stage, state, [each.get(state, {}) for each in ledgers])
            reasons = [each.get("reasons", {}) for each in ledgers]
            for name in sorted({*reasons[0], *reasons[1]}):
                yield _row(stage, name, [each.get(name, {}) for each in reasons])


def _row(stage: str, name: str, counts: Sequence[Mapping[str, int]]) -> Row:
    records, characters = ([each.get(unit, 0) for each in counts] for unit in ("records", "characters"))
    return Row(
        stage=stage,
        name=name,
        records=(records[0], records[1]),
        characters=(characters[0], characters[1]),
    )
