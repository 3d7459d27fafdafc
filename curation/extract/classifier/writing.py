"""Kept blocks as the renderer takes them: each with its container and its HTML, a data table whole."""

from __future__ import annotations

from html import escape
from itertools import groupby

import numpy as np

from curation.extract.classifier.batch import PageBatch, Tags
from curation.extract.classifier.choice import Choice
from curation.extract.classifier.tokens import PRE
from curation.extract.render.writer import Kept, Rendered, write


def written(batch: PageBatch, choice: Choice, page: int) -> Rendered:
    """Return the kept blocks of a page as Markdown, with the marks of what was lifted out of it."""
    first, last = batch.containers.page_at[page : page + 2].tolist()
    names = batch.containers.name[first:last]
    parents = (batch.containers.parent[first:last] - first).tolist()
    return write(names, parents, kept_blocks(batch, choice, page))


def kept_blocks(batch: PageBatch, choice: Choice, page: int) -> list[Kept]:
    """Return the kept blocks of a page, in order; containers are numbered within the page."""
    first, last = batch.blocks.page_at[page : page + 2]
    offset = int(batch.containers.page_at[page])
    positions = (np.flatnonzero(choice.kept[first:last]) + first).tolist()
    tables = choice.table[batch.blocks.container]
    kept = []
    for table, blocks in groupby(positions, key=tables.tolist().__getitem__):
        if table >= 0:
            start, stop = int(batch.containers.start[table]), int(batch.containers.stop[table])
            kept.append(
                Kept(table - offset, f"<{batch.tags.tags[start]}>{_html(batch.tags, start, stop)}</table>")
            )
        else:
            kept += (Kept(int(batch.blocks.container[i]) - offset, _block(batch, i)) for i in blocks)
    return kept


def _block(batch: PageBatch, block: int) -> str:
    text = batch.blocks.text[block]
    if "\n" in text and not batch.containers.flags[batch.blocks.container[block]] & PRE:
        return escape(text).replace("\n", "<br>")  # blocks of a page that has too many, joined
    return _html(batch.tags, int(batch.blocks.start[block]), int(batch.blocks.stop[block]))


def _html(tags: Tags, start: int, stop: int) -> str:
    """Return the source behind a tag, up to another."""
    if stop - start == 1:
        return tags.texts[start]
    inside = range(start + 1, stop)
    return tags.texts[start] + "".join([f"<{tags.tags[i]}>{tags.texts[i]}" for i in inside])
