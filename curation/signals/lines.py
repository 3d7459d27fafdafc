"""Signals of lines, paragraphs and sentences: how many, how they begin and end, how long they are."""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Literal

import regex

from curation.signals.registry import signal
from curation.text import spacy_like
from curation.text.text import Splitter, Text

# A sentence ends inside a line at a mark, perhaps closed by quotes or brackets, then white space, unless a
# lower-case letter goes on; in scripts without spaces at the mark itself.
INNER_END = regex.compile(r"""[.!?…؟।]["'”’»)\]]*[^\S\n]+(?=[^\s\p{Ll}])|[。！？]["”’」』）]*(?=\S)""")

# Words at which spaCy's sentencizer ends a sentence; it knows more, of scripts seldom met.
_END_MARKS = frozenset("!.?։؟۔।॥။።‼‽⁇⁈⁉⸮﹒﹖﹗！．？｡。")
_MARKS = re.escape("".join(sorted(_END_MARKS)))
# An end mark, what else is in its chunk, and the first character of the chunk after it on its line.
_MARKED = re.compile(rf"[{_MARKS}]\S*+(?=[^\S\n]*+(\S?))")
_CHUNK = re.compile(r"\S+")


@signal
def line_count(text: Text) -> float:
    """Lines that are not blank."""
    return float(len(text.lines))


@signal
def paragraph_count(text: Text) -> float:
    """Paragraphs: runs of lines with no blank line between them."""
    return float(len(text.paragraphs))


SentenceSplitter = Literal["marks", "spacy-like"]


@signal
def sentence_count(text: Text, *, splitter: SentenceSplitter = "marks") -> float:
    r"""Sentences: every line has at least one, and one more for each end of a sentence inside it.

    `marks` ends a sentence at an end mark before white space, unless a lower-case letter goes on, so that
    abbreviations before a capital ("Dr. Who") count. `spacy-like` ends it at a word that is an end mark, the
    marks after it included, as spaCy's sentencizer does: it knows some abbreviations, and does not look at
    case. C4's code has NLTK's punkt, datatrove spaCy's sentencizer; both count line by line.

    >>> sentence_count(Text("One. Two! three?\nA heading"))
    3.0
    >>> sentence_count(Text("One. Two! three?\nA heading"), splitter="spacy-like")
    4.0
    """
    if splitter == "marks":
        return float(len(text.lines) + len(INNER_END.findall("\n".join(text.lines))))
    return float(len(text.lines) + _sentence_ends(text.plain))


def _sentence_ends(text: str) -> int:
    """Return how many words begin a sentence that is not the first of its line.

    Only chunks with an end mark are cut into words, and what follows one is looked at until it begins one.
    """
    ends, ended, place = 0, False, 0
    for found in _MARKED.finditer(text):
        before, place = text[place : found.start()], found.end()
        head = before.rsplit(None, 1)[-1] if before and not before[-1].isspace() else ""
        for word in spacy_like.split_chunk(head + found[0]):
            if word in _END_MARKS:
                ended = True
            elif ended and not _is_punctuation(word):
                ends, ended = ends + 1, False
        if ended and (not found[1] or found[1].isalnum()):
            ends, ended = ends + bool(found[1]), False
        elif ended:
            begins, ended = _begins(text, found.start(1))
            ends += begins
    return ends


def _begins(text: str, place: int) -> tuple[bool, bool]:
    """Return whether the chunks from a place on begin a sentence, and whether a marked one has to say so."""
    while True:
        chunk = _CHUNK.match(text, place)
        if chunk is None:
            return False, False  # the line is at an end
        if not _END_MARKS.isdisjoint(chunk[0]):
            return False, True
        if not _is_punctuation(chunk[0]):
            return True, False
        place = chunk.end()
        while place < len(text) and text[place] != "\n" and text[place].isspace():
            place += 1


def _is_punctuation(word: str) -> bool:
    return all(unicodedata.category(character)[0] == "P" for character in word)


@signal
def mean_line_length(text: Text) -> float:
    """Mean characters of a line that is not blank, stripped; 0.0 where there are none."""
    return sum(map(len, text.lines)) / len(text.lines) if text.lines else 0.0


#: Which lines of nothing but white space are lines: none, those that are not empty, all.
Blank = Literal["none", "spaces", "all"]


def lines_of(text: Text, *, stripped: bool, blank: Blank = "none") -> list[str]:
    """Return a text's lines: stripped or as they stand, with the given ones of its blank lines."""
    if stripped and blank == "none":
        return text.lines
    lines = text.plain_lines
    if blank != "all":
        lines = [line for line in lines if line and (blank == "spaces" or not line.isspace())]
    return list(map(str.strip, lines)) if stripped else lines


@signal
def line_start_fraction(
    text: Text, *, starts: tuple[str, ...], blank: bool = False, stripped: bool = True
) -> float:
    r"""Share of lines that start with one of the given strings; 0.0 where there are no lines.

    Lines are looked at `stripped` of white space; blank lines are no lines, or, with `blank`, lines too. Rae
    et al. 2021, appendix A.1.1: at most 0.9 "starting with a bullet point". Implementations differ in the
    bullets; datatrove and Dolma count blank lines, and Dolma does not strip them.

    >>> line_start_fraction(Text("- one\n  - two\n-three"), starts=("- ",))
    0.6666666666666666
    """
    lines = lines_of(text, stripped=stripped, blank="all" if blank else "none")
    return sum([line.startswith(starts) for line in lines]) / len(lines) if lines else 0.0


@signal
def line_ending_fraction(
    text: Text, *, endings: tuple[str, ...], blank: bool = False, stripped: bool = True
) -> float:
    """Share of lines that end with one of the given strings; 0.0 where there are no lines.

    `blank` and `stripped` as for `line_start_fraction`. Rae et al. 2021, appendix A.1.1: at most 0.3 "ending
    with an ellipsis" (datatrove and Dolma count blank lines; Dolma knows only "…" and does not strip, DCLM
    also ". . ."). Penedo et al. 2024 (FineWeb), section 3.6: at least 0.12 ending in punctuation, blank lines
    left out (datatrove does not strip).
    """
    lines = lines_of(text, stripped=stripped, blank="all" if blank else "none")
    if not lines:
        return 0.0
    marks, longer = _by_length(endings)
    ending = sum(map(marks.__contains__, [line[-1:] for line in lines]))
    if longer:
        ending += sum(line.endswith(longer) for line in lines if line[-1:] not in marks)
    return ending / len(lines)


@functools.cache
def _by_length(endings: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the endings of one character, which a set finds, and the others."""
    marks = frozenset(ending for ending in endings if len(ending) == 1)
    return marks, tuple(ending for ending in endings if len(ending) != 1)


@signal
def short_line_fraction(text: Text, *, length: int, stripped: bool = True) -> float:
    """Share of non-blank lines of at most `length` characters; 0.0 where there are no lines.

    Penedo et al. 2024 (FineWeb), section 3.6: at most 0.67 of 30 characters (datatrove does not strip).
    """
    lines = lines_of(text, stripped=stripped)
    return sum([len(line) <= length for line in lines]) / len(lines) if lines else 0.0


@signal
def newline_word_ratio(text: Text, *, splitter: Splitter = "whitespace", blank: bool = True) -> float:
    r"""Line feeds over words (over 1 where there are none); `blank: false` leaves blank lines out.

    Texts whose paragraphs are set apart by a blank line have twice the line feeds of texts where they are
    not: with `blank: false` both measure the same. Penedo et al. 2024 (FineWeb), section 3.6: at most 0.3;
    the published code counts every line feed.

    >>> newline_word_ratio(Text("a b\n\nc d")), newline_word_ratio(Text("a b\n\nc d"), blank=False)
    (0.5, 0.25)
    """
    feeds = text.plain.count("\n") if blank else max(len(text.lines) - 1, 0)
    return feeds / max(text.words(splitter).count, 1)
