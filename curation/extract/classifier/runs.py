"""The blocks of a batch: runs of tags without one of block level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curation.extract.classifier import tokens
from curation.extract.classifier.batch import Booleans, Floats, Integers, Tags, TextBlocks
from curation.extract.classifier.opened import Opened
from curation.extract.classifier.tokens import BOLD, BREAK, FLAGS_OF, IMAGE, LINK, OPEN, PRE, UNLINK

#: A page of more has its neighbouring blocks joined, so many to one that this is how many there are.
MAX_BLOCKS = 20_000
#: Stands between joined blocks until white space is collapsed; no page has it (see `trees`).
_JOINED = "\x01"


def blocks_of(tags: Tags, tree: Opened) -> tuple[TextBlocks, Integers]:
    """Return the blocks and the tags that they begin at."""
    size = np.fromiter(map(len, map(str.strip, tags.texts)), np.int64, len(tags.texts))
    in_pre = _in_pre(tags)
    is_break = tags.kind == BREAK
    boundary = (tags.kind >= OPEN) | _second_breaks(tags, size, is_break & ~in_pre)
    texts = tags.texts.copy()
    boundary, joined = _fewer(tags, boundary, size)
    for places, mark in ((np.flatnonzero(is_break).tolist(), "\n"), (joined, _JOINED)):
        for i in places:
            texts[i] = mark + texts[i]
    starts = np.flatnonzero(boundary)
    if not len(starts):
        return _measured(tags, tree, starts, starts, []), starts
    filled = np.add.reduceat(size, starts) > 0
    ends = np.append(starts[1:], len(tags.texts))
    starts, ends = starts[filled], ends[filled]
    texts = _texts(texts, starts, ends, in_pre)
    if joined:
        texts = [_lines(text) for text in texts]
    full = np.fromiter(map(bool, texts), bool, len(texts))
    starts, ends = starts[full], ends[full]
    return _measured(tags, tree, starts, ends, list(filter(None, texts))), starts


def _in_pre(tags: Tags) -> Booleans:
    is_pre = (FLAGS_OF[tags.number] & PRE) > 0
    inside: Booleans = np.cumsum(np.where(is_pre, np.where(tags.kind == OPEN, 1, -1), 0)) > 0
    return inside


def _second_breaks(tags: Tags, size: Integers, is_break: Booleans) -> Booleans:
    """Return which line breaks follow another without a word between them: they part paragraphs."""
    second = np.zeros(len(size), bool)
    positions = np.flatnonzero(is_break)
    if len(positions) > 1:
        words = np.cumsum(size)
        walls = np.cumsum(tags.kind >= OPEN)
        earlier, later = positions[:-1], positions[1:]
        none = words[later - 1] == words[earlier - 1]
        second[later] = none & (walls[later] == walls[earlier])
    return second


def _fewer(tags: Tags, boundary: Booleans, size: Integers) -> tuple[Booleans, list[int]]:
    """Return the boundaries of blocks, and those that are none because a page has too many."""
    joined: list[int] = []
    count = np.append(0, np.cumsum(boundary & (size > 0)))[tags.page_at]
    for page in np.flatnonzero(np.diff(count) > MAX_BLOCKS).tolist():
        span = slice(tags.page_at[page], tags.page_at[page + 1])
        every = -(-int(count[page + 1] - count[page]) // MAX_BLOCKS)
        filled = np.cumsum(boundary[span] & (size[span] > 0))
        kept = boundary[span] & (np.diff(filled // every, prepend=-1) > 0)
        joined += (np.flatnonzero(boundary[span] & ~kept) + span.start).tolist()
        boundary[span] = kept
    return boundary, joined


def _texts(texts: list[str], starts: Integers, ends: Integers, in_pre: Booleans) -> list[str]:
    unescape = tokens.unescape
    result = [
        " ".join(unescape(texts[start] if stop - start == 1 else "".join(texts[start:stop])).split())
        for start, stop in zip(starts.tolist(), ends.tolist(), strict=True)
    ]
    for i in np.flatnonzero(in_pre[starts]).tolist():
        whole = unescape("".join(texts[starts[i] : ends[i]])).strip("\n").replace("\xa0", " ")
        result[i] = whole if result[i] else ""
    return result


def _lines(text: str) -> str:
    """Return the text of joined blocks, a line for each."""
    return "\n".join(filter(None, map(str.strip, text.split(_JOINED))))


def _measured(tags: Tags, tree: Opened, starts: Integers, ends: Integers, texts: list[str]) -> TextBlocks:
    """Return the blocks whose tags are those from `starts` up to `ends`."""
    length = np.fromiter(map(len, texts), np.float32, len(texts))
    is_link, in_link = _links(tags)
    characters = np.fromiter(map(len, tags.texts), np.int64, len(tags.texts))

    def total(values: NDArray[np.generic]) -> Floats:
        sums = np.append(0, np.cumsum(values))
        counts: Floats = (sums[ends] - sums[starts]).astype(np.float32)
        return counts

    images = np.append(0, np.cumsum(tags.kind == IMAGE))
    page_at = np.searchsorted(starts, tags.page_at)
    since = np.append(0, ends[:-1]) if len(ends) else ends
    since = np.maximum(since, tags.page_at[np.searchsorted(tags.page_at, starts, "right") - 1])
    before = in_link[np.maximum(starts - 1, 0)]
    return TextBlocks(
        text=texts,
        start=starts,
        stop=ends,
        container=tree.at(tags.depth[starts], starts),
        linked=np.minimum(total(characters * in_link), length),
        links=total(is_link) + before,
        bold=total(tags.kind == BOLD),
        images=(images[ends] - images[since]).astype(np.float32),
        breaks=total(tags.kind == BREAK),
        page_at=page_at,
    )


def _links(tags: Tags) -> tuple[Booleans, Booleans]:
    """Return which tags open a link, and behind which a link is open."""
    is_link = tags.kind == LINK
    for i in np.flatnonzero(is_link).tolist():
        is_link[i] = "href" in tags.tags[i]
    changes = is_link | (tags.kind == UNLINK)
    changes[tags.page_at[:-1]] = True
    last = np.maximum.accumulate(np.where(changes, np.arange(len(changes)), 0))
    return is_link, is_link[last]
