"""The ledger of a stage: every input record ends in exactly one state (law 1).

`in = kept + dropped + merged + failed`, in records and in characters. Characters that an edit removed from a
kept document count as dropped characters, under the reason `edit:NAME`, without a record.
A stage can also count content of its documents (table cells on the page, table cells kept). These counts do
not have to balance. They show losses that a balanced ledger hides, such as losing every table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from curation.accounting.account import Account, Count

#: Stage -> prefixes of the measures that are counts, its own first. Others belong to the recipe's rules.
COUNTED = {"extract": ("extract.", "pages."), "filter": ("spans.",)}


class LedgerError(RuntimeError):
    """The ledger of a stage does not balance, or too many records failed."""


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

    def merge(self, other: Ledger) -> None:
        """Add the ledger of another task."""
        self.total.merge(other.total)
        for source, account in other.sources.items():
            self.sources.setdefault(source, Account()).merge(account)

    def estimate(self, size_bytes: Mapping[str, int]) -> None:
        """Complete the account of failures of which only the lost bytes are known; call it once, at the end.

        Their records are those a byte that the rest of their source held. So the estimate does not depend on
        how files were split.

        Args:
            size_bytes: source -> bytes of its files.
        """
        for source, account in self.sources.items():
            missing = account.missing(size_bytes[source])
            account.grow(missing)
            self.total.grow(missing)

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


def balanced(ledgers: Sequence[Ledger]) -> bool:
    """Return whether every ledger balances and every stage received what the one before it kept."""
    closed = all(
        account.balance == Count()
        for ledger in ledgers
        for account in (ledger.total, *ledger.sources.values())
    )
    chained = all(before.total.states["kept"] == after.total.received for before, after in pairwise(ledgers))
    return closed and chained
