"""`Text`: a text and its parts, each computed once and shared by all signals."""

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
from curation.text.markdown import Form, readable
from curation.text.words import LowerCased, SplitChunks, Words

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
_PIECE_CHARACTERS = 1 << 20  # of a text split at once: a word costs about 60 bytes until it is numbered
_LONGEST_PIECE_CHARACTERS = 1 << 21  # limit for splitters that may cut anywhere


def _pieces(text: str, *, longest: int = sys.maxsize) -> Iterator[str]:
    """Yield pieces of a text, cut before white space, or after `longest` characters if there is none."""
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
        names = ", ".join(get_args(Splitter))
        raise ValueError(f"no word splitter named '{splitter}'; known: {names}")
    split = _SPLITTERS[splitter]
    if len(text) <= _PIECE_CHARACTERS:
        return Words.of(split(text))
    longest = _LONGEST_PIECE_CHARACTERS if splitter == "spacy-like" else sys.maxsize
    return Words(lambda: map(split, _pieces(text, longest=longest)))


class Text:
    """A text and its parts. Every part is computed once, on first use.

    Signals read `plain`, not `raw`. Published rules count symbols, line ends and repeated lines in text
    without markup: in Markdown a heading would count as hash signs, a table row as a line without an end
    mark. A text of the form `plain` is read as it is.

    A *line* is the stripped text between line feeds; blank lines are left out. A *paragraph* is a run of
    lines without a blank line between them. Published rules disagree about what a *word* is, so every
    splitter has a name:

    - `whitespace` splits at white space.
    - `alphanumeric` takes runs of letters, marks and digits, with inner apostrophes. In scripts without
      spaces every letter is a word.
    - `unicode` is the same, but every other visible character is a word too.
    - `spacy-like` splits English by spaCy's rules.
    - `wordpunct` takes runs of letters, digits and underscores, and runs of other visible characters, like
      NLTK's WordPunctTokenizer.
    - `unpunctuated` deletes ASCII punctuation, then splits at white space.

    >>> Text("It's 5 o'clock.").words("alphanumeric").vocabulary
    ["It's", '5', "o'clock"]
    """

    def __init__(self, raw: str, form: Form = "plain", *, before: str | None = None, url: str = "") -> None:
        """Take the text, its form, its version before the edits of a pass (None: none) and its URL."""
        self.raw = raw
        self.form = form
        self.before = before
        self.url = url
        self._words: dict[tuple[Splitter, bool], Words] = {}
        self._chunks: dict[str, tuple[str, ...]] = {}

    def edited(self, text: str) -> Text:
        """Return the text after an edit; it shares the split chunks, since most words stay."""
        after = Text(text, self.form, before=self.raw, url=self.url)
        after._chunks = self._chunks
        return after

    @functools.cached_property
    def plain(self) -> str:
        """The text; Markdown without its markup."""
        return readable(self.raw, self.form)

    @functools.cached_property
    def characters(self) -> Counter[str]:
        """Counts of the characters of the raw text."""
        return Counter(self.raw)

    @functools.cached_property
    def lowered(self) -> str:
        """The plain text in lower case."""
        return self.plain.lower()

    @functools.cached_property
    def plain_lines(self) -> list[str]:
        """Unstripped lines, with blank ones."""
        return self.plain.split("\n")

    @functools.cached_property
    def _stripped(self) -> list[str]:
        """Stripped lines, with blank ones."""
        return list(map(str.strip, self.plain_lines))

    @functools.cached_property
    def lines(self) -> list[str]:
        """Stripped lines, without blank ones."""
        return list(filter(None, self._stripped))

    @functools.cached_property
    def paragraphs(self) -> list[str]:
        """Paragraphs: stripped lines joined by line feeds."""
        if len(self.lines) == len(self._stripped):
            return ["\n".join(self.lines)]
        parts = "\n".join(self._stripped).split("\n\n")
        return list(filter(None, (part.strip("\n") for part in parts)))

    def words(self, splitter: Splitter = "whitespace", *, lowercase: bool = False) -> Words:
        """Return the words by a splitter.

        Raises:
            ValueError: there is no such splitter.
        """
        key = (splitter, lowercase)
        if key not in self._words:
            self._words[key] = (
                self._lowered_words(splitter) if lowercase else self._split(self.plain, splitter)
            )
        return self._words[key]

    def _split(self, text: str, splitter: Splitter) -> Words:
        if splitter != "spacy-like" or len(text) > _PIECE_CHARACTERS:
            return _split(text, splitter)
        chunks = text.split()
        self._chunks |= spacy_like.split_chunks(set(chunks).difference(self._chunks))
        return SplitChunks(chunks, self._chunks)

    def _lowered_words(self, splitter: Splitter) -> Words:
        """Return the words of the text in lower case.

        Usually these are the lowered words. That fails if case decides where words end (`spacy-like`) and
        for two letters: a capital sigma depends on its context, a dotted capital I leaves a combining mark.
        """
        independent = splitter == "whitespace" or not ("Σ" in self.plain or "İ" in self.plain)
        if splitter != "spacy-like" and independent:
            return LowerCased(self.words(splitter))
        return self._split(self.lowered, splitter)
