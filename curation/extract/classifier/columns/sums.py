"""What several columns start from: sizes of blocks, and running sums of them through the batch.

Columns are counts, flags and quotients, never logarithms: trees ask only which of two values is the larger,
and the last bit of a logarithm may differ from one processor to the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from curation.extract.classifier.batch import Doubles, Floats, Integers, PageBatch
from curation.extract.classifier.columns.characters import Characters, characters
from curation.extract.classifier.tokens import TAGS

#: What a named sum is of: places in the last axis of `Sums.running`.
LENGTH, LINKED, COUNT, SENTENCES, PARAGRAPHS, PROSE = range(6)
#: A block of more characters, few of them links, is prose.
_PROSE_CHARACTERS, _PROSE_LINKED = 80, 0.4
#: A Chinese, Japanese or Korean character says as much as so many Latin ones.
_DENSE = 2.5

Columns = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Sums:
    """Sizes of a batch's blocks, and their running sums.

    Attributes:
        page: of each block; index: its number; start, end: its page's first block and the one after the last.
        tag: of its container; length, linked_share, prose: by block.
        running: (blocks + 1, 6) sums of all blocks before.
        whole: (blocks, 6) sums over the block's page.
    """

    batch: PageBatch
    characters: Characters
    page: Integers
    index: Integers
    start: Integers
    end: Integers
    tag: Integers
    length: Floats
    linked_share: Floats
    sentences: Floats
    prose: Floats
    running: NDArray[np.float64]
    whole: NDArray[np.float64]

    @cached_property
    def below(self) -> Floats:
        """(containers, 6) sums over what stands in a container."""
        containers = self.batch.containers
        sums: Floats = (self.running[containers.last] - self.running[containers.first]).astype(np.float32)
        return sums

    @cached_property
    def total(self) -> Floats:
        """Characters of the block's page, at least 1."""
        total: Floats = np.maximum(self.whole[:, LENGTH], 1).astype(np.float32)
        return total

    @cached_property
    def total_prose(self) -> Floats:
        """Characters of prose of the block's page, at least 1."""
        total: Floats = np.maximum(self.whole[:, PROSE], 1).astype(np.float32)
        return total

    @cached_property
    def before(self) -> Floats:
        """Characters of the page before the middle of a block."""
        before: Doubles = self.running[:-1, LENGTH] - self.running[self.start, LENGTH] + self.length / 2
        return before.astype(np.float32)


def sums(batch: PageBatch) -> Sums:
    """Return the sizes of a batch that has at least one block."""
    blocks = batch.blocks
    counted = characters(blocks.text)
    length = counted.length
    sizes = np.diff(blocks.page_at)
    page = np.repeat(np.arange(len(sizes)), sizes)
    start, end = blocks.page_at[page], blocks.page_at[page + 1]
    tag = batch.containers.tag[blocks.container]
    linked_share = np.minimum(blocks.linked / length, 1)
    says = np.where(counted.dense * 3 > length, length * _DENSE, length)
    prose = np.where((says > _PROSE_CHARACTERS) & (linked_share < _PROSE_LINKED), length, 0)
    sentences = counted.sentence_ends + counted.commas
    paragraphs = np.where(tag == TAGS.index("p"), length, 0)
    base = np.stack([length, blocks.linked, np.ones_like(length), sentences, paragraphs, prose], 1)
    running = np.concatenate([np.zeros((1, base.shape[1])), np.cumsum(base, 0, dtype=np.float64)])
    return Sums(
        batch=batch,
        characters=counted,
        page=page,
        index=np.arange(len(page)),
        start=start,
        end=end,
        tag=tag,
        length=length,
        linked_share=linked_share,
        sentences=sentences,
        prose=prose,
        running=running,
        whole=(running[blocks.page_at[1:]] - running[blocks.page_at[:-1]])[page],
    )
