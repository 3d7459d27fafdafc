"""How well documents were parted into kept and removed, against labelled pairs."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa
from dedup_corpus import Labelled, Pair

from curation.dedup.leaders import elect


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tool did to a set: `kept_of` maps the place of each removed document to that of the kept one of
    its cluster.
    """

    kept_of: dict[int, int]

    def clusters(self, documents: int) -> list[int]:
        """Return a cluster's number for each document: the place of the kept one."""
        return [self.kept_of.get(i, i) for i in range(documents)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """Scores of one tool on one set.

    Attributes:
        precision, recall: of the pairs that share a cluster.
        rand: adjusted Rand index against the clusters of verified leaders on the true pairs.
        violations: removed documents whose kept one is not as near as the bound.
        wrongly_removed: removed documents without any kept one as near as the bound.
        unsettled: near pairs of which both stay.
    """

    documents: int
    near_pairs: int
    removed: int
    precision: float
    recall: float
    rand: float
    violations: int
    wrongly_removed: int
    unsettled: int

    @property
    def f1(self) -> float:
        """Return the harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    @property
    def removal_precision(self) -> float:
        """Return the share of removed documents that are as near to their kept one as the bound."""
        return 1 - self.violations / self.removed if self.removed else 1.0

    @property
    def settled_fraction(self) -> float:
        """Return the share of near pairs of which not both stay."""
        return 1 - self.unsettled / self.near_pairs if self.near_pairs else 1.0

    def figures(self) -> dict[str, float]:
        """Return what was counted, and what follows from it, by name."""
        told = {name: getattr(self, name) for name in ("f1", "removal_precision", "settled_fraction")}
        return asdict(self) | told


def score(found: Outcome, labelled: Labelled, bound: float) -> Score:
    """Return the scores of an outcome at a bound on Jaccard."""
    documents = len(labelled.ids)
    near, clusters = labelled.near(bound), found.clusters(documents)
    claimed = sum(size * (size - 1) // 2 for size in collections.Counter(clusters).values())
    if labelled.pairs is None:
        true, right, oracle = documents * (documents - 1) // 2, claimed, [0] * documents
        beside = 1 if len(found.kept_of) == documents else 0
        wrong = documents * beside
    else:
        true, right = len(near), sum(clusters[a] == clusters[b] for a, b in near)
        oracle = leaders(near, labelled).clusters(documents)
        saved = {a for a, b in near if b not in found.kept_of} | {
            b for a, b in near if a not in found.kept_of
        }
        wrong = len(found.kept_of.keys() - saved)
    stay = documents - len(found.kept_of)
    alike = sum(a not in found.kept_of and b not in found.kept_of for a, b in near)
    violations = sum(
        kept in found.kept_of or labelled.jaccard(removed, kept) < bound
        for removed, kept in found.kept_of.items()
    )
    return Score(
        documents=documents,
        near_pairs=true,
        removed=len(found.kept_of),
        precision=right / claimed if claimed else 1.0,
        recall=right / true if true else 1.0,
        rand=adjusted_rand(clusters, oracle),
        violations=violations,
        wrongly_removed=wrong,
        unsettled=stay * (stay - 1) // 2 if labelled.pairs is None else alike,
    )


def best_first(labelled: Labelled) -> list[int]:
    """Return the places in the order of the bench's preference: longest first, of equals the least id."""
    return sorted(range(len(labelled.ids)), key=lambda i: (-len(labelled.texts[i]), labelled.ids[i]))


def leaders(near: Iterable[Pair], labelled: Labelled) -> Outcome:
    """Return what verified leaders would do on all near pairs: the oracle."""
    order = best_first(labelled)
    rank = {place: i for i, place in enumerate(order)}
    pairs = [sorted(pair, key=rank.__getitem__) for pair in sorted(near)]
    edges = pa.table(
        {
            "better": pa.array([rank[a] for a, _ in pairs], pa.int64()),
            "worse": pa.array([rank[b] for _, b in pairs], pa.int64()),
            "jaccard": pa.array([labelled.jaccard(a, b) for a, b in pairs], pa.float64()),
            "bands_shared": pa.array([1] * len(pairs), pa.int32()),
        }
    )
    return Outcome({order[row["worse"]]: order[row["better"]] for row in elect(edges).to_pylist()})


def components(pairs: Iterable[Pair], order: Sequence[int]) -> Outcome:
    """Return what union-find does on pairs: of each component the first in `order` stays."""
    parent = list(range(len(order)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for a, b in pairs:
        parent[root(a)] = root(b)
    first: dict[int, int] = {}
    kept_of = {}
    for place in order:
        kept = first.setdefault(root(place), place)
        if kept != place:
            kept_of[place] = kept
    return Outcome(kept_of)


def adjusted_rand(left: Sequence[int], right: Sequence[int]) -> float:
    """Return the adjusted Rand index of two clusterings (Hubert and Arabie 1985): 1 for the same ones."""

    def pairs(items: Iterable[object]) -> int:
        return sum(n * (n - 1) // 2 for n in collections.Counter(items).values())

    both, ours, theirs = pairs(zip(left, right, strict=True)), pairs(left), pairs(right)
    everything = len(left) * (len(left) - 1) // 2
    expected = ours * theirs / everything if everything else 0.0
    most = (ours + theirs) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)
