"""What each rule removes: alone, by itself only, together with others, and its fair share.

Arithmetic only: which documents broke which rules comes as a matrix, sums go into a `Tally`, and tallies of
other batches, tasks or sources add up. A tally's size is rules², whatever the number of documents, and it
holds whole numbers, so the order of documents changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Flags = npt.NDArray[np.bool_]

#: What is counted, in the order of every array's first axis.
UNITS = ("documents", "characters", "tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Sums over documents, in documents and characters (and, where they are known, tokens).

    `by_broken_count` is enough for all sums of single rules. Numbers are whole, below 2**53, and stored as
    floats: exact, and fast to multiply.

    Attributes:
        received: (units,), all documents.
        dropped: (units,), those that broke some rule.
        by_broken_count: (units, rules, rules + 1); `[u, r, k]` broke rule r and k rules in all.
        pairs: (units, rules, rules); `[u, r, s]` broke both r and s.
    """

    received: Floats
    dropped: Floats
    by_broken_count: Floats
    pairs: Floats

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            received=self.received + other.received,
            dropped=self.dropped + other.dropped,
            by_broken_count=self.by_broken_count + other.by_broken_count,
            pairs=self.pairs + other.pairs,
        )

    def scaled(self, weight: float) -> Tally:
        """Return what the tally stands for where each of its documents stands for so many."""
        return Tally(
            received=self.received * weight,
            dropped=self.dropped * weight,
            by_broken_count=self.by_broken_count * weight,
            pairs=self.pairs * weight,
        )

    @property
    def broke(self) -> Floats:
        """What broke each rule, whatever else it broke: what the rule alone would drop. (units, rules)."""
        counts: Floats = self.by_broken_count.sum(axis=2)
        return counts

    @property
    def only(self) -> Floats:
        """What broke each rule and no other: what would come back without the rule. (units, rules)."""
        return self.by_broken_count[:, :, 1] if self.by_broken_count.shape[2] > 1 else self.broke

    @property
    def shapley(self) -> Floats:
        """Each rule's fair share of what is dropped, (units, rules); a unit's shares add up to `dropped`.

        The Shapley value (Shapley 1953, A Value for n-Person Games) of the game in which a set of rules is
        worth the documents that break any of them: the mean, over all orders in which the rules could be
        run, of what a rule drops that those before it did not. Such a coverage game has a closed form. It is
        the sum over documents of "is any of its k broken rules in the set?", worth 1 as soon as the first
        of the k comes, and each of them comes first equally often. So a document that breaks k rules gives
        1/k to each, or its characters over k.
        """
        times = np.arange(self.by_broken_count.shape[2], dtype=np.float64)
        times[0] = 1.0  # nothing is broken in a by_broken_count of none
        shares: Floats = (self.by_broken_count / times).sum(axis=2)
        return shares

    def with_tokens(self, per_character: float) -> Tally:
        """Return the tally with tokens, estimated from its characters, as one more unit."""

        def more(counts: Floats) -> Floats:
            return np.concatenate([counts, counts[1:2] * per_character])

        return Tally(
            received=more(self.received),
            dropped=more(self.dropped),
            by_broken_count=more(self.by_broken_count),
            pairs=more(self.pairs),
        )


def empty(rules: int, units: int = 2) -> Tally:
    """Return the tally of no document."""
    return Tally(
        received=np.zeros(units),
        dropped=np.zeros(units),
        by_broken_count=np.zeros((units, rules, rules + 1)),
        pairs=np.zeros((units, rules, rules)),
    )


def tally(broken: Flags, characters: npt.NDArray[np.integer[Any]]) -> Tally:
    """Return the tally of documents.

    Args:
        broken: (documents, rules), which document broke which rule.
        characters: (documents,), of each as the stage received it.

    >>> found = tally(np.array([[True, True], [True, False], [False, False]]), np.array([100, 10, 1]))
    >>> found.received.tolist(), found.dropped.tolist()
    ([3.0, 111.0], [2.0, 110.0])
    >>> found.broke[0].tolist(), found.only[0].tolist(), found.shapley[0].tolist()
    ([2.0, 1.0], [1.0, 0.0], [1.5, 0.5])
    >>> found.shapley[1].tolist()
    [60.0, 50.0]
    """
    weights = np.stack([np.ones(len(broken)), characters.astype(np.float64)])
    by_broken_count = broken.sum(axis=1)
    gone = by_broken_count > 0
    hit, counts = broken[gone].astype(np.float64), weights[:, gone]
    sizes = (by_broken_count[gone, None] == np.arange(broken.shape[1] + 1)).astype(np.float64)
    weighed = [hit.T * each for each in counts]
    return Tally(
        received=weights.sum(axis=1),
        dropped=counts.sum(axis=1),
        by_broken_count=np.stack([each @ sizes for each in weighed]),
        pairs=np.stack([each @ hit for each in weighed]),
    )
