"""Oblivious trees in numpy: every level of a tree asks one question, so a leaf is a number made of bits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from curation.extract.classifier.batch import Floats

#: TextBlocks judged at once: what a few hundred trees make of them stays in the processor's cache.
_AT_ONCE = 512
MAX_TREE_DEPTH = 8


@dataclass(frozen=True)
class Oblivious:
    """A sum of trees.

    Attributes:
        feature: (trees, depth) rows of the feature table.
        border: (trees, depth); a level's bit is set where the feature is above it.
        leaf: (trees, 2 ** depth) values; the first level is the lowest bit of the place.
        bias: what is added to their sum.
    """

    feature: NDArray[np.int64]
    border: Floats
    leaf: Floats
    bias: float

    @cached_property
    def _questions(self) -> tuple[NDArray[np.int64], Floats, NDArray[np.int64]]:
        """Return each distinct question once: its feature and border, and which one a level asks."""
        pairs = np.stack([self.feature.ravel().astype(np.float64), self.border.ravel().astype(np.float64)])
        distinct, which = np.unique(pairs, axis=1, return_inverse=True)
        borders = distinct[1].astype(np.float32)[:, None]
        return distinct[0].astype(np.int64), borders, which.reshape(self.feature.shape)

    def raw(self, table: Floats) -> Floats:
        """Return the sum of leaves of every column of a (features, blocks) table."""
        result = np.empty(table.shape[1], np.float32)
        for start in range(0, len(result), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            result[part] = self._raw(table[:, part])
        return result

    def _raw(self, table: Floats) -> Floats:
        feature, border, which = self._questions
        bits = (table[feature] > border).view(np.uint8)
        trees, depth = which.shape
        offset = bits[which[:, 0]]
        for level in range(1, depth):
            offset |= bits[which[:, level]] << np.uint8(level)
        first = (np.arange(trees) << depth).astype(np.int32)[:, None]
        total: Floats = self.leaf.ravel()[offset + first].sum(0) + np.float32(self.bias)
        return total

    def probability(self, table: Floats) -> Floats:
        """Return the logistic function of `raw`."""
        probability: Floats = 1 / (1 + np.exp(-self.raw(table)))
        return probability
