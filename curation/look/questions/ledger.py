"""What became of every record of a run, stage by stage: the ledgers, and whether they close."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from curation.accounting.account import STATES, Account
from curation.accounting.budget import worst_lines
from curation.accounting.ledger import Ledger, balanced
from curation.accounting.loss import FileLoss, failed_files
from curation.look.questions.estimate import Estimate, estimate
from curation.look.render.counted import phrases
from curation.look.render.terminal import Grid
from curation.look.render.visible import visible
from curation.look.run import OpenedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """The ledgers of a run.

    Attributes:
        ledgers: of the stages, in order.
        left_out: in words, the stages whose ledger is of other data than the one before; empty if none is.
        failed_files: input files in which most records failed, the worst first.
        estimate: what the full run will keep; None where the run read its inputs whole.
    """

    ledgers: tuple[Ledger, ...]
    left_out: str
    failed_files: tuple[FileLoss, ...]
    estimate: Estimate | None

    @property
    def balanced(self) -> bool:
        """Whether every record is accounted for."""
        return balanced(self.ledgers)

    def to_json(self) -> dict[str, Any]:
        """Return the ledgers as JSON data."""
        data: dict[str, Any] = {
            "balanced": self.balanced,
            "stages": [ledger.to_json() for ledger in self.ledgers],
        }
        if self.failed_files:
            data["failed_files"] = [asdict(file) for file in self.failed_files]
        return data | ({"estimate": self.estimate.to_json()} if self.estimate else {})

    def __rich__(self) -> RenderableType:
        """Return the funnel, a line for each stage; below it its sources, then its reasons.

        A reason's line says how many records it removed, how many of them it `only` removed, and their
        characters; a stage's line ends with the characters it kept.
        """
        names = ["stage", "in", *STATES, "breaks", "only", "characters"]
        rows = (row for ledger in self.ledgers for row in _rows(ledger))
        verdict = "balanced: every record is accounted for" if self.balanced else "NOT BALANCED"
        counts = (Text(line) for ledger in self.ledgers for line in _counts(ledger))
        after: list[RenderableType] = [self.estimate] if self.estimate else []
        if self.failed_files:
            after.append(Text(visible("most failed in:" + "".join(worst_lines(self.failed_files)))))
        return Group(Grid(names, rows), *counts, verdict, *after)


def ledger(run: OpenedRun) -> Funnel:
    """Return the ledgers of a run."""
    ledgers, left_out = run.funnel()
    files = [file for manifest in run.manifests.values() for file in failed_files(manifest.detail)]
    return Funnel(
        ledgers=tuple(ledgers), left_out=left_out, failed_files=tuple(files), estimate=estimate(run)
    )


def _rows(ledger: Ledger) -> Iterator[list[str | Text]]:
    yield [Text(cell, style="bold") for cell in (ledger.stage, *_records(ledger.total))]
    if len(ledger.sources) > 1:
        for name, account in sorted(ledger.sources.items()):
            yield [f"  {name}", *_records(account)]
    for name, reason in ledger.total.ranked():
        records = ["", ""] if name.startswith("edit:") else [f"{reason.records:,}", f"{reason.alone:,}"]
        estimated = ledger.total.estimated.get(name)
        mark = f" ({estimated.records:,} estimated)" if estimated else ""
        cells = [f"    {name}{mark}", *[""] * 5, *records, f"{reason.characters:,}"]
        yield [Text(cell, style="dim") for cell in cells]


def _records(account: Account) -> list[str]:
    states = [f"{account.states[state].records:,}" for state in STATES]
    return [f"{account.received.records:,}", *states, "", "", f"{account.states['kept'].characters:,}"]


def _counts(ledger: Ledger) -> Iterator[str]:
    """Yield what the stage counted in the documents, by source too if there are several, and its tokens."""
    accounts = {ledger.stage: ledger.total}
    if len(ledger.sources) > 1:
        accounts |= {f"  {name}": account for name, account in sorted(ledger.sources.items())}
    for name, account in accounts.items():
        if counts := ", ".join(phrases(account.counts)):
            yield f"{name}: {counts}"
    if ledger.tokens:
        counts = ", ".join(f"{name} {count:,}" for name, count in ledger.tokens.items())
        yield f"{ledger.stage}: tokens: {counts}"
