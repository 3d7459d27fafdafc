"""Signals of a text's vocabulary: the longest word, words of a list, words in capitals, entropy."""

from __future__ import annotations

import numpy as np

from curation.signals.registry import signal
from curation.text.splitters import Splitter
from curation.text.text import Text
from curation.text.words import Words


def word_fraction(words: Words, selected: list[bool]) -> float:
    """Return the share of words whose entry in the vocabulary is selected; 0.0 if there are no words."""
    return float(words.word_counts[np.array(selected, bool)].sum()) / words.count if words.count else 0.0


@signal
def longest_word_length(text: Text, *, splitter: Splitter = "whitespace") -> float:
    """Characters of the longest word; 0.0 if there are no words.

    Source: C4's code (a word of more than 1,000 characters drops its line) and NeMo Curator's LongWordFilter
    (it drops the document, and raises on a text without words).
    """
    return float(max(map(len, text.words(splitter).vocabulary), default=0))


@signal
def listed_word_fraction(
    text: Text, *, words: tuple[str, ...], splitter: Splitter = "whitespace", lowercase: bool = False
) -> float:
    """Share of the words that are in `words`, occurrences counted; 0.0 if the text has no words.

    Sources: NeMo Curator's SymbolsToWordsFilter, whose symbols are words by themselves (a lone hash sign or
    an ellipsis; in `##` the symbol is only half of the word, which is not enough there); RedPajama-V2's
    rps_doc_stop_word_fraction, which compares case-sensitively with a lower-case list.

    >>> listed_word_fraction(Text("a # b ..."), words=("#", "...", "…"))
    0.5
    """
    listed, own = set(words), text.words(splitter, lowercase=lowercase)
    return word_fraction(own, [word in listed for word in own.vocabulary])


@signal
def uppercase_word_fraction(text: Text, *, splitter: Splitter = "whitespace") -> float:
    """Share of the words with upper-case and no lower-case letters ("A", "NATO", "B-52"); 0.0 without words.

    Source: RedPajama-V2's rps_doc_frac_all_caps_words, after A Pretrainer's Guide (Longpre et al. 2023).
    """
    words = text.words(splitter)
    return word_fraction(words, [word.isupper() for word in words.vocabulary])


@signal
def unigram_entropy(text: Text, *, splitter: Splitter = "whitespace", lowercase: bool = False) -> float:
    """Entropy of the word frequencies in nats: 0 for one repeated word, ln n for n distinct words.

    0.0 if there are no words. Source: RedPajama-V2's rps_doc_unigram_entropy (lower case, without
    punctuation).

    >>> round(unigram_entropy(Text("a b a b")), 4)
    0.6931
    """
    words = text.words(splitter, lowercase=lowercase)
    if not words.count:
        return 0.0
    shares = words.word_counts / words.count
    return max(0.0, -float((shares * np.log(shares)).sum()))
