"""Signals of words and characters: counts, lengths, kinds.

Most are rules of Rae et al. 2021 ("Scaling Language Models: ... Gopher", appendix A.1.1). The paper gives
bounds but neither a word splitter nor a case rule; both are options here. Wherever published implementations
differ there is an option, and the presets say who uses which value.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from curation.signals.registry import signal
from curation.signals.vocabulary import word_fraction
from curation.text.splitters import Splitter
from curation.text.text import Text
from curation.text.words import Words


@signal
def text_length(text: Text) -> float:
    """Characters (code points) of the raw text, white space and markup included."""
    return float(len(text.raw))


def _counted(words: Words, ignore: str) -> NDArray[np.int64]:
    """Return the count of every word of the vocabulary; words made of `ignore` characters only count 0."""
    made_of = _made_of(ignore)
    if any(map(str.isalpha, ignore)):
        return words.word_counts * ~np.fromiter(map(made_of, words.vocabulary), np.bool_)
    return words.word_counts * ~words.marked(made_of)


@functools.cache
def _made_of(characters: str) -> Callable[[str], bool]:
    return lambda word: not word.strip(characters)


def _without_letter(word: str) -> bool:
    return not any(map(str.isalpha, word))


@signal
def word_count(text: Text, *, splitter: Splitter = "whitespace", ignore: str = "") -> float:
    """Words of the text by `splitter`, without words made only of characters in `ignore`.

    Rae et al. 2021, appendix A.1.1: 50 to 100,000. DCLM and datatrove leave out words that are marks (DCLM:
    words that do not begin with a letter or digit; datatrove: words made only of 281 marks and controls);
    NeMo Curator and Dolma count every word between white space.

    >>> word_count(Text("Well, yes -- and no."))
    5.0
    >>> word_count(Text("Well, yes -- and no."), splitter="alphanumeric")
    4.0
    >>> word_count(Text("Well, yes -- and no."), ignore="-")
    4.0
    """
    words = text.words(splitter)
    return float(_counted(words, ignore).sum() if ignore else words.count)


@signal
def mean_word_length(text: Text, *, splitter: Splitter = "whitespace", ignore: str = "") -> float:
    """Mean characters of a word, occurrences counted; 0.0 if there are no words.

    Rae et al. 2021, appendix A.1.1: 3 to 10. `ignore`: see `word_count` (datatrove uses it). Dolma takes the
    median (`median_word_length`), RedPajama-V2 the mean of normalized words.
    """
    words = text.words(splitter)
    if not ignore:
        return float(words.ends[-1]) / words.count if words.count else 0.0
    counts = _counted(words, ignore)
    return float(counts @ words.lengths) / float(max(counts.sum(), 1))


@signal
def median_word_length(text: Text, *, splitter: Splitter = "whitespace") -> float:
    """Median characters of a word, occurrences counted; 0.0 if there are no words.

    Dolma reads Gopher's "mean word length" as this (`gopher_v1`); its bounds 3 and 10 drop hardly any
    English.

    >>> median_word_length(Text("a bb cccc dddddddd"))
    3.0
    """
    words = text.words(splitter)
    return float(np.median(np.diff(words.ends))) if words.count else 0.0


@signal
def removed_word_fraction(text: Text, *, splitter: Splitter = "whitespace") -> float:
    """Share of the words that edits removed: the edits of this pass, or else of the last pass with edits.

    0.0 if nothing was edited, if there were no words, or if words were added. A rule on it drops pages that
    lost too much to line edits: RefinedWeb (Penedo et al. 2023, appendix G.2) and DCLM-Baseline drop pages
    that lost more than 0.05 of their words (DCLM: of the words that begin with a letter or digit).

    >>> removed_word_fraction(Text("three words left", before="three words left of five"))
    0.4
    """
    if text.before is None:
        return 0.0
    before = Text(text.before, text.form).words(splitter).count
    return max(before - text.words(splitter).count, 0) / before if before else 0.0


@signal
def unique_word_fraction(text: Text, *, splitter: Splitter = "whitespace", lowercase: bool = False) -> float:
    """Distinct words over all words; 1.0 if there are no words (nothing repeats)."""
    words = text.words(splitter, lowercase=lowercase)
    return len(words.vocabulary) / words.count if words.count else 1.0


@signal
def alphabetic_word_fraction(text: Text, *, splitter: Splitter = "whitespace") -> float:
    """Share of words with at least one letter of any script; 0.0 if there are no words.

    Rae et al. 2021, appendix A.1.1: at least 0.8. `whitespace` is Dolma's, DCLM's and NeMo Curator's reading,
    `spacy-like` datatrove's, `wordpunct` RedPajama-V2's (which accepts only A-Z as letters). With `unicode`
    every mark is a word without a letter: at a bound of 0.8 one well-known pipeline drops 14 % of good
    English this way, `whitespace` drops 0.4 %.
    """
    words = text.words(splitter)
    if not words.count:
        return 0.0
    without_letter = words.word_counts[words.marked(_without_letter)].sum()
    return float(words.count - int(without_letter)) / words.count


@signal
def symbol_word_ratio(text: Text, *, symbols: tuple[str, ...], splitter: Splitter = "whitespace") -> float:
    """Total occurrences of the symbols over words; over 1 if there are no words.

    Rae et al. 2021, appendix A.1.1: at most 0.1 "for either the hash symbol or the ellipsis". A recipe can
    have one rule per symbol, as datatrove does, or one rule for their sum, as RedPajama-V2 and DCLM do. Dolma
    and NeMo Curator count words instead (`symbol_word_fraction`, `listed_word_fraction`). Symbols are counted
    anywhere, so `....` has one "..." and `......` two.

    >>> symbol_word_ratio(Text("one # two ##"), symbols=("#",))
    0.75
    """
    return sum(map(text.plain.count, symbols)) / max(text.words(splitter).count, 1)


@signal
def symbol_word_fraction(text: Text, *, symbols: tuple[str, ...], splitter: Splitter = "whitespace") -> float:
    """Share of words that contain one of the symbols; 0.0 if there are no words.

    Dolma reads Gopher's symbol-to-word ratio as this (`gopher_v1`, with "#" and "…", without "...").

    >>> symbol_word_fraction(Text("one #two ###"), symbols=("#",))
    0.6666666666666666
    """
    words = text.words(splitter)
    return word_fraction(words, [any(symbol in word for symbol in symbols) for word in words.vocabulary])


@signal
def stop_word_count(
    text: Text,
    *,
    words: tuple[str, ...],
    splitter: Splitter = "whitespace",
    lowercase: bool = True,
    distinct: bool = True,
) -> float:
    """How many of the given words the text has: distinct ones, or all their occurrences.

    Rae et al. 2021, appendix A.1.1: "at least two of" eight words. Here and in datatrove these are two
    distinct words; Dolma, NeMo Curator and DCLM count occurrences. Only DCLM lowers the case.

    >>> stop_word_count(Text("The cat and the dog"), words=("the", "and", "of"))
    2.0
    >>> stop_word_count(Text("The cat and the dog"), words=("the", "and", "of"), distinct=False)
    3.0
    """
    stop_words, own = frozenset(words), text.words(splitter, lowercase=lowercase)
    if distinct:
        return float(own.having(stop_words))
    hits = [number for number, word in enumerate(own.vocabulary) if word in stop_words]
    return float(own.word_counts[hits].sum())


@signal
def phrase_count(text: Text, *, phrases: tuple[str, ...], lowercase: bool = False) -> float:
    """Total occurrences of the phrases anywhere in the text, also inside words.

    `lowercase` searches the lower-cased text, so the phrases must be in lower case.
    """
    return float(sum(map((text.lowered if lowercase else text.plain).count, phrases)))
