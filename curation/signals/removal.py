"""Signals of how much a text shrinks when repeated n-grams are deleted.

This is how NeMo Curator reads table A1 of Rae et al. 2021. `curation.signals.repetition` follows the paper:
characters of words over characters of words. Here the spaces inside n-grams count too, over the whole text.
"""

from __future__ import annotations

import numpy as np

from curation.signals.registry import signal
from curation.signals.repetition import covered
from curation.text.splitters import Splitter
from curation.text.text import Text


@signal
def top_ngram_removal_fraction(text: Text, *, n: int, splitter: Splitter = "whitespace") -> float:
    """Share of the text's characters that are deleted with all occurrences of its most frequent n-gram.

    Occurrences are substrings: the words with one space between them. One across a line feed is missed, one
    inside longer words counts ("the cat" in "bathe cats"), and they do not overlap. Ties take the first
    n-gram. The result is 0.0 if no n-gram occurs twice.

    Source: NeMo Curator, RepeatingTopNGramsFilter. It returns 1.0 for texts of fewer than n words, deletes an
    n-gram that occurs once, and breaks ties by the order of a set, so its results differ between runs.

    >>> top_ngram_removal_fraction(Text("one two and one two"), n=2)
    0.7368421052631579
    """
    words = text.words(splitter)
    repeats = words.repeats(n)
    if repeats is None:
        return 0.0
    most = (repeats.counts == repeats.counts.max())[repeats.group]
    start = int(repeats.starts[most][0])
    gram = " ".join(words.vocabulary[number] for number in words.ids[start : start + n])
    return text.plain.count(gram) * len(gram) / len(text.plain)


@signal
def duplicate_ngram_removal_fraction(text: Text, *, n: int, splitter: Splitter = "whitespace") -> float:
    """Share of the text's characters in n-grams that occurred before; overlaps count once.

    The first occurrence of an n-gram stays. An n-gram is its words with one space between them. The result is
    0.0 if there are fewer than n words.

    Source: NeMo Curator, RepeatingDuplicateNGramsFilter, which returns 1.0 for texts of fewer than n words.

    >>> duplicate_ngram_removal_fraction(Text("one two and one two"), n=2)
    0.3684210526315789
    """
    words = text.words(splitter)
    repeats = words.repeats(n)
    if repeats is None:
        return 0.0
    starts = repeats.starts[~repeats.first]
    separate = np.concatenate(([True], np.diff(starts) >= n))
    begins, ends = words.ends[starts], words.ends[starts + n]
    characters = int(covered(begins, ends, separate).sum())
    spaces = int(np.where(separate, n - 1, np.diff(starts, prepend=starts[0])).sum())
    return min((characters + spaces) / len(text.plain), 1.0)
