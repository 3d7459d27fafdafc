"""What the full run will keep, from a run on a sample of the inputs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow.compute as pc
from rich.console import Group, RenderableType
from rich.text import Text

from curation.accounting.ledger import Ledger
from curation.look.render.terminal import Grid
from curation.look.run import DEVIATE, OpenedRun, record_batches

ALL = "all sources"
DUPLICATES = (
    "Two documents that are duplicates of each other are seldom both in a sample, so the full run merges "
    "more: what dedup keeps is at most this."
)
LONG = "A few very long documents that the sample missed may add characters beyond these intervals."


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and its 95 % interval."""

    estimate: float
    low: float
    high: float

    @property
    def text(self) -> str:
        """The numbers for a table."""
        if self.low == self.high:
            return f"{self.estimate:,.0f}"
        return f"{self.estimate:,.0f}  ({self.low:,.0f} to {self.high:,.0f})"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEstimate:
    """One source at one point of the run: `in`, or the stage that kept them."""

    source: str
    at: str
    sampled: int
    documents: Interval
    characters: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a full run will keep.

    Attributes:
        rates: source -> share of its records that was read.
        lines: each source and all of them, from what comes in to what the last stage keeps.
    """

    rates: Mapping[str, float]
    lines: tuple[StageEstimate, ...]

    @property
    def notes(self) -> list[str]:
        """What a reader must know."""
        rates = ", ".join(f"{source} {rate:g}" for source, rate in self.rates.items())
        sampled = f"The inputs were sampled ({rates}); intervals are of 95 %."
        stages = {line.at for line in self.lines}
        return [sampled, *([DUPLICATES] if "dedup" in stages else []), LONG]

    def to_json(self) -> dict[str, Any]:
        """Return the estimate as JSON data."""
        lines = [asdict(line) for line in self.lines]
        return {"rates": dict(self.rates), "notes": self.notes, "lines": lines}

    def __rich__(self) -> RenderableType:
        """Return the estimate as a table."""
        rows = (
            [
                line.source,
                line.at if line.at == "in" else f"kept by {line.at}",
                f"{line.sampled:,}",
                line.documents.text,
                line.characters.text if line.characters else "",
            ]
            for line in self.lines
        )
        names = ["source", "", "in the sample", "documents of a full run", "characters"]
        return Group(Text("Of a full run:", style="bold"), Grid(names, rows, left=2), *map(Text, self.notes))


def estimate(run: OpenedRun) -> Estimate | None:
    """Return what a full run will keep; None where the run read its inputs whole."""
    rates = run.sample_rates
    if all(rate == 1 for rate in rates.values()):
        return None
    lines = list(_lines("in", _received(Ledger.from_json(run.ledger("extract"))), rates))
    for stage in run.row_stages:
        lines += _lines(stage, _kept(run, stage), rates)
    order = [*rates, ALL]
    return Estimate(rates=rates, lines=tuple(sorted(lines, key=lambda line: order.index(line.source))))


@dataclass(slots=True)
class _Sums:
    """Of the documents of a source: how many, their characters, and the squares of those."""

    documents: int = 0
    characters: float | None = 0.0
    squares: float = 0.0


def _received(ledger: Ledger) -> dict[str, _Sums]:
    return {source: _Sums(account.received.records, None) for source, account in ledger.sources.items()}


def _kept(run: OpenedRun, stage: str) -> dict[str, _Sums]:
    sources: dict[str, _Sums] = {}
    for batch in record_batches(run, ["source", "characters"], stage=stage, state="kept"):
        for source in pc.unique(batch.column("source")).to_pylist():
            mine = batch.filter(pc.equal(batch.column("source"), source))
            lengths = mine.column("characters").to_numpy(zero_copy_only=False).astype("float64")
            sums = sources.setdefault(source, _Sums())
            sums.documents += len(lengths)
            sums.characters = (sums.characters or 0.0) + float(lengths.sum())
            sums.squares += float((lengths**2).sum())
    return sources


def _lines(at: str, sources: Mapping[str, _Sums], rates: Mapping[str, float]) -> Iterable[StageEstimate]:
    mine = []
    for source, rate in rates.items():
        sums = sources.get(source, _Sums())
        characters = None if sums.characters is None else total_interval(sums.characters, sums.squares, rate)
        documents = count_interval(sums.documents, rate)
        mine.append(
            StageEstimate(
                source=source, at=at, sampled=sums.documents, documents=documents, characters=characters
            )
        )
    yield from mine
    if len(mine) > 1:
        yield StageEstimate(
            source=ALL,
            at=at,
            sampled=sum(line.sampled for line in mine),
            documents=added(line.documents for line in mine),
            characters=None if at == "in" else added(line.characters for line in mine if line.characters),
        )


def count_interval(sampled: int, rate: float) -> Interval:
    """Return how many there are, where each was taken with chance `rate` and `sampled` were.

    The score interval: all N for which `sampled` is within 1.96 standard deviations of N·rate, the deviation
    taken at N itself (Wilson's way), which also bounds what was never seen.

    >>> count_interval(0, 0.01).high < 400 and count_interval(7, 1.0)
    Interval(estimate=7.0, low=7.0, high=7.0)
    """
    spread = DEVIATE * math.sqrt(1 - rate)
    root = spread * math.sqrt(spread**2 + 4 * sampled)
    low, high = ((2 * sampled + spread**2 + sign * root) / (2 * rate) for sign in (-1, 1))
    return Interval(sampled / rate, max(low, float(sampled)), high)


def total_interval(total: float, squares: float, rate: float) -> Interval:
    """Return the sum over all, of which the sampled sum to `total` and their squares to `squares`.

    The Horvitz-Thompson estimate and its normal interval: few very long documents make it too narrow.
    """
    spread = DEVIATE * math.sqrt((1 - rate) * squares) / rate
    return Interval(total / rate, max(total, total / rate - spread), total / rate + spread)


def added(intervals: Iterable[Interval]) -> Interval:
    """Return the interval of a sum of independent estimates (Zou & Donner 2008: distances add as squares)."""
    parts = list(intervals)
    middle = sum(part.estimate for part in parts)
    low = math.sqrt(sum((part.estimate - part.low) ** 2 for part in parts))
    high = math.sqrt(sum((part.high - part.estimate) ** 2 for part in parts))
    return Interval(middle, middle - low, middle + high)
