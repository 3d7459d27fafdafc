"""What changed between two runs: settings, funnels, the fate of documents, their texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from curation.accounting.account import STATES
from curation.accounting.manifest import Manifest
from curation.look.questions.fates import DocumentChange, FateChange, compare, last_in_common
from curation.look.render.terminal import Grid
from curation.look.render.visible import visible
from curation.look.run import OpenedRun

#: Of settings, of reasons of the funnels and of reasons of a change of fate so many are shown.
SHOWN, REASONS_SHOWN = 40, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelChange:
    """A line of both funnels: a state of a stage, or a reason, in the first run and in the second."""

    stage: str
    name: str
    records: tuple[int, int]
    characters: tuple[int, int]

    def cells(self) -> list[str]:
        """The line of a table."""
        numbers = (
            (f"{old:,}", f"{new:,}", f"{new - old:+,}" if new != old else "")
            for old, new in (self.records, self.characters)
        )
        return [self.stage, self.name, *(number for group in numbers for number in group)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changed.

    Attributes:
        until: the last stage that both runs have.
        settings: (stage and setting, in the first run, in the second); None where it is not there.
        funnel: the states of the stages; `reasons` only those that changed.
        same: documents with the same fate and, where both are stored, the same text.
        outside: of one run, that the other run's sample of its inputs left out: they are no change.
        moves: the changes of fate, the commonest first.
        rewritten: documents of the same fate whose text changed, and examples.
    """

    directories: tuple[str, str]
    until: str
    settings: tuple[tuple[str, Any, Any], ...]
    funnel: tuple[FunnelChange, ...]
    reasons: tuple[FunnelChange, ...]
    same: int
    outside: int
    moves: tuple[FateChange, ...]
    rewritten: int
    rewritten_examples: tuple[DocumentChange, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the difference as JSON data."""
        settings = [{"setting": name, "before": old, "after": new} for name, old, new in self.settings]
        return asdict(self) | {"settings": settings}

    def __rich__(self) -> RenderableType:
        """Return tables of settings, funnels and reasons, then the changes of fate and of texts."""
        first, second = self.directories
        return Group(
            Text(f"A {visible(first)}\nB {visible(second)}\n", style="bold"),
            *(*self._settings(), Text(), *self._funnels(), *self._fates()),
        )

    def _settings(self) -> Iterator[RenderableType]:
        if not self.settings:
            yield Text("The settings are the same.")
            return
        rows = ([name, *map(_value, values)] for name, *values in self.settings[:SHOWN])
        yield Grid(["setting", "A", "B"], rows, left=3)
        if (more := len(self.settings) - SHOWN) > 0:
            yield Text(f"and {more:,} more: --json has them all")

    def _funnels(self) -> Iterator[RenderableType]:
        names = ("stage", "", "A", "B", "B - A", "characters A", "B", "B - A")
        yield Grid(names, (line.cells() for line in self.funnel if any(line.records)), left=2)
        yield Text()
        if self.reasons:
            lines = sorted(self.reasons, key=lambda line: -abs(line.records[1] - line.records[0]))
            yield Grid(names, (line.cells() for line in lines[:SHOWN]), left=2)
            if (more := len(lines) - SHOWN) > 0:
                yield Text(f"and {more:,} more: --json has them all")
            yield Text()

    def _fates(self) -> Iterator[RenderableType]:
        moved, same = sum(move.documents for move in self.moves), f"{self.same:,} neither"
        changed = f"{moved:,} documents changed their fate, {self.rewritten:,} only their text"
        yield Text(f"Up to {self.until}: {changed}, {same}", style="bold")
        if self.outside:
            yield Text(
                f"{self.outside:,} more are in one run only, for the other read a sample without them."
            )
        yield Text()
        for move in self.moves:
            yield Text(f"{move.before} → {move.after}: {move.documents:,} documents", style="bold")
            for name, counts in (("no longer", move.lost), ("now", move.gained)):
                if counts:
                    yield Text(f"  {name}: {_most(counts)}")
            yield Text()
            for example in move.examples:
                yield from (*example.lines(), Text())
        if self.rewritten:
            yield Text(f"text changed: {self.rewritten:,} documents\n", style="bold")
            for example in self.rewritten_examples:
                yield from (*example.lines(), Text())


def _value(value: Any) -> str:
    return "–" if value is None else str(value)


def _most(counts: Mapping[str, int]) -> str:
    shown = ", ".join(f"{visible(name)} {count:,}" for name, count in list(counts.items())[:REASONS_SHOWN])
    more = len(counts) - REASONS_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def diff(before: OpenedRun, after: OpenedRun, *, n: int = 3) -> Difference:
    """Return what changed from one run to another, with `n` examples of each change."""
    until = last_in_common((before, after))
    join = compare((before, after), until, n)
    first, second = before.manifests, after.manifests
    lines = list(funnel(first, second))
    states = [line for line in lines if line.name in ("in", *STATES)]
    return Difference(
        directories=(before.directory, after.directory),
        until=until,
        settings=tuple(settings(first, second)),
        funnel=tuple(states),
        reasons=tuple(
            line
            for line in lines
            if line not in states and any(old != new for old, new in (line.records, line.characters))
        ),
        same=join.same,
        outside=join.outside,
        moves=tuple(join.moves((before, after))),
        rewritten=join.rewritten,
        rewritten_examples=join.examples((before, after)),
    )


def settings(before: Mapping[str, Manifest], after: Mapping[str, Manifest]) -> Iterator[tuple[str, Any, Any]]:
    """Yield what made the stages and differs; where a stage is in one run only, just that."""
    for stage in dict.fromkeys([*before, *after]):
        old, new = before.get(stage), after.get(stage)
        if old is None or new is None:
            yield stage, "published" if old else None, "published" if new else None
            continue
        for what in ("config", "resources", "versions", "output_version"):
            first, second = (dict(_flat(getattr(manifest, what))) for manifest in (old, new))
            for name in dict.fromkeys([*first, *second]):
                if first.get(name) != second.get(name):
                    shown = name if what == "config" else f"{what}.{name}".rstrip(".")
                    yield f"{stage}: {shown}", first.get(name), second.get(name)
        if stage == "extract" and old.inputs != new.inputs:
            yield "extract: input files", _files(old.inputs), _files(new.inputs)


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, value) of every leaf; an item of a list goes by its `name` where all have one."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}".lstrip("."))
    elif isinstance(value, list) and value and all(isinstance(v, Mapping) and "name" in v for v in value):
        for item in value:
            rest = {key: inner for key, inner in item.items() if key != "name"}
            yield from _flat(rest, f"{name}.{item['name']}".lstrip("."))
    else:
        yield name, value


def _files(inputs: Mapping[str, Any]) -> str:
    files = [file for source in inputs.values() for file in source]
    return f"{len(files):,} files, {sum(file['size_bytes'] for file in files):,} bytes"


def funnel(before: Mapping[str, Manifest], after: Mapping[str, Manifest]) -> Iterator[FunnelChange]:
    """Yield what each stage of either run counted: its states, then its reasons by name."""
    for stage in dict.fromkeys([*before, *after]):
        ledgers = [run[stage].ledger if stage in run else {} for run in (before, after)]
        if any(ledgers):
            for state in ("in", *STATES):
                yield _line(stage, state, [ledger.get(state, {}) for ledger in ledgers])
            reasons = [ledger.get("reasons", {}) for ledger in ledgers]
            for name in sorted({*reasons[0], *reasons[1]}):
                yield _line(stage, name, [counts.get(name, {}) for counts in reasons])


def _line(stage: str, name: str, counts: Sequence[Mapping[str, int]]) -> FunnelChange:
    (old, new) = counts
    return FunnelChange(
        stage=stage,
        name=name,
        records=(old.get("records", 0), new.get("records", 0)),
        characters=(old.get("characters", 0), new.get("characters", 0)),
    )
