"""Make the bounds by language that ship with the package, from the texts of the shared crawl.

    python benchmarks/bounds_by_language.py > curation/recipe/languages.yaml

A language gets bounds if the crawl has three texts of 50 words or more in it. Mean word length: Gopher's 3 and 10,
times the median of the language's texts over the median of the English ones. Stop words: the eight most frequent words
that at least half of the texts have. Repeated n-grams, where there are 50 texts: the bound that as many texts of the
language break as English ones break the paper's, which it is never below. Texts that are the same count once; words
are those that the pass counts.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from filter_corpus import texts

from curation.recipe.config import Reader
from curation.recipe.nodes import parse
from curation.recipe.sections.passes import decode_pass
from curation.text.splitters import with_dictionary
from curation.text.text import Text
from curation.text.words import Words

#: The ten languages that most pages of the web are written in, after English.
LANGUAGES = ("de", "es", "fr", "it", "ja", "pl", "pt", "ru", "tr", "zh")
LEAST_WORDS, LEAST_TEXTS, STOP_WORDS = 50, 3, 8
LEAST_TEXTS_OF_A_SHARE = 50

HEADER = """\
# Bounds by language for the rules of preset gopher, made by benchmarks/bounds_by_language.py from the texts of one small
# crawl (saved web pages of public sets, 78 % English): the comment behind each language says from how many texts and
# words. Few texts make rough bounds; a table of your own (per_language: FILE) lies over these. For Lao, Khmer and
# Burmese there was no text, for Thai too little, so they have none: give them stop words of their own.
# mean_word_length: the paper's 3 and 10, times the language's median over English's ({median:.2f} in {texts:,} texts).
# duplicate_ and top_ n-grams: where there are 50 texts, the bound that as many of them break as English texts break the
# paper's, if that is above the paper's: words of zh are short, so that five are less of a coincidence there.
# stop_words: the most frequent words that half of the texts have. Words of zh and ja are ICU's.
"""


def long_enough(language: str) -> list[Text]:
    """Return the different texts in a language that have enough words."""
    splitter = with_dictionary("whitespace", language)
    pages = dict.fromkeys(page.text for page in texts("markdown", language))
    found = [Text(text, "markdown") for text in pages]
    return [text for text in found if text.words(splitter).count >= LEAST_WORDS]


def lowered(found: list[Text], language: str) -> list[Words]:
    """Return the words of texts in lower case."""
    return [text.words(with_dictionary("whitespace", language), lowercase=True) for text in found]


def ngram_bounds(found: list[Text], language: str, english: list[Text]) -> dict[str, tuple[str, float]]:
    """Return rule -> the bound that as many texts break as English ones break the paper's, where it is higher."""
    bounds = {}
    gopher = decode_pass(Reader(), parse("{name: gopher, preset: gopher, per_language: false}", "bench"))
    for rule, own in zip(gopher.rules, gopher.rules_for(language), strict=True):
        if "ngram" in rule.signal:
            share = float(np.mean([rule.broken_by(rule.measure(text)) for text in english]))
            bound = float(np.quantile([own.measure(text) for text in found], 1 - share))
            if bound > rule.max:
                bounds[rule.name] = rule.signal, bound
    return bounds


def median_length(found: list[Words]) -> float:
    """Return the median over texts of the mean characters of a word."""
    return float(np.median([words.ends[-1] / words.count for words in found]))


def stop_words(found: list[Words]) -> list[str]:
    """Return the most frequent words that at least half of the texts have."""
    total: Counter[str] = Counter()
    having: Counter[str] = Counter()
    for words in found:
        counts = zip(words.vocabulary, words.word_counts.tolist(), strict=True)
        letters = {word: count for word, count in counts if all(map(str.isalpha, word))}
        total.update(letters)
        having.update(letters.keys())
    common = [word for word in total if 2 * having[word] >= len(found)]
    return sorted(common, key=lambda word: (-total[word], word))[:STOP_WORDS]


def main() -> None:
    """Print the table."""
    english = long_enough("en")
    median = median_length(lowered(english, "en"))
    print(HEADER.format(median=median, texts=len(english)), end="")
    for language in LANGUAGES:
        found = long_enough(language)
        words = lowered(found, language)
        if len(found) < LEAST_TEXTS:
            raise SystemExit(f"{language}: {len(found)} texts, which is too few")
        ratio = median_length(words) / median
        bounds = f"min: {3 * ratio:.1f}, max: {10 * ratio:.1f}"
        listed = ", ".join(f'"{word}"' for word in stop_words(words))
        total = sum(each.count for each in words)
        print(f"{language}:  # {len(found):,} texts, {total:,} words")
        print(f"  mean_word_length: {{signal: mean_word_length, {bounds}}}")
        print(f"  stop_words: {{signal: stop_word_count, words: [{listed}]}}")
        if len(found) >= LEAST_TEXTS_OF_A_SHARE:
            for rule, (signal, bound) in ngram_bounds(found, language, english).items():
                print(f"  {rule}: {{signal: {signal}, max: {np.ceil(100 * bound) / 100:.2f}}}")


if __name__ == "__main__":
    main()
