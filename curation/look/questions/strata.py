"""Whether a sample is skewed: each stratum's part of it beside its part of the whole."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from rich.console import RenderableType
from rich.text import Text

from curation.look.render.terminal import Grid
from curation.look.run import OpenedRun

#: Strata with fewer expected in or out of the sample are tested together: the chi-square law needs as many.
LEAST_EXPECTED = 5.0
#: Of many strata so many are shown, the largest; the rest are counted, and stand in the JSON.
SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """Records with the same values: how many there are, how many were sampled, and at what rate."""

    values: tuple[str, ...]
    records: int
    sampled: int
    rate: float

    @property
    def expected(self) -> float:
        """How many a sample of its rate holds on average."""
        return self.records * self.rate

    @property
    def weight(self) -> float:
        """How many records each sampled one stands for."""
        return 1 / self.rate

    @property
    def score(self) -> float:
        """Standard deviations that it lies from what was expected; 0.0 where every record was taken."""
        spread = math.sqrt(self.expected * (1 - self.rate))
        return (self.sampled - self.expected) / spread if spread else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew:
    """The test of a sample.

    Attributes:
        chi_square, freedom: sum of squared scores of the strata, and how many were summed.
        p_value: how often a fair sample is as far off as this; None with nothing to test.
        divergence_bits: Jensen-Shannon divergence of the weighted sample from the whole, over the strata.
        by_chance_bits: what a fair sample of this size has on average.
    """

    chi_square: float
    freedom: int
    p_value: float | None
    divergence_bits: float
    by_chance_bits: float

    @property
    def text(self) -> str:
        """The verdict in words."""
        if self.p_value is None:
            return "not tested: too few records in every stratum, or all of them were taken"
        test = f"chi-square {self.chi_square:.1f} over {self.freedom} strata, p = {self.p_value:.3g}"
        return f"{test}: {'as even as chance makes it' if self.p_value >= 0.001 else 'SKEWED'}"


def of_sources(run: OpenedRun, stage: str, state: str, sample: pd.DataFrame) -> list[Stratum]:
    """Return the sources as strata of a sample of `frames.documents`, counted by the stage's ledger."""
    accounts = run.ledger(stage)["sources"]
    held = {source: account[state]["records"] for source, account in accounts.items()}
    taken, rate = sample["source"].value_counts(), sample.attrs["rate"]
    return [
        Stratum(values=(source,), records=count, sampled=int(taken.get(source, 0)), rate=rate)
        for source, count in sorted(held.items(), key=lambda item: (-item[1], item[0]))
        if count
    ]


def frame(strata: Sequence[Stratum], *by: str) -> pd.DataFrame:
    """Return a row a stratum: its values of `by`, records, sampled, expected, and the score of that."""
    rows = [
        {
            **dict(zip(by, stratum.values, strict=True)),
            "records": stratum.records,
            "sampled": stratum.sampled,
            "expected": stratum.expected,
            "score": stratum.score,
        }
        for stratum in strata
    ]
    return pd.DataFrame(rows, columns=[*by, "records", "sampled", "expected", "score"])


def table(strata: Sequence[Stratum], by: Sequence[str]) -> Iterator[RenderableType]:
    """Yield the strata as a table, told apart by the columns `by`."""
    rows = (
        [
            *(value or "–" for value in stratum.values),
            f"{stratum.records:,}",
            f"{stratum.sampled:,}",
            f"{stratum.expected:,.1f}",
            f"{stratum.score:+.1f}",
            f"{stratum.weight:,.4g}",
        ]
        for stratum in strata[:SHOWN]
    )
    yield Grid([*by, "documents", "sampled", "expected", "sigma", "weight"], rows, left=len(by))
    if (more := len(strata) - SHOWN) > 0:
        yield Text(f"and {more:,} smaller strata: --json has them all")
    yield Text()


def skew(strata: list[Stratum]) -> Skew:
    """Return the test of a sample whose records were each taken with the rate of their stratum.

    Each stratum's count is binomial, so the squared score has the chi-square law with one degree of freedom.
    """
    tested = _tested(strata)
    chi_square = sum(stratum.score**2 for stratum in tested)
    whole = {stratum.values: float(stratum.records) for stratum in strata}
    weighted = {stratum.values: stratum.sampled * stratum.weight for stratum in strata}
    total, freedom = sum(whole.values()), (len(strata) - 1) / max(1, len(strata))
    noise = sum((1 - stratum.rate) / stratum.rate for stratum in strata) * freedom
    return Skew(
        chi_square=chi_square,
        freedom=len(tested),
        p_value=chi_square_tail(chi_square, len(tested)) if tested else None,
        divergence_bits=jensen_shannon(whole, weighted),
        by_chance_bits=noise / (8 * math.log(2) * total) if total else 0.0,
    )


def _tested(strata: list[Stratum]) -> list[Stratum]:
    """Return the strata to test; of each rate, those too small for it are one."""
    small: dict[float, list[Stratum]] = {}
    tested: list[Stratum] = []
    for stratum in strata:
        if stratum.rate < 1:
            large = min(stratum.expected, stratum.records - stratum.expected) >= LEAST_EXPECTED
            (tested if large else small.setdefault(stratum.rate, [])).append(stratum)
    for rate, group in small.items():
        records, sampled = (
            sum(stratum.records for stratum in group),
            sum(stratum.sampled for stratum in group),
        )
        together = Stratum(values=("the rest",), records=records, sampled=sampled, rate=rate)
        if min(together.expected, records - together.expected) >= LEAST_EXPECTED:
            tested.append(together)
    return tested


def chi_square_tail(value: float, freedom: int) -> float:
    """Return the chance that chi-square with `freedom` degrees exceeds `value`, by a cube root.

    Wilson and Hilferty (1931); within 0.016 of the exact value for 1 to 500 degrees of freedom.

    >>> round(chi_square_tail(18.31, 10), 3)  # the 5 % point
    0.05
    """
    spread = 2 / (9 * freedom)
    score = ((value / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
    return 0.5 * math.erfc(score / math.sqrt(2))


def jensen_shannon(first: Mapping[Any, float], second: Mapping[Any, float]) -> float:
    """Return the Jensen-Shannon divergence of two counts, in bits: 0 where the shares agree, 1 if disjoint.

    0.0 where one of them is empty.

    >>> jensen_shannon({"a": 1, "b": 1}, {"a": 5, "b": 5}), jensen_shannon({"a": 2}, {"b": 3})
    (0.0, 1.0)
    """
    totals = sum(first.values()), sum(second.values())
    if not all(totals):
        return 0.0
    bits = 0.0
    for key in {**first, **second}:
        shares = first.get(key, 0) / totals[0], second.get(key, 0) / totals[1]
        middle = sum(shares) / 2
        bits += sum(share * math.log2(share / middle) for share in shares if share) / 2
    return max(0.0, bits)
