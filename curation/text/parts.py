"""A text in lines, paragraphs or sentences, each with the white space after it: joined, they are the text."""

from __future__ import annotations

import itertools
import re
from typing import Literal

import regex

Unit = Literal["line", "paragraph", "sentence", "three_sentences"]
# Inside a line a sentence ends at an end mark, optional closing quotes or brackets and white space, unless a
# lower-case letter follows. In scripts without spaces it ends at the mark itself.
INNER_END = regex.compile(r"""[.!?…؟।]["'”’»)\]]*[^\S\n]+(?=[^\s\p{Ll}])|[。！？]["”’」』）]*(?=\S)""")


_BREAK = re.compile(r"\n(?:[^\S\n]*\n)+")


def parts(text: str, unit: Unit) -> list[str]:
    r"""Return the lines, paragraphs or sentences. A line feed ends a sentence.

    >>> parts("a\nb\n\nc", "line"), parts("a\nb\n\nc", "paragraph")
    (['a\n', 'b\n', '\n', 'c'], ['a\nb\n\n', 'c'])
    >>> parts("One. Two! three?\nA heading", "sentence")
    ['One. ', 'Two! three?\n', 'A heading']
    """
    if unit == "paragraph":
        ends = [0, *(match.end() for match in _BREAK.finditer(text))]
        pieces = [text[start:end] for start, end in itertools.pairwise(ends)]
        last = text[ends[-1] :]
    else:
        *whole, last = text.split("\n")
        pieces = [f"{line}\n" for line in whole]
    pieces += [last] if last else []
    return pieces if unit in ("line", "paragraph") else [part for line in pieces for part in _sentences(line)]


def _sentences(line: str) -> list[str]:
    ends = [0, *(match.end() for match in INNER_END.finditer(line)), len(line)]
    return [line[start:end] for start, end in itertools.pairwise(ends) if start < end]


def span_of(unit: Unit) -> int:
    """Return how many parts are compared at a time."""
    return 3 if unit == "three_sentences" else 1
