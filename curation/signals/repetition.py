"""Signals of repetition: lines, paragraphs and n-grams that occur again.

Rae et al. 2021, appendix A.1.1 and table A1. Published implementations agree on the bounds and on little
else; each difference is an option. `count_first`: whether the first occurrence of what repeats is duplicate
too (the paper's "characters contained within all duplicate n-grams" are of every occurrence). `overlaps`:
how often a character counts that lies in several n-grams. `over`: what the share is a share of.
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
from curation.text.text import Splitter, Text
from curation.text.words import RepeatedNgrams


def _repeated(parts: Sequence[str], count_first: bool) -> list[str]:
    """Return the occurrences of parts that occur more than once."""
    if len(set(parts)) == len(parts):
        return []
    counts = Counter(parts)
    if count_first:
        return [part for part in parts if counts[part] > 1]
    return [part for part, count in counts.items() for _ in range(count - 1)]


#: What the characters of lines or paragraphs are set against: their own, all of the text's, those of words.
PartsOver = Literal["parts", "text", "words"]


def _part_fraction(parts: Sequence[str], count_first: bool) -> float:
    return len(_repeated(parts, count_first)) / len(parts) if parts else 0.0


def _character_fraction(text: Text, parts: Sequence[str], count_first: bool, over: PartsOver) -> float:
    repeated = sum(map(len, _repeated(parts, count_first)))
    if not repeated:
        return 0.0
    if over == "text":
        return min(repeated / len(text.plain), 1.0)
    whole = sum(map(len, parts)) if over == "parts" else int(text.words().ends[-1])
    return min(repeated / max(whole, 1), 1.0)


_EMPTY_LINES = re.compile(r"\n\n+")


def _paragraphs(text: Text, stripped: bool) -> list[str]:
    if stripped:
        return text.paragraphs
    whole = text.plain.strip()
    return _EMPTY_LINES.split(whole) if whole else []


@signal
def duplicate_line_fraction(
    text: Text, *, count_first: bool = True, blank: Blank = "none", stripped: bool = True
) -> float:
    r"""Share of lines that occur more than once; 0.0 where there are no lines.

    Lines are compared `stripped` of white space, or as they stand. `blank` says which lines of nothing but
    white space are lines: `none`, those of `spaces` (not empty: datatrove's Gopher rules), or `all` (Dolma's
    first version). Table A1: at most 0.3. DCLM and Dolma count the first occurrence, datatrove and NeMo
    Curator do not; datatrove and Dolma do not strip.

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
    """Share of characters that lie in lines occurring more than once; 0.0 where there are no lines.

    `over` says of which characters: `parts` the lines' own (DCLM; FineWeb's rule, Penedo et al. 2024, section
    3.6, at most 0.01 without the first occurrence), `text` all of the text's (datatrove), `words` all but
    white space (Dolma; a share above 1 counts as 1). `blank` and `stripped` as for `duplicate_line_fraction`.
    Table A1: at most 0.2.
    """
    return _character_fraction(text, lines_of(text, stripped=stripped, blank=blank), count_first, over)


@signal
def duplicate_paragraph_fraction(text: Text, *, count_first: bool = True, stripped: bool = True) -> float:
    """Share of paragraphs that occur more than once; 0.0 where there are none.

    Paragraphs are set apart by blank lines and compared line by line stripped, or, not `stripped`, by empty
    lines (one of white space does not end a paragraph) and compared as they are. Table A1: at most 0.3.
    """
    return _part_fraction(_paragraphs(text, stripped), count_first)


@signal
def duplicate_paragraph_character_fraction(
    text: Text, *, count_first: bool = True, over: PartsOver = "parts", stripped: bool = True
) -> float:
    """Share of characters that lie in paragraphs occurring more than once; 0.0 where there are none.

    `over` as for lines, `stripped` as for `duplicate_paragraph_fraction`. Table A1: at most 0.2. Dolma and
    RedPajama-V2 have no rules on paragraphs.
    """
    return _character_fraction(text, _paragraphs(text, stripped), count_first, over)


def _covered(
    begins: NDArray[np.int64], ends: NDArray[np.int64], apart: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Return the characters each n-gram adds to those before it, so that overlaps count once.

    begins, ends: (k,) characters in rising order, or rising within runs; `apart` marks the first of each run.
    """
    before = np.concatenate(([0], ends[:-1]))
    if apart is not None:
        before[apart] = 0
    added: NDArray[np.int64] = ends - np.maximum(begins, before)
    return added


_BLOCK = 1 << 16  # occurrences that are Python's integers at once


def _apart(repeats: RepeatedNgrams, n: int, count_first: bool) -> NDArray[np.int64]:
    """Return the places met from left to right when, after each that counts, reading goes on behind it."""
    seen: set[int] = set()
    found, free = [], 0
    for block in range(0, len(repeats.starts), _BLOCK):
        part = slice(block, block + _BLOCK)
        for start, group in zip(repeats.starts[part].tolist(), repeats.group[part].tolist(), strict=True):
            if start < free:
                continue
            if count_first or group in seen:
                found.append(start)
                free = start + n
            else:
                seen.add(group)
    return np.array(found, np.int64)


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
    """Share of the characters of words that lie in an n-gram occurring more than once.

    `overlaps`: a character in several such n-grams counts `once`, as the paper has it ("taking care not to
    count characters that occur in overlapping n-grams more than once"); or n-grams count only where they
    stand `apart` from the one counted before, read from left to right (what is passed over was not seen,
    either); or `each` n-gram counts in full. `over`: the share is of the `words`' characters, of all of the
    `text`'s, or of those of all its `ngrams`. 0.0 where there are fewer than n words; above 1 counts as 1.

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
        starts = _apart(repeats, n, count_first)
    else:
        starts = repeats.starts if count_first else repeats.starts[~repeats.first]
    begins, ends = words.ends[starts], words.ends[starts + n]
    part = int((_covered(begins, ends) if overlaps == "once" else ends - begins).sum())
    if over == "text":
        return min(part / len(text.plain), 1.0)
    whole = words.ends[-1] if over == "words" else (words.ends[n:] - words.ends[:-n]).sum()
    return min(part / int(whole), 1.0)


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
    """Share of the characters that lie in the n-gram that occurs most often.

    `top`: of n-grams that occur equally often, `repeated` takes the one covering most, and none where no
    n-gram occurs twice (0.0: what repeats nothing has no most frequent n-gram); `first` takes the first,
    even if it occurs once. `overlaps`: a character in two of its occurrences counts `once`, or `each`
    occurrence counts in full. `over`: characters of words over characters of `words`, or with one space
    between the words of the n-gram over all characters of the text, `spaced_text`. 0.0 where there are
    fewer than n words; above 1 counts as 1.

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
        known = top == "first" and words.count >= n
        part = int(words.ends[n]) + spaced * (n - 1) if known else 0
    else:
        most = np.flatnonzero((repeats.counts == repeats.counts.max())[repeats.group])
        if top == "first":
            most = most[repeats.group[most] == repeats.group[most[0]]]
        order = most[np.argsort(repeats.group[most], kind="stable")]  # n-gram after n-gram
        starts, first = repeats.starts[order], repeats.first[order]
        begins, ends = (
            words.ends[starts] + spaced * starts,
            words.ends[starts + n] + spaced * (starts + n - 1),
        )
        added = _covered(begins, ends, apart=first) if overlaps == "once" else ends - begins
        part = int(np.add.reduceat(added, np.flatnonzero(first)).max())
    return min(part / (len(text.plain) if spaced else int(words.ends[-1])), 1.0) if part else 0.0
