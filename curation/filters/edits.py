"""Edits: pure functions from a text to a text. Bounds are options, set by the recipe."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable
from typing import Literal

from curation.filters.registry import edit
from curation.text.markdown import Form, readable
from curation.text.splitters import Splitter, words_in

_CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")


@edit
def remove_citations(text: str) -> str:
    """Return the text without Wikipedia marks: `[12]`, `[]`, `[edit]`, `[citation needed]`.

    Source: C4's published code (TensorFlow Datasets, `c4_utils`).

    >>> remove_citations("Sweden[1] is cold.[citation needed]")
    'Sweden is cold.'
    """
    return _CITATION.sub("", text) if "[" in text else text


@edit
def c4_lines(  # noqa: PLR0913  they are options of a recipe
    text: str,
    form: Form = "plain",
    *,
    min_words: int,
    max_word_length: int,
    end_marks: tuple[str, ...],
    not_end_marks: tuple[str, ...],
    drop_phrases: tuple[str, ...],
    splitter: Splitter = "whitespace",
) -> str:
    """Return the lines that look like prose, stripped and joined by line feeds.

    A line is kept if it has at least `min_words` words (of `splitter`), no word of more than
    `max_word_length` characters, ends with one of `end_marks` and none of `not_end_marks` (no `end_marks`:
    any ending), and contains none of `drop_phrases`. Phrases are given in lower case and compared with the
    lower-cased line. In Markdown the markup is ignored: a table row ends with its last cell.

    Source: Raffel et al. 2020, section 2.2, and its published code.
    """

    def looks_like_prose(line: str) -> bool:
        if end_marks and (not line.endswith(end_marks) or line.endswith(not_end_marks)):
            return False
        if min_words and len(words_in(line, splitter, min_words)) < min_words:
            return False
        return len(line) <= max_word_length or max(map(len, words_in(line, splitter))) <= max_word_length

    lines, unmarked = list(map(str.strip, text.split("\n"))), readable(text, form)
    plain_lines = lines if unmarked is text else map(str.strip, unmarked.split("\n"))
    if end_marks or min_words or len(max(lines, key=len)) > max_word_length:
        lines = list(itertools.compress(lines, map(looks_like_prose, plain_lines)))
    lowered = text.lower() if drop_phrases else ""
    if phrases := [phrase for phrase in drop_phrases if phrase in lowered]:
        lines = [line for line in lines if not any(phrase in line.lower() for phrase in phrases)]
    return "\n".join(lines)


@edit
def drop_lines(
    text: str,
    form: Form = "plain",
    *,
    min_words: int = 0,
    max_uppercase_fraction: float = 1.0,
    max_digit_fraction: float = 1.0,
    counters: tuple[str, ...] = (),
    splitter: Splitter = "whitespace",
) -> str:
    r"""Return the text without lines that look like headings, numbers or counters; blank lines stay.

    A line is dropped if it has fewer than `min_words` words (of `splitter`), if more than
    `max_uppercase_fraction` of its characters are upper-case letters, if more than `max_digit_fraction` are
    digits (0.999999: all of them), or if it is a number and one of `counters`, with any marks around it
    (counters are in lower case: "likes" drops "3,201 Likes" and "12K likes"). In Markdown the markup is
    ignored.

    Source: RefinedWeb (Penedo et al. 2023, appendix G.2, line-wise corrections), with bounds as DCLM-Baseline
    gives them (`dclm_baseline_refinedweb.yaml`).

    >>> drop_lines("2,019 likes\n\nA line of prose", counters=("likes",))
    '\nA line of prose'
    """
    counter = _counter(counters) if counters else None

    def is_noise(line: str) -> bool:
        return bool(
            (min_words and len(words_in(line, splitter, min_words)) < min_words)
            or (max_uppercase_fraction < 1 and _fraction(str.isupper, line) > max_uppercase_fraction)
            or (max_digit_fraction < 1 and _fraction(str.isdigit, line) > max_digit_fraction)
            or (counter and counter.fullmatch(line.lower()))
        )

    lines = zip(text.split("\n"), map(str.strip, readable(text, form).split("\n")), strict=True)
    return "\n".join(line for line, bare in lines if not bare or not is_noise(bare))


def _fraction(kind: Callable[[str], bool], line: str) -> float:
    return sum(map(kind, line)) / len(line)


@functools.cache
def _counter(names: tuple[str, ...]) -> re.Pattern[str]:
    either = "|".join(map(re.escape, names))
    return re.compile(rf"\W*\d[\d,.]*[kmb]?\s+(?:{either})\W*")


@edit
def cut_phrases(
    text: str,
    *,
    phrases: tuple[str, ...],
    max_words: int,
    at: Literal["start", "end", "anywhere"],
    splitter: Splitter = "whitespace",
) -> str:
    r"""Return the text without the phrases at the start, at the end or anywhere in short lines.

    Only lines of at most `max_words` words (of `splitter`) are changed. Case and white space around a line
    are ignored. One space between the phrase and the rest is removed too, and so is a line that becomes
    empty.

    Source: RefinedWeb (Penedo et al. 2023, appendix G.2): "sign-in" at the start, "Read more..." at the end,
    "items in cart" anywhere, on lines of up to 10 words.

    >>> cut_phrases("Sign-in to go on\nsign-in\nThen read", phrases=("Sign-in",), max_words=10, at="start")
    'to go on\nThen read'
    """
    if not any(phrase.lower() in text.lower() for phrase in phrases):
        return text
    pattern = _phrase(phrases, at)
    kept = []
    for line in text.split("\n"):
        stripped = line.strip()
        if not pattern.search(stripped) or len(words_in(stripped, splitter, max_words)) > max_words:
            kept.append(line)
        elif rest := pattern.sub("", stripped):
            kept.append(rest)
    return "\n".join(kept)


@functools.cache
def _phrase(phrases: tuple[str, ...], at: str) -> re.Pattern[str]:
    either = f"(?:{'|'.join(map(re.escape, phrases))})"
    patterns = {"start": rf"^{either}\s?", "end": rf"\s?{either}$", "anywhere": rf"\s?{either}"}
    return re.compile(patterns[at], re.IGNORECASE)
