"""`Text`: a text and its parts, each computed once and shared by all signals."""

from __future__ import annotations

import functools
from collections import Counter

from curation.text.markdown import Form, readable
from curation.text.splitters import PIECE_CHARACTERS, Splitter, split
from curation.text.words import LowerCased, SplitChunks, Words


class Text:
    """A text and its parts. Every part is computed once, on first use.

    Signals read `plain`, not `raw`. Published rules count symbols, line ends and repeated lines in text
    without markup: in Markdown a heading would count as hash signs, a table row as a line without an end
    mark. A text of the form `plain` is read as it is.

    A *line* is the stripped text between line feeds; blank lines are left out. A *paragraph* is a run of
    lines without a blank line between them. What a *word* is, says a splitter
    (`curation.text.splitters`).

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

    def edited(self, text: str) -> Text:
        """Return the text after an edit."""
        return Text(text, self.form, before=self.raw, url=self.url)

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
        if splitter != "spacy-like" or len(text) > PIECE_CHARACTERS:
            return split(text, splitter)
        return SplitChunks(text.split())

    def _lowered_words(self, splitter: Splitter) -> Words:
        """Return the words of the text in lower case.

        Usually these are the lowered words. That fails if case decides where words end (`spacy-like`) and
        for two letters: a capital sigma depends on its context, a dotted capital I leaves a combining mark.
        """
        independent = splitter == "whitespace" or not ("Σ" in self.plain or "İ" in self.plain)
        if splitter != "spacy-like" and independent:
            return LowerCased(self.words(splitter))
        return self._split(self.lowered, splitter)
