"""The join of two runs by document: which have another fate in the second, and which another text.

Documents are joined by their ids, which content and provenance decide, so they are the same in both runs. The
join takes a part of the ids at a time, by their first digits, so memory does not grow with the documents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, NamedTuple

import xxhash
from rich.text import Text

from curation.accounting.manifest import MissingManifest
from curation.accounting.sample import SALT, position, sampled
from curation.look.questions.sample import First
from curation.look.render.cards import word_changes
from curation.look.render.listing import Card, card, changed_text
from curation.look.run import Key, OpenedRun, fetch, record_batches

#: Records of both runs that are held at a time, about 400 bytes each.
HELD_RECORDS = 2_000_000
_BATCH_ROWS = 1_024  # with their texts
_DIGITS = 4
ABSENT = "absent"
_REWRITTEN = ("", "")


class Fate(NamedTuple):
    """What became of a record of a source: `dropped in filter`, or `kept`; and the digest of its text."""

    name: str
    reasons: tuple[str, ...]
    text: int | None
    source: str
    key: Key


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentChange:
    """A document in both runs (None where it is absent); `pieces` are what changed in its text."""

    before: Card | None
    after: Card | None
    pieces: tuple[tuple[str, str], ...] = ()

    def lines(self) -> Iterator[Text]:
        """Yield the document as lines for a terminal: as it is in both runs, and what changed."""
        if self.before is None or self.after is None:
            yield from (card for side in (self.before, self.after) if side for card in side.lines())
            return
        yield from self.before.head()
        if self.pieces:
            yield from [*self.after.head()][1:]
            yield Text(f"  {changed_text(self.pieces)}")
        else:
            yield from [*self.after.lines()][1:]


@dataclass(frozen=True, slots=True, kw_only=True)
class FateChange:
    """Documents with one fate in the first run and another in the second.

    Attributes:
        lost, gained: reason -> documents that it removed in the first run only, in the second only.
    """

    before: str
    after: str
    documents: int
    lost: Mapping[str, int]
    gained: Mapping[str, int]
    examples: tuple[DocumentChange, ...]


def compare(runs: tuple[OpenedRun, OpenedRun], until: str, n: int) -> Join:
    """Return the join of two runs as they were after stage `until`, with `n` examples of each change."""
    join = Join(n, [run.sample_rates for run in runs])
    for part, parts in _parts(runs):
        join.add(*(_fates(run, until, part, parts) for run in runs))
    return join


def last_in_common(runs: Sequence[OpenedRun]) -> str:
    """Return the last stage that both runs have."""
    first, second = (run.require_rows() for run in runs)
    common = [stage for stage in first if stage in second]
    if not common:
        raise MissingManifest(
            f"{runs[0].directory} has published {', '.join(first)}, {runs[1].directory} {', '.join(second)}: "
            "no stage in common, so their documents cannot be compared"
        )
    return common[-1]


def _parts(runs: Sequence[OpenedRun]) -> Iterator[tuple[int, int]]:
    """Yield (number of a part, how many there are): each of about as many records as may be held."""
    records = sum(
        max(int(manifest.ledger["in"]["records"]) for manifest in run.manifests.values() if manifest.ledger)
        for run in runs
    )
    parts = -(-records // HELD_RECORDS) or 1
    yield from ((part, parts) for part in range(parts))


def _fates(run: OpenedRun, until: str, part: int, parts: int) -> dict[str, list[Fate]]:
    """Return id -> fates of the records with that id (one that stands twice in the input has two)."""
    fates: dict[str, list[Fate]] = {}
    names = ("state", "reason", "text", "source")
    for batch in record_batches(run, names, until=until, batch_rows=_BATCH_ROWS):
        keys, states = batch.record_keys(), batch.column("state").to_pylist()
        sources = batch.column("source").to_pylist()
        reasons: list[list[str]] = [[] for _ in keys]
        for reason, row in zip(*(column.tolist() for column in batch.values("reason")), strict=True):
            reasons[row].append(reason)
        for row, key in enumerate(keys):
            if int(key[1][:_DIGITS], 16) % parts == part:
                name = "kept" if states[row] == "kept" else f"{states[row]} in {batch.stage}"
                text = batch.rows["text"][row].as_py()
                digest = None if text is None else xxhash.xxh3_64_intdigest(text.encode("utf-8", "replace"))
                fate = Fate(name, tuple(sorted(reasons[row])), digest, sources[row] or "", key)
                fates.setdefault(key[1], []).append(fate)
    return fates


@dataclass(slots=True)
class Join:
    """A running join; `same`, `outside` and `rewritten` count documents."""

    n: int
    rates: Sequence[Mapping[str, float]]
    same: int = 0
    outside: int = 0
    rewritten: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    lost: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    gained: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    firsts: dict[tuple[str, str], First] = field(default_factory=dict)

    def add(self, before: Mapping[str, list[Fate]], after: Mapping[str, list[Fate]]) -> None:
        """Add the documents of one part of the ids."""
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
        names = (old.name if old else ABSENT, new.name if new else ABSENT)
        if names[0] == names[1]:
            assert old is not None
            assert new is not None
            changed = None not in (old.text, new.text) and old.text != new.text
            self.same, self.rewritten = self.same + (not changed), self.rewritten + changed
            if changed:
                self.firsts.setdefault(_REWRITTEN, First(self.n)).add([(order, keys)])
            return
        self.counts[names] += 1
        reasons = [set(fate.reasons) if fate else set() for fate in (old, new)]
        self.lost.setdefault(names, Counter()).update(reasons[0] - reasons[1])
        self.gained.setdefault(names, Counter()).update(reasons[1] - reasons[0])
        self.firsts.setdefault(names, First(self.n)).add([(order, keys)])

    def _left_out(self, document: str, old: Fate | None, new: Fate | None) -> bool:
        """Tell whether the sample that a run was made of leaves out a document of the other one."""
        present = old or new
        if present is None or (old and new):
            return False
        rate = self.rates[0 if old is None else 1].get(present.source, 1.0)
        return rate < 1 and not sampled(document, rate, SALT)

    def moves(self, runs: Sequence[OpenedRun]) -> Iterator[FateChange]:
        """Yield the changes of fate, the commonest first."""
        for names, count in sorted(self.counts.items(), key=lambda item: (-item[1], item[0])):
            yield FateChange(
                before=names[0],
                after=names[1],
                documents=count,
                lost=_ranked(self.lost[names]),
                gained=_ranked(self.gained[names]),
                examples=self.examples(runs, names),
            )

    def examples(
        self, runs: Sequence[OpenedRun], names: tuple[str, str] = _REWRITTEN
    ) -> tuple[DocumentChange, ...]:
        """Return some documents of a change of fate, or of those whose text alone changed."""
        return tuple(_examples(runs, self.firsts[names].items)) if names in self.firsts else ()


def _order(fate: Fate) -> tuple[Any, ...]:
    return fate.name, fate.reasons, fate.text is None, fate.text or 0, fate.key


def _ranked(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _examples(
    runs: Sequence[OpenedRun], pairs: Sequence[tuple[Key | None, Key | None]]
) -> Iterator[DocumentChange]:
    sides = []
    for run, keys in zip(runs, zip(*pairs, strict=True), strict=True) if pairs else ():
        present = [key for key in keys if key]
        rows = dict(zip(present, fetch(run, present), strict=True))
        sides.append([rows[key] if key else None for key in keys])
    for old, new in zip(*sides, strict=True):
        pieces = _pieces(old["text"], new["text"]) if old and new else []
        yield DocumentChange(
            before=card(old) if old else None, after=card(new) if new else None, pieces=tuple(pieces)
        )


def _pieces(before: str | None, after: str | None) -> list[tuple[str, str]]:
    return [] if before is None or after is None or before == after else word_changes(before, after)
