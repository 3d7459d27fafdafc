"""Columns of where the title and the comments of a page begin."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from curation.extract.classifier.batch import Doubles, Floats, Integers
from curation.extract.classifier.columns.sums import Columns, Sums
from curation.extract.classifier.tokens import REMARKS, TAGS

_HEADINGS = 40
_LEAST_TITLE, _LEAST_TEXT, _LEAST_SCORE = 6, 10, 0.25
_HEAD_CHARACTERS = 70
_REMARKS_HEAD = re.compile(
    r"\W{0,3}(?:(?:\d+|no|all|reader|user|view|latest|recent|post|add|leave|write|your|have|join|show) )*"
    r"(?:an? |the |all )?(?:comments?|responses?|repl(?:y|ies)|discussions?|feedback|trackbacks?|kommentare?"
    r"|comentarios?|commentaires?|评论|コメント)\b",
)
#: One of these is in whatever the expression matches.
_HEAD_WORDS = (
    "comment",
    "respons",
    "repl",
    "discuss",
    "feedback",
    "trackback",
    "kommentar",
    "comentario",
    "评论",
    "コメント",
)


def title_columns(sums: Sums) -> Columns:
    """Return how well a block matches the page's title, and where it stands seen from the best match."""
    match = _title_match(sums)
    rank = (sums.index - sums.start) / (sums.end - sums.start)
    is_h1, is_h2 = (sums.tag == TAGS.index(tag) for tag in ("h1", "h2"))
    anchor = _best(sums, match + 0.5 * is_h1 + 0.15 * is_h2 - 0.2 * rank)[sums.page]
    has = anchor >= 0
    return {
        "title_match": match,
        "has_title": has,
        "from_title": np.where(has, sums.index - anchor, 0),
        "share_from_title": np.where(has, (sums.before - sums.before[anchor]) / sums.total, np.float32(0)),
        "before_title": has & (sums.index < anchor),
    }


def _title_match(sums: Sums) -> Floats:
    """Return the share of the title that a block repeats, or of their words that a heading has in common."""
    texts, page_at = sums.batch.blocks.text, sums.batch.blocks.page_at.tolist()
    match = np.zeros(len(texts), np.float32)
    heading = (sums.tag >= TAGS.index("h1")) & (sums.tag <= TAGS.index("h3"))
    for page, title in enumerate(sums.batch.titles):
        if len(title) < _LEAST_TITLE:
            continue
        first, last = page_at[page], page_at[page + 1]
        for i in range(first, last):
            text = texts[i]
            if len(text) >= _LEAST_TEXT and text in title:
                match[i] = len(text) / len(title)
        words = set(title.lower().split())
        for i in (first + np.flatnonzero(heading[first:last])[:_HEADINGS]).tolist():
            other = set(texts[i].lower().split())
            match[i] = max(match[i], len(words & other) / len(words | other))
    return match


def _best(sums: Sums, score: Floats) -> Integers:
    """Return each page's block of the highest score, -1 where none has enough."""
    page_at = sums.batch.blocks.page_at
    best = np.full(len(page_at) - 1, -1)
    filled = np.flatnonzero(np.diff(page_at))
    top = np.full(len(best), np.inf)
    top[filled] = np.maximum.reduceat(score, page_at[:-1][filled])
    highest = np.flatnonzero(score == top[sums.page])
    first = highest[np.unique(sums.page[highest], return_index=True)[1]]
    best[filled] = np.where(top[filled] > _LEAST_SCORE, first, -1)
    return best


def remark_columns(sums: Sums) -> Columns:
    """Return how much of the page is comments by its class names, and where headings of comments stand."""
    flags = sums.batch.containers.flags[sums.batch.blocks.container]
    remarks = (flags & REMARKS) > 0
    prose = _running(np.where(remarks, sums.prose, 0))
    count = _running(remarks)
    of_page = prose[sums.end] - prose[sums.start]
    heads = np.fromiter(map(_is_remarks_head, sums.batch.blocks.text), bool, len(remarks))
    earlier = _running(heads)
    positions = np.append(-1, np.flatnonzero(heads))
    last = positions[(earlier[1:]).astype(np.int64)]
    return {
        "remarks_of_prose": of_page / sums.total_prose,
        "prose_but_remarks": np.maximum(sums.total_prose - of_page, 0),
        "remarks_of_blocks": (count[sums.end] - count[sums.start]) / (sums.end - sums.start),
        "from_remarks_head": np.where(last >= sums.start, sums.index - last, -1),
        "remarks_heads_before": earlier[sums.index] - earlier[sums.start],
        "remarks_before": count[sums.index] - count[sums.start],
    }


def _running(
    values: NDArray[np.generic],
) -> Doubles:
    return np.append(0, np.cumsum(values, dtype=np.float64))


def _is_remarks_head(text: str) -> bool:
    if len(text) >= _HEAD_CHARACTERS:
        return False
    lower = text.lower()
    return any(map(lower.__contains__, _HEAD_WORDS)) and _REMARKS_HEAD.match(lower) is not None
