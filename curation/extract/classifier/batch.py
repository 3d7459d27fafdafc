"""A batch of pages as arrays: its tags, its text blocks, and the containers that they stand in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Containers:
    """Elements of block level, as parallel arrays.

    Attributes:
        name: of the element, in lower case.
        number: of its name, in the tables of `tokens`; tag: its number in `tokens.TAGS`.
        parent: the container it stands in; a page's first one is its own.
        depth: 1 for a page's first one.
        nth: among those with its parent, from 1.
        first, last: its blocks are those from `first` up to `last`, exclusive.
        flags: bits of its own and of all that it stands in.
        start, stop: its tags are those of the batch from `start` up to `stop`, its end tag.
        table: the innermost table that it is or stands in, -1 where there is none.
        attributes: place of its class, id and role in `PageBatch.attributes`.
        levels: containers by depth, from the second depth on, each level in order.
        page_at: where each page's containers begin, and their number.
    """

    name: list[str]
    number: Integers
    tag: Integers
    parent: Integers
    depth: Integers
    nth: Integers
    start: Integers
    stop: Integers
    first: Integers
    last: Integers
    flags: Integers
    table: Integers
    attributes: Integers
    levels: list[Integers]
    page_at: Integers


@dataclass(frozen=True, slots=True, kw_only=True)
class TextBlocks:
    """Texts, as parallel lists and arrays.

    Attributes:
        text: with white space collapsed, as it is below `pre`; never empty.
        start, stop: its tags are those of the batch from `start` up to `stop`.
        container: the innermost one.
        linked: characters of links; links, bold, images, breaks: how many.
        page_at: where each page's blocks begin, and their number.
    """

    text: list[str]
    start: Integers
    stop: Integers
    container: Integers
    linked: Floats
    links: Floats
    bold: Floats
    images: Floats
    breaks: Floats
    page_at: Integers


@dataclass(frozen=True, slots=True, kw_only=True)
class PageBatch:
    """Some pages: titles, tags, blocks, containers, and the distinct class, id and role values of these."""

    titles: list[str]
    tags: Tags
    blocks: TextBlocks
    containers: Containers
    attributes: list[str]

    def __len__(self) -> int:
        return len(self.titles)


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags of a batch, as parallel lists and arrays.

    Attributes:
        tags: without their angle brackets; an end tag begins with a slash.
        texts: what stands behind each.
        number: places in the tables of `tokens`; kind: what it means to the walk.
        depth: how many containers are open behind it.
        page_at: where each page's tags begin, and their number.
    """

    tags: list[str]
    texts: list[str]
    number: Integers
    kind: Integers
    depth: Integers
    page_at: Integers
