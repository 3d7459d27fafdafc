"""Selection of the best share of a corpus by one score, or by several scores as percentile bins.

The corpus sets the bound: the cut is computed once over all documents, then every document is judged alone.
The cut is a score, so documents with equal scores stay together and the order of documents does not matter.
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
    """Keep the best documents by their measures.

    Attributes:
        name: name of the selection. `select.NAME` is its reason, and the measure of a combined score.
        of: measures (`PASS.RULE`) or `characters`; a document without any of them is not judged.
        bins: replace every measure by its percentile bin, 0 to bins - 1, with equal weights; required for
            several measures.
        combine: how to combine the bins of a document: the largest or their mean.
        top_fraction: share of the weight to keep, 0 to 1.
        min: instead of top_fraction, the lowest score (bin, mean of bins) to keep.
        weigh: weight of a document: `documents` (1), `characters`, or a measure such as a token count.
        per: separate cuts for each source, language, or both.
        reason: name of its reason (None: `select.NAME`).
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
        """Name of its reason."""
        return self.reason or f"select.{self.name}"

    def group(self, row: Mapping[str, Any]) -> str:
        """Return the key of the cut that applies to a document."""
        return _SEPARATOR.join(str(row[name] or "") for name in self.per)

    def weight(self, row: Mapping[str, Any], measures: Mapping[str, float]) -> int:
        """Return the weight of a document, a whole number; 0 if the measure is missing."""
        if self.weigh == "documents":
            return 1
        if self.weigh == "characters":
            return int(row["characters"])
        value = measures.get(self.weigh, 0.0)
        return max(0, round(value)) if math.isfinite(value) else 0

    def score(self, measures: Mapping[str, float], edges: Mapping[str, Sequence[float]]) -> float | None:
        """Return a document's score, given the bin edges of every measure; None if it has no measure."""
        values = [(name, measures[name]) for name in self.of if math.isfinite(measures.get(name, math.nan))]
        if not values:
            return None
        if self.bins is None:
            return values[0][1]
        bins = [float(np.searchsorted(edges[name], value, side="right")) for name, value in values]
        return max(bins) if self.combine == "max" else sum(bins) / len(bins)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The cut of a corpus: group -> measure -> bin edges, and group -> lowest score to keep."""

    edges: Mapping[str, Mapping[str, Sequence[float]]]
    least: Mapping[str, float]


def judge(
    row: Mapping[str, Any], selections: Sequence[tuple[Selection, Cut]]
) -> Iterator[tuple[Selection, float, float]]:
    """Yield (selection, score, lowest score to keep) for the selections that apply to a document, in order.

    Selections after the one that removes the document are skipped.
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
    """Return integers that sort like the given finite floats (0.0 and -0.0 are equal).

    >>> sort_keys(np.array([-1.5, -0.0, 0.0, 2.0])).argsort(kind="stable").tolist()
    [0, 1, 2, 3]
    """
    bits = (values + 0.0).view(np.int64)
    return bits ^ ((bits >> 63) & np.int64(0x7FFFFFFFFFFFFFFF))


def key_value(key: int) -> float:
    """Return the float for an integer of `sort_keys`.

    >>> [key_value(int(sort_keys(np.array([x]))[0])) for x in (-1.5, 0.0, 0.25)]
    [-1.5, 0.0, 0.25]
    """
    bits = np.array([key], np.int64)
    return float((bits ^ ((bits >> 63) & np.int64(0x7FFFFFFFFFFFFFFF))).view(np.float64)[0])


def target_weight(fraction: float, total: int) -> int:
    """Return the smallest whole weight that is at least `fraction` of `total`.

    >>> target_weight(0.1, 30), target_weight(0.1, 31)
    (3, 4)
    """
    return math.ceil(Fraction(repr(fraction)) * total)


@dataclass(slots=True)
class CutSearch:
    """Search for the exact cut of a weighted group, one digit at a time, from the highest digit down.

    The cut is the largest key such that all keys at or above it weigh at least `min_weight`.

    Attributes:
        min_weight: weight to keep.
        prefix: digits of the cut known so far.
        level: index of the last known digit.
        above: weight of all keys above the prefix.
    """

    min_weight: int
    prefix: int = 0
    level: int = -1
    above: int = 0

    @property
    def shift(self) -> int:
        """Bits by which keys are shifted to read the next digit."""
        return 64 - DIGIT_BITS * (self.level + 2)

    def advance(self, counts: Mapping[int, int]) -> None:
        """Advance by one digit, given the weights of shifted keys that begin with the prefix."""
        for value in sorted(counts, reverse=True):
            if self.above + counts[value] >= self.min_weight:
                self.prefix = value
                break
            self.above += counts[value]
        self.level += 1
