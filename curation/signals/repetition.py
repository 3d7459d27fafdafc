"""Signals of repetition: duplicate lines, paragraphs and n-grams.

Rae et al. 2021, appendix A.1.1 and table A1. Published implementations agree on the bounds and on little
else, so every difference is an option. `count_first`: whether the first occurrence counts as a duplicate too
(the paper's "characters contained within all duplicate n-grams" include every occurrence). `overlaps`: how
often a character counts that lies in several n-grams. `over`: the denominator of the share.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from curation.signals.lines import Blank, lines_of
from curation.signals.registry import signal
from curation.text.splitters import Splitter
from curation.text.text import Text
from curation.text.words import RepeatedNgrams


def _repeated(parts: Sequence[str], count_first: bool) -> list[str]:
    """Return all occurrences of the parts that occur more than once."""
    if len(set(parts)) == len(parts):
        return []
    counts = Counter(parts)
    if count_first:
        return [part for part in parts if counts[part] > 1]
    return [part for part, count in counts.items() for _ in range(count - 1)]


#: Denominator of a share of characters: those of the lines or paragraphs, of the whole text, of its words.
PartsOver = Literal["parts", "text", "words"]


def _part_fraction(parts: Sequence[str], count_first: bool) -> float:
    return len(_repeated(parts, count_first)) / len(parts) if parts else 0.0


def _character_fraction(text: Text, parts: Sequence[str], count_first: bool, over: PartsOver) -> float:
    repeated = sum(map(len, _repeated(parts, count_first)))
    if not repeated:
        return 0.0
    if over == "text":
        return min(repeated / len(text.plain), 1.0)
    total = sum(map(len, parts)) if over == "parts" else int(text.words().ends[-1])
    return min(repeated / max(total, 1), 1.0)


_EMPTY_LINES = re.compile(r"\n\n+")


def _paragraphs(text: Text, stripped: bool) -> list[str]:
    if stripped:
        return text.paragraphs
    plain = text.plain.strip()
    return _EMPTY_LINES.split(plain) if plain else []


@signal
def duplicate_line_fraction(
    text: Text, *, count_first: bool = True, blank: Blank = "none", stripped: bool = True
) -> float:
    r"""Share of lines that occur more than once; 0.0 if there are no lines.

    Lines are compared `stripped` of white space, or unchanged. `blank` says which blank lines count: `none`,
    those with `spaces` in them (datatrove's Gopher rules) or `all` (Dolma's first version). Table A1: at most
    0.3. DCLM and Dolma count the first occurrence, datatrove and NeMo Curator do not; datatrove and Dolma do
    not strip.

    >>> text = Text("a\na\nb")
    >>> duplicate_line_fraction(text), duplicate_line_fraction(text, count_first=False)
    (0.6666666666666666, 0.3333333333333333)
    """
    return _part_fraction(lines_of(text, stripped=stripped, blank=blank), count_first)


@signal
def duplicate_line_character_fraction(
    text: Text,
    *,
    count_first: bool = True,
    over: PartsOver = "parts",
    blank: Blank = "none",
    stripped: bool = True,
) -> float:
    """Share of characters in lines that occur more than once; 0.0 if there are no lines.

    `over` is the denominator: `parts` the characters of lines (DCLM; FineWeb's rule, Penedo et al. 2024,
    section 3.6, at most 0.01 without the first occurrence), `text` those of the text (datatrove), `words` all
    but white space (Dolma; a share above 1 counts as 1). `blank` and `stripped`: see
    `duplicate_line_fraction`. Table A1: at most 0.2.
    """
    return _character_fraction(text, lines_of(text, stripped=stripped, blank=blank), count_first, over)


@signal
def duplicate_paragraph_fraction(text: Text, *, count_first: bool = True, stripped: bool = True) -> float:
    """Share of paragraphs that occur more than once; 0.0 if there are none.

    With `stripped`, blank lines separate paragraphs and lines are stripped. Without it, only empty lines
    separate them (a line of white space does not) and they are compared unchanged. Table A1: at most 0.3.
    """
    return _part_fraction(_paragraphs(text, stripped), count_first)


@signal
def duplicate_paragraph_character_fraction(
    text: Text, *, count_first: bool = True, over: PartsOver = "parts", stripped: bool = True
) -> float:
    """Share of characters in paragraphs that occur more than once; 0.0 if there are none.

    `over`: see `duplicate_line_character_fraction`; `stripped`: see `duplicate_paragraph_fraction`. Table A1:
    at most 0.2. Dolma and RedPajama-V2 have no paragraph rules.
    """
    return _character_fraction(text, _paragraphs(text, stripped), count_first, over)


def covered(
    begins: NDArray[np.int64], ends: NDArray[np.int64], run_starts: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Return the characters that each n-gram adds to the ones before it, so that overlaps count once.

    begins, ends: (k,) character offsets, ascending, or ascending within runs whose firsts `run_starts` marks.
    """
    before = np.concatenate(([0], ends[:-1]))
    if run_starts is not None:
        before[run_starts] = 0
    added: NDArray[np.int64] = ends - np.maximum(begins, before)
    return added


_BLOCK = 1 << 16  # occurrences converted to Python integers at once


def _non_overlapping(repeats: RepeatedNgrams, n: int, count_first: bool) -> NDArray[np.int64]:
    """Return the starts of duplicates from left to right that do not overlap the one before."""
    known: set[int] = set()
    result, free = [], 0
    for block in range(0, len(repeats.starts), _BLOCK):
        part = slice(block, block + _BLOCK)
        for start, group in zip(repeats.starts[part].tolist(), repeats.group[part].tolist(), strict=True):
            if start < free:
                continue
            if count_first or group in known:
                result.append(start)
                free = start + n
            else:
                known.add(group)
    return np.array(result, np.int64)


@signal
def duplicate_ngram_character_fraction(
    text: Text,
    *,
    n: int,
    splitter: Splitter = "whitespace",
    lowercase: bool = False,
    count_first: bool = True,
    overlaps: Literal["once", "apart", "each"] = "once",
    over: Literal["words", "text", "ngrams"] = "words",
) -> float:
    """Share of the characters of words that are in an n-gram that occurs more than once.

    `overlaps`: a character in several such n-grams counts `once`, as in the paper ("taking care not to count
    characters that occur in overlapping n-grams more than once"); `apart`: reading from left to right, an
    n-gram that overlaps the last counted one is skipped, also as a first occurrence; `each`: every n-gram
    counts in full. `over` is the denominator: characters of `words`, of the `text`, or of all its `ngrams`.
    The result is 0.0 if there are fewer than n words, and at most 1.

    Table A1: at most 0.15 (n = 5), 0.14, 0.13, 0.12, 0.11, 0.10 (n = 10). DCLM and RedPajama-V2 have the
    defaults; datatrove `count_first: false, overlaps: apart, over: text`; Dolma `overlaps: each, over:
    ngrams`; NeMo Curator counts spaces (`duplicate_ngram_removal_fraction`).

    >>> duplicate_ngram_character_fraction(Text("a b c a b"), n=2)
    0.8
    >>> duplicate_ngram_character_fraction(Text("a b c a b"), n=2, count_first=False)
    0.4
    """
    words = text.words(splitter, lowercase=lowercase)
    repeats = words.repeats(n)
    if repeats is None:
        return 0.0
    if overlaps == "apart":
        starts = _non_overlapping(repeats, n, count_first)
    else:
        starts = repeats.starts if count_first else repeats.starts[~repeats.first]
    begins, ends = words.ends[starts], words.ends[starts + n]
    part = int((covered(begins, ends) if overlaps == "once" else ends - begins).sum())
    if over == "text":
        return min(part / len(text.plain), 1.0)
    total = words.ends[-1] if over == "words" else (words.ends[n:] - words.ends[:-n]).sum()
    return min(part / int(total), 1.0)


@signal
def top_ngram_character_fraction(
    text: Text,
    *,
    n: int,
    splitter: Splitter = "whitespace",
    lowercase: bool = False,
    top: Literal["repeated", "first"] = "repeated",
    overlaps: Literal["once", "each"] = "once",
    over: Literal["words", "spaced_text"] = "words",
) -> float:
    """Share of the characters that are in the most frequent n-gram.

    `top` breaks ties: `repeated` takes the n-gram that covers most characters, and none if no n-gram occurs
    twice (0.0); `first` takes the first in the text, even if it occurs once. `overlaps`: a character in two
    occurrences counts `once`, or `each` occurrence counts in full. `over`: characters of words over those of
    all `words`; or `spaced_text`: with one space between the words of the n-gram, over the text. The result
    is 0.0 if there are fewer than n words, and at most 1.

    Table A1: at most 0.20 (n = 2), 0.18, 0.16 (n = 4). DCLM has the defaults but `overlaps: each`;
    datatrove `top: first, overlaps: each, over: spaced_text`; Dolma `top: first, overlaps: each`; NeMo
    Curator looks for the n-gram in the text (`top_ngram_removal_fraction`).

    >>> top_ngram_character_fraction(Text("a b c a b"), n=2)
    0.8
    >>> top_ngram_character_fraction(Text("a b c d e"), n=2, top="first")
    0.4
    """
    words = text.words(splitter, lowercase=lowercase)
    repeats = words.repeats(n)
    spaced = over == "spaced_text"
    if repeats is None:
        has_first = top == "first" and words.count >= n
        part = int(words.ends[n]) + spaced * (n - 1) if has_first else 0
    else:
        most = np.flatnonzero((repeats.counts == repeats.counts.max())[repeats.group])
        if top == "first":
            most = most[repeats.group[most] == repeats.group[most[0]]]
        groups = repeats.group[most]
        order = np.argsort(groups, kind="stable")  # by n-gram
        starts, groups = repeats.starts[most[order]], groups[order]
        first = np.concatenate(([True], groups[1:] != groups[:-1]))
        begins, ends = (
            words.ends[starts] + spaced * starts,
            words.ends[starts + n] + spaced * (starts + n - 1),
        )
        added = covered(begins, ends, run_starts=first) if overlaps == "once" else ends - begins
        part = int(np.add.reduceat(added, np.flatnonzero(first)).max())
    return min(part / (len(text.plain) if spaced else int(words.ends[-1])), 1.0) if part else 0.0
