"""Selections: the best share of a corpus by a score, or by several scores as percentile bins.

A selection is a bound that the corpus sets: the cut is found once over all documents, then each document is
judged by itself. Equal scores stay together, so the cut is a number, and who is kept hangs on no order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

DIGIT_BITS = 16
_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Keep the best documents by what was measured on them.

    Attributes:
        name: of the selection; its reason, and the measure where scores are combined, is `select.NAME`.
        of: measures (`PASS.RULE`); a document that has none of them is not judged.
        bins: each measure is replaced by its percentile bin, 0 to bins - 1, of equal weight; needed where
            there are several measures.
        combine: of a document's bins, the largest or their mean.
        top_fraction: share of the weight to keep, 0 to 1.
        min: or the least score (bin, mean of bins) to keep.
        weigh: what is counted: `documents`, `characters`, or a measure, such as a count of tokens.
        per: a cut for each source, language, or both.
        reason: what its removals are called (None: `select.NAME`).
    """

    name: str
    of: tuple[str, ...]
    bins: int | None = field(default=None, metadata={"min": 2, "max": 10_000})
    combine: Literal["max", "mean"] = "max"
    top_fraction: float | None = field(default=None, metadata={"min": 0.0, "max": 1.0})
    min: float | None = None
    weigh: str = "documents"
    per: tuple[Literal["source", "language"], ...] = ()
    reason: str | None = None

    def __post_init__(self) -> None:
        if not self.of:
            raise ValueError(f"selection '{self.name}' has an empty 'of'; name at least one measure")
        if len(self.of) > 1 and self.bins is None:
            raise ValueError(f"selection '{self.name}' combines several measures, which needs 'bins'")
        if (self.top_fraction is None) == (self.min is None):
            raise ValueError(f"selection '{self.name}' needs one of top_fraction and min")

    @property
    def called(self) -> str:
        """What its removals are called."""
        return self.reason or f"select.{self.name}"

    def group(self, row: Mapping[str, Any]) -> str:
        """Return which cut a document falls under."""
        return _SEPARATOR.join(str(row[name] or "") for name in self.per)

    def weight(self, row: Mapping[str, Any], measures: Mapping[str, float]) -> int:
        """Return what a document counts for, a whole number; a measure it has not counts nothing."""
        if self.weigh == "documents":
            return 1
        if self.weigh == "characters":
            return int(row["characters"])
        value = measures.get(self.weigh, 0.0)
        return max(0, round(value)) if math.isfinite(value) else 0

    def score(self, measures: Mapping[str, float], edges: Mapping[str, Sequence[float]]) -> float | None:
        """Return a document's score, given each measure's edges of bins; None where it has no measure."""
        found = [(name, measures[name]) for name in self.of if math.isfinite(measures.get(name, math.nan))]
        if not found:
            return None
        if self.bins is None:
            return found[0][1]
        placed = [float(np.searchsorted(edges[name], value, side="right")) for name, value in found]
        return max(placed) if self.combine == "max" else sum(placed) / len(placed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What the corpus said: group -> measure -> edges of bins, and group -> the least score."""

    edges: Mapping[str, Mapping[str, Sequence[float]]]
    least: Mapping[str, float]


def judge(
    row: Mapping[str, Any], selections: Sequence[tuple[Selection, Cut]]
) -> Iterator[tuple[Selection, float, float]]:
    """Yield (selection, score, least score) of every selection that looks at a document, in order.

    A document that one selection removes is not seen by those after it.
    """
    measures = dict(row["measures"] or ())
    for selection, cut in selections:
        group = selection.group(row)
        score = selection.score(measures, cut.edges.get(group, {}))
        if score is None:
            continue
        least = cut.least.get(group, -math.inf)
        yield selection, score, least
        if score < least:
            return


def sort_keys(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return whole numbers in the order of finite floats (both zeros are one).

    >>> sort_keys(np.array([-1.5, -0.0, 0.0, 2.0])).argsort(kind="stable").tolist()
    [0, 1, 2, 3]
    """
    bits = (values + 0.0).view(np.int64)
    return bits ^ ((bits >> 63) & np.int64(0x7FFFFFFFFFFFFFFF))


def key_value(key: int) -> float:
    """Return the float of which `sort_keys` made a number.

    >>> [key_value(int(sort_keys(np.array([x]))[0])) for x in (-1.5, 0.0, 0.25)]
    [-1.5, 0.0, 0.25]
    """
    bits = np.array([key], np.int64)
    return float((bits ^ ((bits >> 63) & np.int64(0x7FFFFFFFFFFFFFFF))).view(np.float64)[0])


def target_weight(fraction: float, total: int) -> int:
    """Return the least whole weight that is `fraction` of `total`.

    >>> target_weight(0.1, 30), target_weight(0.1, 31)
    (3, 4)
    """
    return math.ceil(Fraction(repr(fraction)) * total)


@dataclass(slots=True)
class CutSearch:
    """The exact cut of one weighted group, found digit by digit, from above, out of counts.

    The cut is the greatest number for which those not below it weigh at least `wanted`.
    """

    wanted: int
    prefix: int = 0
    level: int = -1
    above: int = 0  # weight of all above the prefix

    @property
    def shift(self) -> int:
        """How many bits the next digit's numbers are shifted by."""
        return 64 - DIGIT_BITS * (self.level + 2)

    def advance(self, counts: Mapping[int, int]) -> None:
        """Take in the weights by the numbers shifted by `shift`, of those that begin with the prefix."""
        for value in sorted(counts, reverse=True):
            if self.above + counts[value] >= self.wanted:
                self.prefix = value
                break
            self.above += counts[value]
        self.level += 1
