"""What changed between two runs: settings, funnels, the fate of documents, their texts.

Documents are joined by their ids, which content and provenance decide, so they are the same in both runs. The
join takes a part of the ids at a time, by their first digits, so memory does not grow with the documents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from typing import Any, NamedTuple

import xxhash

from curation.accounting.ledger import STATES
from curation.accounting.manifest import MissingManifest
from curation.accounting.sample import SALT, position, sampled
from curation.look.questions import compared
from curation.look.questions.compared import Row
from curation.look.questions.sample import First
from curation.look.render.cards import word_changes
from curation.look.render.listing import Card, card
from curation.look.run import Key, fetch, open_run, record_batches

#: Records of both runs that are held at a time, about 400 bytes each.
HELD_RECORDS = 2_000_000
_BATCH_ROWS = 1_024  # with their texts
_DIGITS = 4
ABSENT = "absent"


class Fate(NamedTuple):
    """What became of a record of a source: `dropped in filter`, or `kept`; and the digest of its text."""

    told: str
    reasons: tuple[str, ...]
    text: int | None
    source: str
    key: Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A document in both runs (None where it is absent); `pieces` are what changed in its text."""

    before: Card | None
    after: Card | None
    pieces: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Documents with one fate in the first run and another in the second.

    Attributes:
        lost, gained: reason -> documents that it removed in the first run only, in the second only.
    """

    before: str
    after: str
    documents: int
    lost: Mapping[str, int]
    gained: Mapping[str, int]
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changed.

    Attributes:
        settings: (stage and setting, in the first run, in the second); None where it is not there.
        funnel: the states of the stages; `reasons` only those that changed.
        same: documents with the same fate and, where both are stored, the same text.
        outside: of one run, that the other run's sample of its inputs left out: they are no change.
        moves: the changes of fate, the commonest first.
        rewritten: documents of the same fate whose text changed, and examples.
        until: the last stage that both runs have.
    """

    directories: tuple[str, str]
    until: str
    settings: tuple[tuple[str, Any, Any], ...]
    funnel: tuple[Row, ...]
    reasons: tuple[Row, ...]
    same: int
    outside: int
    moves: tuple[Move, ...]
    rewritten: int
    rewritten_examples: tuple[Example, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the difference as JSON data."""
        settings = [{"setting": name, "before": old, "after": new} for name, old, new in self.settings]
        return asdict(self) | {"settings": settings}


def diff(before: str, after: str, *, n: int = 3) -> Difference:
    """Return what changed from one run directory to another, with `n` examples of each change.

    Raises:
        MissingManifest: nothing was published in one of them, or they have no stage in common.
    """
    directories = (before, after)
    until = _last_in_common(directories)
    joined = _Joined(n, [_rates(directory) for directory in directories])
    for part, parts in _parts(directories):
        joined.add(*(_fates(directory, until, part, parts) for directory in directories))
    first, second = (open_run(directory).manifests for directory in directories)
    funnel = list(compared.funnel(first, second))
    return Difference(
        directories=directories,
        until=until,
        settings=tuple(compared.settings(first, second)),
        funnel=tuple(row for row in funnel if row.name in ("in", *STATES)),
        reasons=tuple(
            row
            for row in funnel
            if row.name not in ("in", *STATES)
            and (row.records[0] != row.records[1] or row.characters[0] != row.characters[1])
        ),
        same=joined.same,
        outside=joined.outside,
        moves=tuple(joined.moves(directories)),
        rewritten=joined.rewritten,
        rewritten_examples=tuple(_examples(directories, joined.rewritten_first.things)),
    )


def _rates(directory: str) -> dict[str, float]:
    """Return source -> the share of its records that a run was made of."""
    found = open_run(directory).manifests
    inputs = found["extract"].config.get("inputs", {}) if "extract" in found else {}
    return {name: float(each.get("sample") or 1.0) for name, each in inputs.items()}


def _last_in_common(directories: Sequence[str]) -> str:
    first, second = (open_run(each).require_rows() for each in directories)
    common = [stage for stage in first if stage in second]
    if not common:
        raise MissingManifest(
            f"{directories[0]} has published {', '.join(first)}, {directories[1]} {', '.join(second)}: "
            "no stage in common, so their documents cannot be compared"
        )
    return common[-1]


def _parts(directories: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield (number of a part, how many there are): each of about as many records as may be held."""
    records = sum(
        max(
            int(each.ledger["in"]["records"])
            for each in open_run(directory).manifests.values()
            if each.ledger
        )
        for directory in directories
    )
    parts = -(-records // HELD_RECORDS) or 1
    yield from ((part, parts) for part in range(parts))


def _fates(directory: str, until: str, part: int, parts: int) -> dict[str, list[Fate]]:
    """Return id -> fates of the records with that id (one that stands twice in the input has two)."""
    found: dict[str, list[Fate]] = {}
    names = ("state", "reason", "text", "source")
    for batch in record_batches(open_run(directory), names, until=until, batch_rows=_BATCH_ROWS):
        keys, states = batch.record_keys(), batch.column("state").to_pylist()
        sources = batch.column("source").to_pylist()
        reasons: list[list[str]] = [[] for _ in keys]
        for name, place in zip(*(each.tolist() for each in batch.values("reason")), strict=True):
            reasons[place].append(name)
        for place, key in enumerate(keys):
            if int(key[1][:_DIGITS], 16) % parts == part:
                told = "kept" if states[place] == "kept" else f"{states[place]} in {batch.stage}"
                text = batch.rows["text"][place].as_py()
                digest = None if text is None else xxhash.xxh3_64_intdigest(text.encode("utf-8", "replace"))
                fate = Fate(told, tuple(sorted(reasons[place])), digest, sources[place] or "", key)
                found.setdefault(key[1], []).append(fate)
    return found


@dataclass(slots=True)
class _Joined:
    """A running join."""

    n: int
    rates: Sequence[Mapping[str, float]]
    same: int = 0
    outside: int = 0
    rewritten: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    lost: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    gained: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    firsts: dict[tuple[str, str], First] = field(default_factory=dict)
    rewritten_first: First = field(default_factory=lambda: First(0))

    def __post_init__(self) -> None:
        self.rewritten_first = First(self.n)

    def add(self, before: Mapping[str, list[Fate]], after: Mapping[str, list[Fate]]) -> None:
        for document in before.keys() | after.keys():
            sides = (sorted(side.get(document, ()), key=_order) for side in (before, after))
            for old, new in zip_longest(*sides):
                self._add(document, old, new)

    def _add(self, document: str, old: Fate | None, new: Fate | None) -> None:
        if self._left_out(document, old, new):
            self.outside += 1
            return
        order = (position(document, SALT),)
        keys = (old.key if old else None, new.key if new else None)
        names = (old.told if old else ABSENT, new.told if new else ABSENT)
        if names[0] == names[1]:
            assert old is not None
            assert new is not None
            changed = None not in (old.text, new.text) and old.text != new.text
            self.same, self.rewritten = self.same + (not changed), self.rewritten + changed
            if changed:
                self.rewritten_first.add([(order, keys)])
            return
        self.counts[names] += 1
        reasons = [set(each.reasons) if each else set() for each in (old, new)]
        self.lost.setdefault(names, Counter()).update(reasons[0] - reasons[1])
        self.gained.setdefault(names, Counter()).update(reasons[1] - reasons[0])
        self.firsts.setdefault(names, First(self.n)).add([(order, keys)])

    def _left_out(self, document: str, old: Fate | None, new: Fate | None) -> bool:
        """Tell whether the sample that a run was made of leaves out a document of the other one."""
        there = old or new
        if there is None or (old and new):
            return False
        rate = self.rates[0 if old is None else 1].get(there.source, 1.0)
        return rate < 1 and not sampled(document, rate, SALT)

    def moves(self, directories: Sequence[str]) -> Iterator[Move]:
        for names, count in sorted(self.counts.items(), key=lambda item: (-item[1], item[0])):
            yield Move(
                before=names[0],
                after=names[1],
                documents=count,
                lost=_ranked(self.lost[names]),
                gained=_ranked(self.gained[names]),
                examples=tuple(_examples(directories, self.firsts[names].things)),
            )


def _order(fate: Fate) -> tuple[Any, ...]:
    return fate.told, fate.reasons, fate.text is None, fate.text or 0, fate.key


def _ranked(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _examples(
    directories: Sequence[str], found: Sequence[tuple[Key | None, Key | None]]
) -> Iterator[Example]:
    sides = []
    for directory, keys in zip(directories, zip(*found, strict=True), strict=True) if found else ():
        there = [key for key in keys if key]
        rows = dict(zip(there, fetch(open_run(directory), there), strict=True))
        sides.append([rows[key] if key else None for key in keys])
    for old, new in zip(*sides, strict=True):
        pieces = _pieces(old["text"], new["text"]) if old and new else []
        yield Example(
            before=card(old) if old else None, after=card(new) if new else None, pieces=tuple(pieces)
        )


def _pieces(before: str | None, after: str | None) -> list[tuple[str, str]]:
    return [] if before is None or after is None or before == after else word_changes(before, after)
