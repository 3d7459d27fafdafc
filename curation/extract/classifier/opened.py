"""Which container is open behind a tag."""

from __future__ import annotations

import numpy as np

from curation.extract.classifier.batch import Integers, Tags

#: Deeper elements are no containers of their own: a page of 100,000 nested elements is a page all the same.
MAX_DEPTH = 256


class Opened:
    """Which container is open behind a tag: the last one opened at that depth."""

    def __init__(self, tags: Tags, opened: Integers) -> None:
        self._size = len(tags.tags) + 1
        self.depth = tags.depth[opened]
        self.order = np.argsort(self.depth, kind="stable")
        self._keys = self.depth[self.order] * self._size + opened[self.order]

    def at(self, depth: Integers, position: Integers) -> Integers:
        """Return the containers that were opened last at some depths, up to some tags."""
        keys = np.minimum(depth, MAX_DEPTH) * self._size + position
        openers: Integers = self.order[np.searchsorted(self._keys, keys, "right") - 1]
        return openers
