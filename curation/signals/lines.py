"""Signals of lines, paragraphs and sentences: their number, length, beginnings and endings."""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Literal

from curation.signals.registry import signal
from curation.text import spacy_like
from curation.text.parts import INNER_END
from curation.text.splitters import Splitter
from curation.text.text import Text

# Words at which spaCy's sentencizer ends a sentence, without those of rare scripts.
_END_MARKS = frozenset("!.?։؟۔।॥။።‼‽⁇⁈⁉⸮﹒﹖﹗！．？｡。")
_MARKS = re.escape("".join(sorted(_END_MARKS)))
# An end mark, the rest of its chunk, and the first character of the next chunk on the line.
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
    r"""Sentences: one per line, and one more for every sentence end inside a line.

    `marks` ends a sentence at an end mark before white space, unless a lower-case letter follows.
    Abbreviations before a capital ("Dr. Who") therefore count as ends. `spacy-like` ends it after a word that
    is an end mark and the marks behind it, like spaCy's sentencizer, which knows some abbreviations and
    ignores case. C4's code uses NLTK's punkt, datatrove spaCy's sentencizer; both count line by line.

    >>> sentence_count(Text("One. Two! three?\nA heading"))
    3.0
    >>> sentence_count(Text("One. Two! three?\nA heading"), splitter="spacy-like")
    4.0
    """
    if splitter == "marks":
        return float(len(text.lines) + len(INNER_END.findall("\n".join(text.lines))))
    return float(len(text.lines) + _sentence_ends(text.plain))


def _sentence_ends(text: str) -> int:
    """Return the number of sentences that are not the first of their line.

    Only chunks with an end mark are split into words; the chunks after one are read until a sentence begins.
    """
    ends, ended, position = 0, False, 0
    for match in _MARKED.finditer(text):
        before, position = text[position : match.start()], match.end()
        head = before.rsplit(None, 1)[-1] if before and not before[-1].isspace() else ""
        chunk = head + match[0]
        inner, ended = _inner_ends(chunk, True) if ended else _INNER_ENDS[chunk]
        ends += inner
        if ended and (not match[1] or match[1].isalnum()):
            ends, ended = ends + bool(match[1]), False
        elif ended:
            begins, ended = _begins(text, match.start(1))
            ends += begins
    return ends


def _inner_ends(chunk: str, ended: bool) -> tuple[int, bool]:
    """Return how many sentences begin in a chunk, and whether one has ended before what follows it.

    `ended`: whether one ended before the chunk.
    """
    ends = 0
    for word in spacy_like.split_chunk(chunk):
        if word in _END_MARKS:
            ended = True
        elif ended and not _is_punctuation(word):
            ends, ended = ends + 1, False
    return ends, ended


class _InnerEnds(dict[str, tuple[int, bool]]):
    """Chunk -> what `_inner_ends` says of it where none ended before."""

    def __missing__(self, chunk: str) -> tuple[int, bool]:
        ends = _inner_ends(chunk, False)
        if len(chunk) <= _LONGEST_CACHED:
            if len(self) >= _MOST_CACHED:
                self.clear()
            self[chunk] = ends
        return ends


_LONGEST_CACHED, _MOST_CACHED = 40, 1 << 16
_INNER_ENDS = _InnerEnds()


def _begins(text: str, position: int) -> tuple[bool, bool]:
    """Return whether a sentence begins at `position`, and whether a chunk with an end mark has to decide."""
    while True:
        chunk = _CHUNK.match(text, position)
        if chunk is None:
            return False, False  # end of the line
        if not _END_MARKS.isdisjoint(chunk[0]):
            return False, True
        if not _is_punctuation(chunk[0]):
            return True, False
        position = chunk.end()
        while position < len(text) and text[position] != "\n" and text[position].isspace():
            position += 1


def _is_punctuation(word: str) -> bool:
    return all(unicodedata.category(character)[0] == "P" for character in word)


@signal
def mean_line_length(text: Text) -> float:
    """Mean characters of a stripped line, without blank lines; 0.0 if there are no lines."""
    return sum(map(len, text.lines)) / len(text.lines) if text.lines else 0.0


#: Which blank lines count as lines: none, those with white space in them, all.
Blank = Literal["none", "spaces", "all"]


def lines_of(text: Text, *, stripped: bool, blank: Blank = "none") -> list[str]:
    """Return the lines of a text, stripped or unchanged, with the blank lines that `blank` selects."""
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
    r"""Share of lines that start with one of the given strings; 0.0 if there are no lines.

    Lines are `stripped` of white space first. Blank lines count only with `blank`. Rae et al. 2021, appendix
    A.1.1: at most 0.9 "starting with a bullet point". Implementations differ in the bullets; datatrove and
    Dolma count blank lines, and Dolma does not strip.

    >>> line_start_fraction(Text("- one\n  - two\n-three"), starts=("- ",))
    0.6666666666666666
    """
    lines = lines_of(text, stripped=stripped, blank="all" if blank else "none")
    return sum([line.startswith(starts) for line in lines]) / len(lines) if lines else 0.0


@signal
def line_ending_fraction(
    text: Text, *, endings: tuple[str, ...], blank: bool = False, stripped: bool = True
) -> float:
    """Share of lines that end with one of the given strings; 0.0 if there are no lines.

    `blank` and `stripped`: see `line_start_fraction`. Rae et al. 2021, appendix A.1.1: at most 0.3 "ending
    with an ellipsis" (datatrove and Dolma count blank lines; Dolma accepts only "…" and does not strip, DCLM
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
    """Return the endings of one character, as a set, and the longer ones."""
    marks = frozenset(ending for ending in endings if len(ending) == 1)
    return marks, tuple(ending for ending in endings if len(ending) != 1)


@signal
def short_line_fraction(text: Text, *, length: int, stripped: bool = True) -> float:
    """Share of non-blank lines with at most `length` characters; 0.0 if there are no lines.

    Penedo et al. 2024 (FineWeb), section 3.6: at most 0.67 of 30 characters (datatrove does not strip).
    """
    lines = lines_of(text, stripped=stripped)
    return sum([len(line) <= length for line in lines]) / len(lines) if lines else 0.0


@signal
def newline_word_ratio(text: Text, *, splitter: Splitter = "whitespace", blank: bool = True) -> float:
    r"""Line feeds over words (over 1 if there are no words); `blank: false` leaves blank lines out.

    Text with a blank line between paragraphs has twice as many line feeds as text without. With `blank:
    false` both measure the same. Penedo et al. 2024 (FineWeb), section 3.6: at most 0.3; the published code
    counts every line feed.

    >>> newline_word_ratio(Text("a b\n\nc d")), newline_word_ratio(Text("a b\n\nc d"), blank=False)
    (0.5, 0.25)
    """
    feeds = text.plain.count("\n") if blank else max(len(text.lines) - 1, 0)
    return feeds / max(text.words(splitter).count, 1)
