"""Columns of the containers around a block, and of the blocks that are like it."""

from __future__ import annotations

import numpy as np

from curation.extract.classifier.batch import Integers
from curation.extract.classifier.columns.sums import (
    COUNT,
    LENGTH,
    LINKED,
    PARAGRAPHS,
    PROSE,
    SENTENCES,
    Columns,
    Sums,
)

_LEVELS = 4
#: Flags of the elements' names alone.
_NAMED = 0xFFF


def ancestor_columns(sums: Sums) -> Columns:
    """Return sums over the block's container and the three around it, and what they are."""
    containers = sums.batch.containers
    at = sums.batch.blocks.container
    below = {
        "length": sums.below[:, LENGTH],
        "linked": sums.below[:, LINKED] / np.maximum(sums.below[:, LENGTH], 1),
        "count": sums.below[:, COUNT],
        "sentences": sums.below[:, SENTENCES] / np.maximum(sums.below[:, LENGTH], 1) * 30,
        "paragraphs": sums.below[:, PARAGRAPHS] / np.maximum(sums.below[:, LENGTH], 1),
        "prose": sums.below[:, PROSE] / np.maximum(sums.below[:, LENGTH], 1),
    }
    own = {
        "tag": containers.tag,
        "nth": containers.nth,
        "flagged": ((containers.flags ^ containers.flags[containers.parent]) & _NAMED) > 0,
    }
    columns: Columns = {}
    for level in range(_LEVELS):
        columns |= {f"{name}_up{level}": values[at] for name, values in below.items()}
        columns |= {
            f"of_prose_up{level}": sums.below[at, PROSE] / sums.total_prose,
            f"of_page_up{level}": sums.below[at, LENGTH] / sums.total,
            f"rank_up{level}": (sums.index - containers.first[at]) / np.maximum(sums.below[at, COUNT], 1),
        }
        if level:
            columns |= {f"{name}_up{level}": values[at] for name, values in own.items()}
        at = containers.parent[at]
    return columns


def core_columns(sums: Sums) -> Columns:
    """Return columns of the smallest container with half of the page's prose, and with 80 % of it."""
    containers = sums.batch.containers
    depth = containers.depth
    here = depth[sums.batch.blocks.container]
    columns: Columns = {}
    for percent in (50, 80):
        core = _core(sums, percent / 100)[sums.page]
        first, last = containers.first[core], containers.last[core]
        inside = (sums.index >= first) & (sums.index < last)
        outside = np.where(sums.index < first, sums.index - first, sums.index - last + 1)
        columns |= {
            f"in_core{percent}": inside,
            f"core{percent}_of_page": sums.below[core, LENGTH] / sums.total,
            f"rank_in_core{percent}": np.where(
                inside, (sums.index - first) / np.maximum(1, last - first), np.float32(0)
            ),
            f"from_core{percent}": np.where(inside, 0, outside),
            f"above_core{percent}": (depth[core] - here) / 10,
        }
    return columns


def _core(sums: Sums, share: float) -> Integers:
    """Return each page's smallest container with a share of its prose; the page where there is none."""
    containers = sums.batch.containers
    starts = containers.page_at[:-1]
    page = np.repeat(np.arange(len(starts)), np.diff(containers.page_at))
    wanted = share * np.maximum(sums.below[starts, PROSE], 1)[page] - 0.5
    size = np.where(sums.below[:, PROSE] >= wanted, sums.below[:, LENGTH], np.float32(1e12))
    size[starts] = np.minimum(sums.below[starts, LENGTH] + 1, 1e11)
    smallest = np.flatnonzero(size == np.minimum.reduceat(size, starts)[page])
    return smallest[np.unique(page[smallest], return_index=True)[1]]


def kin_columns(sums: Sums) -> Columns:
    """Return sums over the page's blocks of one kind: tag and class of the container and of its parent."""
    containers, blocks = sums.batch.containers, sums.batch.blocks
    values = len(sums.batch.attributes)
    kind = containers.number * values + containers.attributes
    most = int(kind.max()) + 1
    at = blocks.container
    key = (sums.page * most + kind[at]) * most + kind[containers.parent[at]]
    which = np.unique(key, return_inverse=True)[1]
    count, length = np.bincount(which), np.bincount(which, sums.length)
    linked, prose = np.bincount(which, blocks.linked), np.bincount(which, sums.prose)
    return {
        "kin_count": count[which],
        "kin_length": length[which],
        "kin_linked": (linked / np.maximum(length, 1))[which],
        "kin_prose": (prose / np.maximum(length, 1))[which],
        "kin_of_page": length[which] / sums.total,
    }
