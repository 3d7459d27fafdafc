"""Labels of blocks: the share of a block's words that the page's main text has in the same order."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from curation.extract.classifier.batch import Doubles

#: A block of fewer words is looked for in spans of three.
_SPAN, _SHORT_SPAN = 4, 3
_AROUND = 5
_LONG_CHARACTERS = 5000
_UNSPACED = r"\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Thai, kana, Han
_WORD = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])\w)+")


def words(text: str) -> list[str]:
    """Return words after NFKC, in lower case; a character at a time in scripts without spaces.

    >>> words("Two Words, 東京")
    ['two', 'words', '東', '京']
    """
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())


def f1(counts: Counter[str], truth: Counter[str]) -> float:
    """Return the F1 of two bags of words, 0.0 where they share none."""
    shared = (counts & truth).total()
    return 2 * shared / (counts.total() + truth.total()) if shared else 0.0


def labels(blocks: Sequence[Sequence[str]], truth: Sequence[str]) -> Doubles:
    """Return by block, given as words, the share of it that lies in spans of the truth.

    Of blocks with the same words, only as many as the truth has keep their label: those whose neighbours
    have the highest.
    """
    text = f" {' '.join(truth)} "
    stream = [word for block in blocks for word in block]
    covered = {span: _covered(stream, truth, span) for span in (_SHORT_SPAN, _SPAN)}
    shares = np.zeros(len(blocks))
    position = 0
    for i, block in enumerate(blocks):
        size = len(block)
        if size:
            span = _SPAN if size >= _SPAN else _SHORT_SPAN
            shares[i] = covered[span][position : position + size].mean()
            if size >= _SHORT_SPAN and shares[i] < 1 and f" {' '.join(block)} " in text:
                shares[i] = 1
        position += size
    return _without_repeats(blocks, shares, text)


def _covered(stream: Sequence[str], truth: Sequence[str], span: int) -> Doubles:
    """Return which words of a stream lie in a span that the truth has."""
    known = set(zip(*(truth[i:] for i in range(span)), strict=False))
    covered = np.zeros(len(stream))
    for i, words in enumerate(zip(*(stream[i:] for i in range(span)), strict=False)):
        if words in known:
            covered[i : i + span] = 1
    return covered


def _without_repeats(blocks: Sequence[Sequence[str]], shares: Doubles, text: str) -> Doubles:
    same: dict[str, list[int]] = defaultdict(list)
    for i, block in enumerate(blocks):
        if block and shares[i] > 0.5:
            same[" ".join(block)].append(i)
    size = np.array([len(block) for block in blocks], float)
    main, total = np.append(0, np.cumsum(shares * size)), np.append(0, np.cumsum(size))

    def around(i: int) -> float:
        first, last = max(0, i - _AROUND), min(len(blocks), i + _AROUND + 1)
        return float((main[last] - main[first] - size[i] + 0.1) / (total[last] - total[first] - size[i] + 1))

    result = shares.copy()
    for block, positions in same.items():
        if len(positions) > 1:
            allowed = max(1, text.count(f" {block} ")) if len(block) < _LONG_CHARACTERS else 1
            result[sorted(positions, key=lambda i: (-around(i), i))[allowed:]] = 0
    return result
