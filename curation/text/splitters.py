"""Splitters: what a word is, by name. Published rules disagree, so every reading has one.

- `whitespace` splits at white space.
- `alphanumeric` takes runs of letters, marks and digits, with inner apostrophes. In scripts without spaces
  every letter is a word.
- `unicode` is the same, but every other visible character is a word too.
- `spacy-like` splits English by spaCy's rules.
- `wordpunct` takes runs of letters, digits and underscores, and runs of other visible characters, like NLTK's
  WordPunctTokenizer.
- `unpunctuated` deletes ASCII punctuation, then splits at white space.
- `icu` takes ICU's words (UAX #29, and its dictionaries for Chinese, Japanese, Thai, Lao, Khmer and Burmese)
  that have a letter or digit.
- `icu-marks` is the same, but every mark is a word too.
"""

from __future__ import annotations

import functools
import re
import string
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Literal, get_args

from curation.text import bounds as word_bounds
from curation.text import spacy_like
from curation.text.words import Words

Splitter = Literal[
    "whitespace",
    "alphanumeric",
    "unicode",
    "spacy-like",
    "wordpunct",
    "unpunctuated",
    "icu",
    "icu-marks",
]

#: Languages written without spaces whose words ICU finds: ISO 639-1 code -> other codes of the language.
_WITH_DICTIONARY = {
    "zh": ("zho", "chi", "cmn", "yue", "wuu", "hak", "gan", "lzh"),
    "ja": ("jpn",),
    "th": ("tha",),
    "lo": ("lao",),
    "km": ("khm",),
    "my": ("mya", "bur"),
}
DICTIONARIES = frozenset(
    [*_WITH_DICTIONARY, *(code for codes in _WITH_DICTIONARY.values() for code in codes)]
)
#: Languages written without spaces whose words no splitter here finds: Tibetan and Dzongkha.
WITHOUT_SPLITTER = frozenset(["bo", "bod", "tib", "dz", "dzo"])
_MARKS_ARE_WORDS = ("unicode", "spacy-like", "wordpunct", "icu-marks")

_WORDPUNCT = re.compile(r"\w+|[^\w\s]+")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_SPACE = re.compile(r"\s")
PIECE_CHARACTERS = 1 << 20  # of a text split at once: a word costs about 60 bytes until it is numbered
_LONGEST_PIECE_CHARACTERS = 1 << 21  # limit for splitters that may cut anywhere
_CUT_ANYWHERE = ("spacy-like", "icu", "icu-marks")


def base_code(language: str) -> str:
    """Return the code of a language without its script or region, in lower case.

    >>> base_code("zh-Hant"), base_code("jpn_Jpan")
    ('zh', 'jpn')
    """
    return language.lower().replace("_", "-").partition("-")[0]


def with_dictionary(splitter: Splitter, language: str) -> Splitter:
    """Return the splitter that reads a language as `splitter` reads one with spaces between words.

    >>> [with_dictionary("whitespace", language) for language in ("en", "th")]
    ['whitespace', 'icu']
    """
    if base_code(language) not in DICTIONARIES:
        return splitter
    return "icu-marks" if splitter in _MARKS_ARE_WORDS else "icu"


@functools.cache
def _breaker() -> Callable[[str, str], Iterator[str]]:
    from icu4py.breakers import WordBreaker

    return WordBreaker  # type: ignore[return-value]  # it is an iterable of its words


def _icu(text: str, *, marks: bool) -> list[str]:
    try:
        segments = _breaker()(text, "und")
    except UnicodeEncodeError:  # a lone surrogate
        segments = _breaker()(text.encode("utf-8", "replace").decode(), "und")
    # ICU joins some white space to what stands beside it: a combining mark, a narrow no-break space.
    words = [word for segment in segments for word in segment.split()]
    return words if marks else [word for word in words if word.isalnum() or any(map(str.isalnum, word))]


def _unpunctuated(text: str) -> list[str]:
    return text.translate(_NO_PUNCTUATION).split()


_SPLITTERS: Mapping[str, Callable[[str], list[str]]] = {
    "whitespace": str.split,
    "spacy-like": spacy_like.words,
    "wordpunct": _WORDPUNCT.findall,
    "unpunctuated": _unpunctuated,
    "icu": functools.partial(_icu, marks=False),
    "icu-marks": functools.partial(_icu, marks=True),
}


def _pieces(text: str, *, longest: int = sys.maxsize) -> Iterator[str]:
    """Yield pieces of a text, cut before white space, or after `longest` characters if there is none."""
    start = 0
    while len(text) - start > PIECE_CHARACTERS:
        space = _SPACE.search(text, start + PIECE_CHARACTERS, min(start + longest, len(text)))
        end = space.start() if space else start + longest
        if end >= len(text):
            break
        yield text[start:end]
        start = end
    yield text[start:]


def words_in(line: str, splitter: Splitter, most: int = -1) -> list[str]:
    """Return the words of a line in order; by white space, what follows the first `most` is one more."""
    if splitter == "whitespace":
        return line.split(None, most)
    words = split(line, splitter)
    return [words.vocabulary[number] for number in words.ids]


def split(text: str, splitter: Splitter) -> Words:
    """Return the words of a text by a splitter.

    Raises:
        ValueError: there is no such splitter.
    """
    if splitter in ("alphanumeric", "unicode"):
        others = splitter == "unicode"
        count = sum(word_bounds.count(piece, others=others) for piece in _pieces(text))
        return Words(lambda: (word_bounds.words(piece, others=others) for piece in _pieces(text)), count)
    if splitter not in _SPLITTERS:
        names = ", ".join(get_args(Splitter))
        raise ValueError(f"no word splitter named '{splitter}'; known: {names}")
    cut = _SPLITTERS[splitter]
    if len(text) <= PIECE_CHARACTERS:
        return Words.of(cut(text))
    longest = _LONGEST_PIECE_CHARACTERS if splitter in _CUT_ANYWHERE else sys.maxsize
    return Words(lambda: map(cut, _pieces(text, longest=longest)))
