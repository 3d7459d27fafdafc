"""Statistics of rules: what each rule removes, what only it removes, overlaps of pairs, Shapley shares.

The input is a matrix of documents by broken rules. Sums are kept in a `Tally`; tallies of batches, tasks and
sources can be added. The size of a tally is rules², for any number of documents. It holds whole numbers, so
the order of documents does not matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Flags = npt.NDArray[np.bool_]

#: Units, in the order of the first axis of every array.
UNITS = ("documents", "characters", "tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Sums over documents: numbers of documents, characters and, if known, tokens.

    `by_broken_count` is enough for all sums of single rules. Numbers are whole, below 2**53, and stored as
    floats: exact, and fast to multiply.

    Attributes:
        received: (units,), all documents.
        dropped: (units,), documents that broke any rule.
        by_broken_count: (units, rules, rules + 1); `[u, r, k]` is the sum over documents that broke rule r
            and k rules in total.
        pairs: (units, rules, rules); `[u, r, s]` is the sum over documents that broke both r and s.
    """

    received: Floats
    dropped: Floats
    by_broken_count: Floats
    pairs: Floats

    def _map(self, function: Callable[..., Floats], *others: Tally) -> Tally:
        """Return the tally with a function of each array, of this tally and of others."""
        names = ("received", "dropped", "by_broken_count", "pairs")
        return Tally(**{name: function(*(getattr(t, name) for t in (self, *others))) for name in names})

    def __add__(self, other: Tally) -> Tally:
        return self._map(np.add, other)

    def scaled(self, weight: float) -> Tally:
        """Return the tally with every document counted `weight` times."""
        return self._map(lambda sums: sums * weight)

    @property
    def broke(self) -> Floats:
        """(units, rules) what broke the rule: what the rule would drop if it were the only one."""
        totals: Floats = self.by_broken_count.sum(axis=2)
        return totals

    @property
    def only(self) -> Floats:
        """(units, rules) what broke this rule and no other: what would be kept without the rule."""
        return self.by_broken_count[:, :, 1] if self.by_broken_count.shape[2] > 1 else self.broke

    @property
    def shapley(self) -> Floats:
        """(units, rules) Shapley share of every rule in `dropped`; the shares of a unit add up to it.

        The Shapley value (Shapley 1953, A Value for n-Person Games) of a rule is what it drops that the rules
        before it did not, averaged over all orders of the rules. It has a closed form: a document is dropped
        by whichever of its k broken rules runs first, and each of them runs first equally often. So the
        document gives 1/k to each of them, or its characters over k.
        """
        broken_count = np.arange(self.by_broken_count.shape[2], dtype=np.float64)
        broken_count[0] = 1.0  # nothing broke 0 rules; avoids 0 / 0
        shares: Floats = (self.by_broken_count / broken_count).sum(axis=2)
        return shares

    def with_tokens(self, per_character: float) -> Tally:
        """Return the tally with one more unit: tokens, estimated from characters."""
        return self._map(lambda sums: np.concatenate([sums, sums[1:2] * per_character]))


def empty(rules: int, units: int = 2) -> Tally:
    """Return the tally of no documents."""
    return Tally(
        received=np.zeros(units),
        dropped=np.zeros(units),
        by_broken_count=np.zeros((units, rules, rules + 1)),
        pairs=np.zeros((units, rules, rules)),
    )


def tally(broken: Flags, characters: npt.NDArray[np.integer[Any]]) -> Tally:
    """Return the tally of documents.

    Args:
        broken: (documents, rules), whether the document broke the rule.
        characters: (documents,), characters as the stage received them.

    >>> result = tally(np.array([[True, True], [True, False], [False, False]]), np.array([100, 10, 1]))
    >>> result.received.tolist(), result.dropped.tolist()
    ([3.0, 111.0], [2.0, 110.0])
    >>> result.broke[0].tolist(), result.only[0].tolist(), result.shapley[0].tolist()
    ([2.0, 1.0], [1.0, 0.0], [1.5, 0.5])
    >>> result.shapley[1].tolist()
    [60.0, 50.0]
    """
    weights = np.stack([np.ones(len(broken)), characters.astype(np.float64)])
    broken_count = broken.sum(axis=1)
    dropped = broken_count > 0
    hit, counts = broken[dropped].astype(np.float64), weights[:, dropped]
    has_count = (broken_count[dropped, None] == np.arange(broken.shape[1] + 1)).astype(np.float64)
    weighted = [hit.T * weight for weight in counts]
    return Tally(
        received=weights.sum(axis=1),
        dropped=counts.sum(axis=1),
        by_broken_count=np.stack([rows @ has_count for rows in weighted]),
        pairs=np.stack([rows @ hit for rows in weighted]),
    )
