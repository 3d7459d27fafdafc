"""Groups of pages of one site, so that none is judged by a model that has met its site."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import combinations

from curation.text.address import site

#: A class attribute on more pages is a framework's.
_MOST_PAGES = 40
_SECOND_LEVEL = ("ac", "co", "com", "edu", "gov", "net", "org")
_LEAST_SHARED, _LEAST_SHARE = 8, 0.35


def site_groups(urls: Sequence[str], classes: Sequence[frozenset[str]]) -> list[int]:
    """Return a group for each page: pages of one registered domain, or with many class attributes in common.

    Some data sets hide their addresses below `.example`: there only the class attributes tell.
    """
    parent = list(range(len(urls)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    by_domain: dict[str, int] = {}
    for i, url in enumerate(urls):
        domain = _domain(url)
        if domain and not domain.endswith(".example"):
            parent[root(i)] = root(by_domain.setdefault(domain, i))
    for (one, other), shared in _shared(classes).items():
        least = min(len(classes[one]), len(classes[other]))
        if shared >= _LEAST_SHARED and shared >= _LEAST_SHARE * least:
            parent[root(one)] = root(other)
    return [root(i) for i in range(len(urls))]


def _domain(url: str) -> str:
    """Return the last two labels of a host, three where the last two are a country's as in `co.uk`.

    >>> _domain("https://news.bbc.co.uk/a"), _domain("https://www.heise.de/b")
    ('bbc.co.uk', 'heise.de')
    """
    labels = site(url).split(".")
    of_country = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3:] if of_country else labels[-2:])


def _shared(classes: Sequence[frozenset[str]]) -> Counter[tuple[int, int]]:
    pages: dict[str, list[int]] = defaultdict(list)
    for i, values in enumerate(classes):
        for value in sorted(values):
            pages[value].append(i)
    shared: Counter[tuple[int, int]] = Counter()
    for positions in pages.values():
        if len(positions) <= _MOST_PAGES:
            shared.update(combinations(positions, 2))
    return shared
