"""A batch of pages as arrays: the text blocks that a reader meets and the containers that they stand in.

A *block* is the text between two tags of block level, its inline elements within it; a *container* is an
element of block level. Both are numbered through the batch in the order of the pages and of their tags, so a
container's parent comes before it. Nothing here loops over tags in Python but the joining of texts: depths,
parents and spans come from running sums and sorted searches over all tags of the batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curation.extract.classifier import attributes, tokens
from curation.extract.classifier.batch import Containers, Integers, PageBatch, Tags
from curation.extract.classifier.opened import MAX_DEPTH, Opened
from curation.extract.classifier.runs import blocks_of
from curation.extract.classifier.tokens import CLOSE, FLAGS_OF, KIND_OF, OPEN, REMARKS, TAG_OF, TAGS

#: What a page begins with, so that every block is in a container.
_ROOT = "#page"


def walk(sources: Sequence[str]) -> PageBatch:
    """Return the blocks and containers of serialised pages, as `str(HTMLTree)` writes them."""
    tags = _tags(sources)
    opened = np.flatnonzero((tags.kind == OPEN) & (tags.depth <= MAX_DEPTH))
    tree = Opened(tags, opened)
    blocks, starts = blocks_of(tags, tree)
    containers, values = _containers(tags, tree, opened, starts)
    titles = [tokens.title(source) for source in sources]
    return PageBatch(titles=titles, tags=tags, blocks=blocks, containers=containers, attributes=values)


def _tags(sources: Sequence[str]) -> Tags:
    tags: list[str] = []
    offsets: list[int] = []
    texts: list[str] = []
    page_at = [0]
    known = tokens.new_numbers()
    for source in sources:
        page = tokens.tokens(source, known)
        tags += _ROOT, *page.tags
        offsets += known[_ROOT], *page.numbers
        texts += "", *page.texts
        page_at.append(len(tags))
    number = np.array(offsets, np.int64)
    kind = KIND_OF[number]
    change = np.cumsum((kind == OPEN).astype(np.int64) - (kind == CLOSE))
    starts = np.array(page_at[:-1], np.int64)
    before = np.repeat(change[starts] - 1, np.diff(page_at)) if len(starts) else change
    return Tags(tags, texts, number, kind, np.maximum(change - before, 1), np.array(page_at))


def _containers(tags: Tags, tree: Opened, opened: Integers, starts: Integers) -> tuple[Containers, list[str]]:
    """Return the containers and the distinct values of their class, id and role.

    starts: the tags that blocks begin at.
    """
    depth, position = tree.depth, opened
    parent = np.where(depth == 1, np.arange(len(opened)), tree.at(depth - 1, position))
    values, which, own = attributes.described([tags.tags[i] for i in opened.tolist()])
    number = tags.number[opened]
    levels = np.split(tree.order, np.flatnonzero(np.diff(depth[tree.order])) + 1)[1:]
    tag = TAG_OF[number]
    # What the body's class says of comments is true of the site.
    holds_all = (tag == TAGS.index("body")) | (tag == TAGS.index("article"))
    flags = FLAGS_OF[number] | np.where(holds_all, own[which] & ~REMARKS, own[which])
    name = [
        tokens.NAME_OF[number] or tokens.name(tags.tags[i])
        for number, i in zip(tags.number[opened].tolist(), opened.tolist(), strict=True)
    ]
    is_table = np.array([each == "table" for each in name], bool)
    table = np.where(is_table, np.arange(len(opened)), -1)
    for level in levels:
        above = parent[level]
        flags[level] |= flags[above]
        table[level] = np.where(is_table[level], level, table[above])
    stop = _closed(tags, depth, position)
    containers = Containers(
        name=name,
        number=number,
        tag=tag,
        parent=parent,
        depth=depth,
        nth=_nth(parent, depth, tree.order),
        start=position,
        stop=stop,
        first=np.searchsorted(starts, position),
        last=np.searchsorted(starts, stop),
        flags=flags,
        table=table,
        attributes=which,
        levels=levels,
        page_at=np.searchsorted(position, tags.page_at),
    )
    return containers, values


def _nth(parent: Integers, depth: Integers, order: Integers) -> Integers:
    """Return a container's number among its parent's; in the order of depths, siblings are neighbours."""
    nth = np.empty(len(parent), np.int64)
    begins = (np.diff(parent[order], prepend=-1) != 0) | (np.diff(depth[order], prepend=0) != 0)
    starts = np.flatnonzero(begins)
    nth[order] = np.arange(len(parent)) - starts[np.cumsum(begins) - 1] + 1
    return nth


def _closed(tags: Tags, depth: Integers, position: Integers) -> Integers:
    """Return the tags that containers end at: their end tag, or the end of the page."""
    size = len(tags.tags) + 1
    ends = np.flatnonzero(tags.kind == CLOSE)
    keys = np.sort(tags.depth[ends] * size + ends)
    wanted = (depth - 1) * size + position
    nearest = np.append(keys, -1)[np.searchsorted(keys, wanted)]
    page_end = tags.page_at[np.searchsorted(tags.page_at, position, "right")]
    closed: Integers = np.where(nearest // size == depth - 1, np.minimum(nearest % size, page_end), page_end)
    return closed
