"""The funnel as a table for a terminal: what came in, where it went, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from curation.accounting.ledger import STATES, Account, Ledger


def table(ledgers: Sequence[Ledger]) -> Table:
    """Return the funnel of the stages, a line each, their reasons below them, most records first."""
    out = Table(box=None, pad_edge=False, header_style="bold")
    out.add_column("stage", no_wrap=True, min_width=44)
    for name in ("in", *STATES, "characters kept"):
        out.add_column(name, justify="right")
    for ledger in ledgers:
        states = [f"{ledger.total.states[state].records:,}" for state in STATES]
        kept = f"{ledger.total.states['kept'].characters:,}"
        out.add_row(ledger.stage, f"{ledger.total.received.records:,}", *states, kept, style="bold")
        for name, account in sorted(ledger.sources.items()):
            if len(ledger.sources) > 1:
                counts = [f"{account.states[state].records:,}" for state in STATES]
                out.add_row(f"  {name}", f"{account.received.records:,}", *counts)
        for name, count, note in _reasons(ledger.total):
            out.add_row(f"    {name}", "", "", count, "", "", note, style="dim")
    return out


def _reasons(account: Account) -> Iterator[tuple[str, str, str]]:
    for name, reason in account.ranked():
        if reason.records:
            yield name, f"{reason.records:,}", f"alone {reason.alone:,}"
        else:
            yield name, "", f"characters {reason.characters:,}"
