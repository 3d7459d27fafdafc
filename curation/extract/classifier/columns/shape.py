"""Columns of a block's own text, its tag, its place in the page, and the page."""

from __future__ import annotations

import numpy as np

from curation.extract.classifier.columns.sums import (
    COUNT,
    LENGTH,
    LINKED,
    PARAGRAPHS,
    PROSE,
    Columns,
    Sums,
)
from curation.extract.classifier.tokens import HIDDEN, REMARKS, TAGS

_FLAGS = {bit: 1 << bit for bit in range(13)} | {"hidden": HIDDEN, "remarks": REMARKS}


def text_columns(sums: Sums) -> Columns:
    """Return columns of the text itself."""
    blocks, counted, length = sums.batch.blocks, sums.characters, sums.length
    return {
        "length": length,
        "words": counted.words,
        "linked_share": sums.linked_share,
        "links": blocks.links,
        "word_length": np.minimum(length / counted.words, 20),
        "upper_share": counted.upper / length,
        "digit_share": counted.digits / length,
        "sentence_ends": counted.sentence_ends,
        "commas": counted.commas,
        "sentence_share": sums.sentences / counted.words,
        "dense_share": counted.dense / length,
        "ends_sentence": counted.ends_sentence,
        "starts_upper": counted.starts_upper,
        "starts_bullet": counted.starts_bullet,
        "bold": blocks.bold,
        "images": blocks.images,
        "breaks": blocks.breaks,
    }


def place_columns(sums: Sums) -> Columns:
    """Return columns of the block's tag, of what it stands in, and of its place in the page."""
    containers, at = sums.batch.containers, sums.batch.blocks.container
    count = (sums.end - sums.start).astype(np.float32)
    flags = containers.flags[at]
    return {
        "depth": containers.depth[at] / 10,
        "nth": containers.nth[at],
        "rank_share": (sums.index - sums.start) / count,
        "before_share": sums.before / sums.total,
        "rank": sums.index - sums.start,
        "rank_from_end": sums.end - sums.index,
        **{f"is_{tag}": sums.tag == number for number, tag in enumerate(TAGS)},
        **{f"in_{name}": (flags & bit) > 0 for name, bit in _FLAGS.items()},
        "page_length": sums.total,
        "page_blocks": count,
        "page_linked": sums.whole[:, LINKED] / sums.total,
        "page_paragraphs": sums.whole[:, PARAGRAPHS] / sums.total,
        "page_prose": sums.whole[:, PROSE] / sums.total,
    }


def window_columns(sums: Sums) -> Columns:
    """Return columns of neighbouring blocks: the two on either side, and sums over 4 and 12 of them."""
    columns: Columns = {}
    heading = (sums.tag >= TAGS.index("h1")) & (sums.tag <= TAGS.index("h4"))
    near = {
        "length": sums.length,
        "linked": sums.linked_share,
        "sentences": sums.sentences / sums.characters.words,
        "prose": sums.prose > 0,
        "heading": heading,
        "item": sums.tag == TAGS.index("li"),
        "container": sums.batch.blocks.container,
    }
    rows = np.stack([values.astype(np.float32) for values in near.values()])
    for distance in (-1, 1, -2, 2):
        there = sums.index + distance
        inside = (there >= sums.start) & (there < sums.end)
        values = np.where(inside, rows[:, np.where(inside, there, 0)], np.float32(-1))
        columns |= {f"{name}{distance:+d}": values[i] for i, name in enumerate(list(near)[:-1])}
        columns[f"same_container{distance:+d}"] = values[-1] == rows[-1]
    for width in (4, 12):
        before = np.maximum(sums.start, sums.index - width), sums.index
        after_stop = np.maximum(np.minimum(sums.end, sums.index + width + 1), sums.index + 1)
        for side, (first, last) in {"-": before, "+": (sums.index + 1, after_stop)}.items():
            total = sums.running[last] - sums.running[first]
            length = np.maximum(total[:, LENGTH], 1)
            columns |= {
                f"length{side}{width}": total[:, LENGTH],
                f"linked{side}{width}": total[:, LINKED] / length,
                f"sentences{side}{width}": total[:, COUNT + 1] / length * 30,
                f"prose{side}{width}": total[:, PROSE] / length,
            }
    return columns | _prose_distance(sums)


def _prose_distance(sums: Sums) -> Columns:
    """Return how many blocks away the nearest prose is, on either side."""
    far = 300
    positions = np.flatnonzero(sums.prose)
    before, after = np.append(-1, positions), np.append(positions, len(sums.index))
    rank = np.searchsorted(positions, sums.index, "right")
    last, following = before[rank], after[np.searchsorted(positions, sums.index, "left")]
    return {
        "prose_before": np.where(last >= sums.start, sums.index - last, far),
        "prose_after": np.where(following < sums.end, following - sums.index, far),
    }
