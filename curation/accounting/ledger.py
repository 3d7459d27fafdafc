"""The ledger of a stage: every input record ends in exactly one state (law 1).

`in = kept + dropped + merged + failed`, in records and in characters. Characters that an edit removed from a
kept document count as dropped characters, under the reason `edit:NAME`, without a record.
A stage can also count content of its documents (table cells on the page, table cells kept). These counts do
not have to balance. They show losses that a balanced ledger hides, such as losing every table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

STATES = ("kept", "dropped", "merged", "failed")
#: Stage -> prefix of the measures that are counts. Other measures of a filter belong to the recipe's rules.
COUNTED = {"extract": "extract.", "filter": "spans."}


class LedgerError(RuntimeError):
    """The ledger of a stage does not balance, or too many records failed."""


@dataclass(frozen=True, slots=True)
class Count:
    """A number of records and of characters."""

    records: int = 0
    characters: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.records + other.records, self.characters + other.characters)


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """What a reason removed: records, records removed for no other reason (`alone`), characters."""

    records: int = 0
    alone: int = 0
    characters: int = 0

    def __add__(self, other: ReasonCount) -> ReasonCount:
        return ReasonCount(
            self.records + other.records, self.alone + other.alone, self.characters + other.characters
        )


@dataclass(slots=True)
class Account:
    """Running sums over the records of one source or of all sources; `counts` sums counted content."""

    received: Count = Count()
    states: dict[str, Count] = field(default_factory=lambda: dict.fromkeys(STATES, Count()))
    reasons: dict[str, ReasonCount] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, row: Mapping[str, Any], counted: str | None = None) -> None:
        """Add one written row (columns state, characters_in, characters, edits, reasons).

        counted: prefix of the measures that are counts (needs the column `measures`), or None.
        """
        if counted:
            for name, value in row["measures"]:
                if name.startswith(counted):
                    self.counts[name.removeprefix(counted)] += int(value)
        state, characters = row["state"], int(row["characters_in"])
        self.received += Count(1, characters)
        if state == "kept":
            self._state("kept", Count(1, int(row["characters"])))
            for name, removed in row["edits"]:
                self._state("dropped", Count(0, int(removed)))
                self._reason(f"edit:{name}", ReasonCount(0, 0, int(removed)))
            return
        names = sorted({reason["name"] for reason in row["reasons"]})
        self._state(state, Count(1, characters))
        for name in names:
            self._reason(name, ReasonCount(1, int(len(names) == 1), characters))

    def _state(self, state: str, count: Count) -> None:
        self.states[state] = self.states[state] + count

    def _reason(self, name: str, reason: ReasonCount) -> None:
        self.reasons[name] = self.reasons.get(name, ReasonCount()) + reason

    def merge(self, other: Account) -> None:
        """Add the sums of another account."""
        self.counts.update(other.counts)
        self.received += other.received
        for state, count in other.states.items():
            self._state(state, count)
        for name, reason in other.reasons.items():
            self._reason(name, reason)

    @property
    def balance(self) -> Count:
        """Input minus output; zero if the account balances."""
        out = sum(self.states.values(), Count())
        return Count(self.received.records - out.records, self.received.characters - out.characters)

    def ranked(self) -> list[tuple[str, ReasonCount]]:
        """Return (name, reason) pairs, most records first."""
        return sorted(self.reasons.items(), key=lambda item: (-item[1].records, item[0]))

    def to_json(self) -> dict[str, Any]:
        """Return the account as JSON data: in, kept, dropped, merged, failed, reasons, and counts if any."""
        counts = {"counts": dict(sorted(self.counts.items()))} if self.counts else {}
        return {
            "in": asdict(self.received),
            **{state: asdict(self.states[state]) for state in STATES},
            "reasons": {name: asdict(reason) for name, reason in self.ranked()},
            **counts,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Account:
        """Return the account that `to_json` wrote."""
        return cls(
            received=Count(**data["in"]),
            states={state: Count(**data[state]) for state in STATES},
            reasons={name: ReasonCount(**counts) for name, counts in data["reasons"].items()},
            counts=Counter(data.get("counts", {})),
        )


@dataclass(slots=True)
class Ledger:
    """The accounts of one stage: in total and by source.

    After tokenizing, `tokens` holds the tokens in, kept and of padding, and `cuts`: how often the end of a
    row splits a document.
    """

    stage: str
    total: Account = field(default_factory=Account)
    sources: dict[str, Account] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)

    def add(self, row: Mapping[str, Any]) -> None:
        """Add one written row."""
        counted = COUNTED.get(self.stage)
        self.total.add(row, counted)
        self.sources.setdefault(str(row["source"]), Account()).add(row, counted)

    def merge(self, other: Ledger) -> None:
        """Add the ledger of another task."""
        self.total.merge(other.total)
        for source, account in other.sources.items():
            self.sources.setdefault(source, Account()).merge(account)

    def check(self, expected: Count | None = None) -> None:
        """Raise unless the ledger balances and the input is `expected`, if given.

        Args:
            expected: what the stage before kept.

        Raises:
            LedgerError: names the stage, its input and its output.
        """
        for source, account in {"all sources": self.total, **self.sources}.items():
            if account.balance != Count():
                raise LedgerError(
                    f"{self.stage}: the ledger of {source} does not balance: {account.received} came in, "
                    f"{account.states} went out, {account.balance} is unaccounted for"
                )
        if self.tokens and self.tokens["in"] != self.tokens["kept"]:
            raise LedgerError(
                f"{self.stage}: {self.tokens['in']} tokens came in, {self.tokens['kept']} are in rows, "
                f"{self.tokens['in'] - self.tokens['kept']} are unaccounted for"
            )
        if expected is not None and expected != self.total.received:
            received = self.total.received
            raise LedgerError(
                f"{self.stage}: the stage before kept {expected.records} records "
                f"({expected.characters} characters), but {received.records} ({received.characters}) came in"
            )

    def check_budget(self, budget: float) -> None:
        """Raise if the share of failed records is above the recipe's `failure_budget`."""
        failed, received = self.total.states["failed"].records, self.total.received.records
        if received and failed > budget * received:
            reasons = ", ".join(f"{name} {reason.records}" for name, reason in self.total.ranked())
            raise LedgerError(
                f"{self.stage}: {failed} of {received} records failed, over the budget of {100 * budget:g}% "
                f"(records by reason, dropped ones included: {reasons}). Look at them; "
                "if losing them is fine, raise failure_budget"
            )

    def to_json(self) -> dict[str, Any]:
        """Return the ledger as JSON data."""
        sources = {source: self.sources[source].to_json() for source in sorted(self.sources)}
        tokens = {"tokens": dict(self.tokens)} if self.tokens else {}
        return {"stage": self.stage, **self.total.to_json(), **tokens, "sources": sources}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Ledger:
        """Return the ledger that `to_json` wrote."""
        sources = {source: Account.from_json(account) for source, account in data["sources"].items()}
        return cls(str(data["stage"]), Account.from_json(data), sources, dict(data.get("tokens", {})))


def tally(stage: str, rows: Iterable[Mapping[str, Any]]) -> Ledger:
    """Return the ledger of written rows."""
    ledger = Ledger(stage)
    for row in rows:
        ledger.add(row)
    return ledger


def balanced(ledgers: Sequence[Ledger]) -> bool:
    """Return whether every ledger balances and every stage received what the one before it kept."""
    closed = all(
        account.balance == Count()
        for ledger in ledgers
        for account in (ledger.total, *ledger.sources.values())
    )
    chained = all(before.total.states["kept"] == after.total.received for before, after in pairwise(ledgers))
    return closed and chained
