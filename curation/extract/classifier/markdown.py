"""Kept blocks as Markdown: headings, lists, quotes, code and the rows of data tables."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import numpy as np

from curation.extract.classifier.batch import PageBatch
from curation.extract.classifier.choice import Choice
from curation.extract.classifier.tokens import FLAGS, PRE

_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
_QUOTE = FLAGS["blockquote"]


def markdown(batch: PageBatch, choice: Choice, page: int) -> str:
    """Return the kept blocks of a page as Markdown, "" where there are none."""
    first, last = batch.blocks.page_at[page], batch.blocks.page_at[page + 1]
    kept = (np.flatnonzero(choice.kept[first:last]) + first).tolist()
    tables = choice.table[batch.blocks.container].tolist()
    parts: list[str] = []
    for table, blocks in groupby(kept, key=tables.__getitem__):
        if table >= 0:
            parts.append("\n" + "\n".join(_rows(batch, list(blocks))))
        else:
            parts += (_block(batch, block) for block in blocks)
    return "\n".join(parts).strip()


def _block(batch: PageBatch, block: int) -> str:
    containers, text = batch.containers, batch.blocks.text[block]
    container = int(batch.blocks.container[block])
    name, parent = containers.name[container], containers.name[containers.parent[container]]
    flags = int(containers.flags[container])
    if flags & PRE:
        return f"\n```\n{text}\n```"
    if name in _HEADINGS:
        return f"\n{_HEADINGS[name]} {text}"
    if "li" in (name, parent):
        return f"- {text}"
    return f"\n> {text}" if flags & _QUOTE else f"\n{text}"


def _rows(batch: PageBatch, blocks: list[int]) -> Iterator[str]:
    """Yield the lines of a data table, a rule behind the first."""
    width = 0
    for _, row in groupby(blocks, key=lambda block: _around(batch, block, ("tr", "table"))):
        cells = [
            " ".join(batch.blocks.text[block] for block in cell).replace("\n", " ").replace("|", "\\|")
            for _, cell in groupby(row, key=lambda block: _around(batch, block, ("td", "th", "table")))
        ]
        yield f"| {' | '.join(cells)} |"
        if not width:
            width = len(cells)
            yield "|" + "---|" * width


def _around(batch: PageBatch, block: int, names: tuple[str, ...]) -> int:
    """Return the innermost container of some names that a block stands in."""
    containers = batch.containers
    at = int(batch.blocks.container[block])
    while containers.name[at] not in names:
        at = int(containers.parent[at])
    return at
