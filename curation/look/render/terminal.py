"""The funnel as a table for a terminal: what came in, where it went, and why."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from curation.accounting.ledger import STATES, Account, Ledger


def table(ledgers: Sequence[Ledger]) -> Table:
    """Return the funnel of the stages, a line each; below it its sources, then its reasons.

    A reason's line says how many records broke it, how many broke nothing else, and their characters; a
    stage's line ends with the characters it kept.
    """
    out = Table(box=None, pad_edge=False, header_style="bold")
    out.add_column("stage", no_wrap=True, overflow="ellipsis")
    for name in ("in", *STATES, "broke", "alone", "characters"):
        out.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    for ledger in ledgers:
        out.add_row(ledger.stage, *_counts(ledger.total), style="bold")
        for name, account in sorted(ledger.sources.items()):
            if len(ledger.sources) > 1:
                out.add_row(f"  {name}", *_counts(account))
        for name, reason in ledger.total.ranked():
            records = [f"{reason.records:,}", f"{reason.alone:,}"] if reason.records else ["", ""]
            out.add_row(f"    {name}", *[""] * 5, *records, f"{reason.characters:,}", style="dim")
        if ledger.tokens:
            told = ", ".join(f"{name} {count:,}" for name, count in ledger.tokens.items())
            out.add_row(f"    tokens: {told}", *[""] * 8, style="dim")
    return out


def _counts(account: Account) -> list[str]:
    states = [f"{account.states[state].records:,}" for state in STATES]
    return [f"{account.received.records:,}", *states, "", "", f"{account.states['kept'].characters:,}"]
