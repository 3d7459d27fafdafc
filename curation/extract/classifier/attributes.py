"""What attributes of a container say: its class, id and role; whether it is hidden, or holds comments."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from curation.extract.classifier.tokens import HIDDEN, REMARKS

_NAMES = (' class="', ' id="', ' role="', ' itemprop="')
_HIDDEN = re.compile(r'display: ?none|(?:^| )hidden(?:=""|[ >]|$)|aria-hidden="true"|visibility: ?hidden')
_REMARKS = re.compile(r"comment|disqus|\brespon[ds]|\brepl(?:y|ies)\b|discuss|talkback|feedback")
#: One of these is in whatever the expression matches.
_REMARK_WORDS = ("comment", "disqus", "respon", "repl", "discuss", "talkback", "feedback")
_PARTS = re.compile(r"[a-z]{2,}|[A-Z]{2,}|[A-Z][a-z]+")
_MAX_CHARACTERS = 400


def described(tags: Sequence[str]) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Return distinct values of class, id, role and itemprop, the place in them of each tag, and their flags.

    Elements that differ by their flags have different places.
    """
    offsets: dict[str, int] = {}
    known: dict[tuple[str, int], int] = {}
    for text in tags:
        if text not in offsets:
            offsets[text] = known.setdefault(_read(text), len(known))
    which = np.fromiter(map(offsets.__getitem__, tags), np.int64, len(tags))
    flags = np.array([flag for _, flag in known], np.int64)
    return [values for values, _ in known], which, flags


def _read(text: str) -> tuple[str, int]:
    if '"' not in text:
        return "", 0
    values = " ".join([_value(text, name) for name in _NAMES if name in text])[:_MAX_CHARACTERS]
    flags = HIDDEN if ("none" in text or "hidden" in text) and _HIDDEN.search(text) else 0
    if values:
        lower = values.lower()
        if any(map(lower.__contains__, _REMARK_WORDS)) and _REMARKS.search(lower):
            flags |= REMARKS
    return values, flags


def _value(text: str, name: str) -> str:
    start = text.find(name) + len(name)
    return text[start : text.find('"', start)]


def name_parts(name: str) -> set[str]:
    """Return a class name and its parts in lower case.

    >>> sorted(name_parts("postBody-main"))
    ['body', 'main', 'post', 'postBody-main']
    """
    return {part.lower() for part in _PARTS.findall(name)} | {name}
