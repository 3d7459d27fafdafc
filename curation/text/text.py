"""`Text`, one text and its parts, each computed once and shared by all signals."""

from __future__ import annotations

import functools
import re
import string
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Literal, get_args

from curation.text import bounds as word_bounds
from curation.text import spacy_like
from curation.text.markdown import plain
from curation.text.words import Compounds, LowerCased, Words

Splitter = Literal["whitespace", "alphanumeric", "unicode", "spacy-like", "wordpunct", "unpunctuated"]

_WORDPUNCT = re.compile(r"\w+|[^\w\s]+")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def _unpunctuated(text: str) -> list[str]:
    return text.translate(_NO_PUNCTUATION).split()


_SPLITTERS: Mapping[str, Callable[[str], list[str]]] = {
    "whitespace": str.split,
    "spacy-like": spacy_like.words,
    "wordpunct": _WORDPUNCT.findall,
    "unpunctuated": _unpunctuated,
}

_SPACE = re.compile(r"\s")
_PIECE_CHARACTERS = 1 << 20  # of a text cut at once: a word costs some 60 bytes until it has its number
_LONGEST_PIECE_CHARACTERS = 1 << 21  # where a word may be as long as the text, but none is for certain


def _pieces(text: str, *, longest: int = sys.maxsize) -> Iterator[str]:
    """Yield a text piece by piece, cut before white space, where no word is, or at `longest` characters."""
    start = 0
    while len(text) - start > _PIECE_CHARACTERS:
        space = _SPACE.search(text, start + _PIECE_CHARACTERS, min(start + longest, len(text)))
        end = space.start() if space else start + longest
        if end >= len(text):
            break
        yield text[start:end]
        start = end
    yield text[start:]


def _split(text: str, splitter: Splitter) -> Words:
    if splitter in ("alphanumeric", "unicode"):
        others = splitter == "unicode"
        count = sum(word_bounds.count(piece, others=others) for piece in _pieces(text))
        return Words(lambda: (word_bounds.words(piece, others=others) for piece in _pieces(text)), count)
    if splitter not in _SPLITTERS:
        known = ", ".join(get_args(Splitter))
        raise ValueError(f"no word splitter named '{splitter}'; known: {known}")
    split = _SPLITTERS[splitter]
    if len(text) <= _PIECE_CHARACTERS:
        return Words.of(split(text))
    longest = _LONGEST_PIECE_CHARACTERS if splitter == "spacy-like" else sys.maxsize
    return Words(lambda: map(split, _pieces(text, longest=longest)))


class Text:
    """One text and what signals look at, each part computed once, when first asked for.

    Signals read `plain`, not `raw`: rules that count symbols, line ends and repeated lines were made for text
    without markup, and would take a heading for hash signs and a table row for a line without an end mark.

    A *line* is what stands between line feeds, stripped, blank ones left out. A *paragraph* is a run of
    lines without a blank line between them. What a *word* is, published rules disagree on, so the splitter
    has a name: `whitespace` cuts at white space; `alphanumeric` takes runs of letters, marks and digits
    (with inner apostrophes; one letter in scripts without spaces); `unicode` takes the same and every other
    visible character as a word by itself; `spacy-like` cuts English as spaCy's rules do;
    `wordpunct` takes runs of letters, digits and underscores, and runs of other visible characters (as NLTK's
    WordPunctTokenizer); `unpunctuated` deletes ASCII punctuation and cuts what is left at white space.

    >>> Text("It's 5 o'clock.").words("alphanumeric").vocabulary
    ["It's", '5', "o'clock"]
    """

    def __init__(self, raw: str, *, before: str | None = None, url: str = "") -> None:
        """Take the text, where a pass edited it what it was before that, and where it was found."""
        self.raw = raw
        self.before = before
        self.url = url
        self._words: dict[tuple[Splitter, bool], Words] = {}
        self._cut: dict[str, tuple[str, ...]] = {}

    def edited(self, text: str) -> Text:
        """Return what an edit made of this text; most of its words are known already."""
        after = Text(text, before=self.raw, url=self.url)
        after._cut = self._cut
        return after

    @functools.cached_property
    def plain(self) -> str:
        """The text without the marks of Markdown."""
        return plain(self.raw)

    @functools.cached_property
    def characters(self) -> Counter[str]:
        """How often each character stands in the raw text."""
        return Counter(self.raw)

    @functools.cached_property
    def lowered(self) -> str:
        """The plain text in lower case."""
        return self.plain.lower()

    @functools.cached_property
    def plain_lines(self) -> list[str]:
        """Lines as they stand, blank ones too."""
        return self.plain.split("\n")

    @functools.cached_property
    def _stripped(self) -> list[str]:
        """Lines, stripped, blank ones too."""
        return list(map(str.strip, self.plain_lines))

    @functools.cached_property
    def lines(self) -> list[str]:
        """Lines, stripped; blank ones are left out."""
        return list(filter(None, self._stripped))

    @functools.cached_property
    def paragraphs(self) -> list[str]:
        """Paragraphs: their lines, stripped, joined by a line feed."""
        if len(self.lines) == len(self._stripped):
            return ["\n".join(self.lines)]
        parts = "\n".join(self._stripped).split("\n\n")
        return list(filter(None, (part.strip("\n") for part in parts)))

    def words(self, splitter: Splitter = "whitespace", *, lowercase: bool = False) -> Words:
        """Return the words as the splitter sees them.

        Raises:
            ValueError: there is no such splitter.
        """
        key = (splitter, lowercase)
        if key not in self._words:
            self._words[key] = self._lower_cased(splitter) if lowercase else self._split(self.plain, splitter)
        return self._words[key]

    def _split(self, text: str, splitter: Splitter) -> Words:
        if splitter != "spacy-like" or len(text) > _PIECE_CHARACTERS:
            return _split(text, splitter)
        chunks = text.split()
        self._cut |= spacy_like.cut(set(chunks).difference(self._cut))
        return Compounds(chunks, self._cut)

    def _lower_cased(self, splitter: Splitter) -> Words:
        """Return the words of the lowered text: those of the text, lowered, where that is the same.

        It is not where case decides what a word is; a capital sigma is lowered by what stands around it, and
        of a dotted capital I a mark is left, which is no letter to every splitter.
        """
        apart = splitter == "whitespace" or not ("Σ" in self.plain or "İ" in self.plain)
        if splitter != "spacy-like" and apart:
            return LowerCased(self.words(splitter))
        return self._split(self.lowered, splitter)
