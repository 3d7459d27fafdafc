"""Log odds of parts of class names: how much of the text below them is main content, over groups of pages."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

_LEAST_GROUPS = 4
_PRIOR_GROUPS = 2.0


class NameOdds:
    """Shares of main text by part of a name: means over groups of pages, any of which can be left out."""

    def __init__(self, shares: Iterable[tuple[int, Mapping[str, float]]]) -> None:
        """Take (group, part -> share of the words below it that are main text) of each page."""
        pages: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        for group, by_part in shares:
            for part, share in by_part.items():
                pages[part][group].append(share)
        self._groups = {
            part: {group: sum(values) / len(values) for group, values in groups.items()}
            for part, groups in pages.items()
            if len(groups) >= _LEAST_GROUPS
        }
        self._sums = {part: math.fsum(groups.values()) for part, groups in self._groups.items()}
        count = sum(map(len, self._groups.values()))
        self._prior = math.fsum(self._sums.values()) / count if count else 0.5

    def all(self) -> dict[str, float]:
        """Return part -> log odds over all groups."""
        return {part: self._odds(self._sums[part], len(groups)) for part, groups in self._groups.items()}

    def without(self, group: int) -> Callable[[str], float]:
        """Return part -> log odds over all groups but one; 0.0 where too few know it."""

        def odds(part: str) -> float:
            groups = self._groups.get(part)
            if groups is None:
                return 0.0
            if group not in groups:
                return self._odds(self._sums[part], len(groups))
            if len(groups) <= _LEAST_GROUPS:
                return 0.0
            return self._odds(self._sums[part] - groups[group], len(groups) - 1)

        return odds

    def _odds(self, total: float, count: int) -> float:
        prior = self._prior
        main, other = total + _PRIOR_GROUPS * prior, count - total + _PRIOR_GROUPS * (1 - prior)
        return math.log(main / other) - math.log(prior / (1 - prior))
