"""Edits: pure functions from a text to a text. They hold no bounds: the recipe gives them."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable
from typing import Literal

from curation.filters.registry import edit
from curation.text.markdown import plain

_CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")


@edit
def remove_citations(text: str) -> str:
    """Return the text without encyclopedia marks: `[12]`, `[]`, `[edit]`, `[citation needed]`.

    Source: C4 as published in code (TensorFlow Datasets, `c4_utils`).

    >>> remove_citations("Sweden[1] is cold.[citation needed]")
    'Sweden is cold.'
    """
    return _CITATION.sub("", text) if "[" in text else text


@edit
def c4_lines(
    text: str,
    *,
    min_words: int,
    max_word_length: int,
    end_marks: tuple[str, ...],
    not_end_marks: tuple[str, ...],
    drop_phrases: tuple[str, ...],
) -> str:
    """Return the lines that look like prose, stripped, joined by line feeds; the others are left out.

    A line stays if it has at least `min_words` words (by white space), no word of more than
    `max_word_length` characters, ends with one of `end_marks` and none of `not_end_marks` (no `end_marks`:
    any end will do), and holds none of `drop_phrases`, which are lower case and sought in lower case.
    Marks of Markdown are not looked at: a table row ends where its last cell does.

    Source: Raffel et al. 2020, section 2.2, and its published code.
    """

    def looks_like_prose(line: str) -> bool:
        if end_marks and (not line.endswith(end_marks) or line.endswith(not_end_marks)):
            return False
        if min_words and len(line.split(None, min_words)) < min_words:
            return False
        return len(line) <= max_word_length or max(map(len, line.split())) <= max_word_length

    lines, read = list(map(str.strip, text.split("\n"))), plain(text)
    seen = lines if read is text else map(str.strip, read.split("\n"))
    kept = list(itertools.compress(lines, map(looks_like_prose, seen)))
    lowered = text.lower() if drop_phrases else ""
    if phrases := [phrase for phrase in drop_phrases if phrase in lowered]:
        kept = [line for line in kept if not any(phrase in line.lower() for phrase in phrases)]
    return "\n".join(kept)


@edit
def drop_lines(
    text: str,
    *,
    min_words: int = 0,
    max_uppercase_fraction: float = 1.0,
    max_digit_fraction: float = 1.0,
    counters: tuple[str, ...] = (),
) -> str:
    r"""Return the text without lines that look like headings, numbers or counters; blank lines stay.

    A line goes if it has fewer than `min_words` words (by white space), if more than `max_uppercase_fraction`
    of its characters are upper-case letters, or more than `max_digit_fraction` are digits (0.999999: all of
    them), or if it is a number and one of `counters` (in lower case: "likes" drops "3,201 Likes" and "12K
    likes"), whatever marks stand around it. Marks of Markdown are not looked at.

    Source: RefinedWeb (Penedo et al. 2023, appendix G.2, line-wise corrections), with bounds as DCLM-Baseline
    gives them (`dclm_baseline_refinedweb.yaml`).

    >>> drop_lines("2,019 likes\n\nA line of prose", counters=("likes",))
    '\nA line of prose'
    """
    counter = _counter(counters) if counters else None

    def goes(line: str) -> bool:
        return bool(
            len(line.split()) < min_words
            or (max_uppercase_fraction < 1 and _share(str.isupper, line) > max_uppercase_fraction)
            or (max_digit_fraction < 1 and _share(str.isdigit, line) > max_digit_fraction)
            or (counter and counter.fullmatch(line.lower()))
        )

    lines = zip(text.split("\n"), map(str.strip, plain(text).split("\n")), strict=True)
    return "\n".join(line for line, seen in lines if not seen or not goes(seen))


def _share(kind: Callable[[str], bool], line: str) -> float:
    return sum(map(kind, line)) / len(line)


@functools.cache
def _counter(things: tuple[str, ...]) -> re.Pattern[str]:
    names = "|".join(map(re.escape, things))
    return re.compile(rf"\W*\d[\d,.]*[kmb]?\s+(?:{names})\W*")


@edit
def cut_phrases(
    text: str, *, phrases: tuple[str, ...], max_words: int, at: Literal["start", "end", "anywhere"]
) -> str:
    r"""Return the text without the phrases where they stand at the given place of a line of few words.

    Only lines of at most `max_words` words (by white space) are looked at; case does not matter; white space
    around a line does not count, and one space between the phrase and the rest goes too. A line of which
    nothing is left goes.

    Source: RefinedWeb (Penedo et al. 2023, appendix G.2): "sign-in" at the start, "Read more..." at the end,
    "items in cart" anywhere, on lines of up to 10 words.

    >>> cut_phrases("Sign-in to go on\nsign-in\nThen read", phrases=("Sign-in",), max_words=10, at="start")
    'to go on\nThen read'
    """
    if not any(phrase.lower() in text.lower() for phrase in phrases):
        return text
    found = _phrase(phrases, at)
    kept = []
    for line in text.split("\n"):
        seen = line.strip()
        if len(seen.split()) > max_words or not found.search(seen):
            kept.append(line)
        elif rest := found.sub("", seen):
            kept.append(rest)
    return "\n".join(kept)


@functools.cache
def _phrase(phrases: tuple[str, ...], at: str) -> re.Pattern[str]:
    names = f"(?:{'|'.join(map(re.escape, phrases))})"
    place = {"start": rf"^{names}\s?", "end": rf"\s?{names}$", "anywhere": rf"\s?{names}"}
    return re.compile(place[at], re.IGNORECASE)
