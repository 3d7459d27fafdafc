"""Edits that clean a text: its characters, its line feeds, its repeated parts, lines that match."""

from __future__ import annotations

import functools
import re
from typing import Literal

from curation.filters.registry import edit
from curation.signals.registry import Pattern
from curation.text.markdown import Form, readable
from curation.text.parts import Unit, parts, span_of
from curation.text.splitters import Splitter, words_in


@edit
def fix_unicode(
    text: str,
    *,
    normalization: Literal["NFC", "NFKC", "none"] = "NFC",
    uncurl_quotes: bool = False,
    unescape_html: bool = False,
) -> str:
    """Return the text with wrongly decoded characters restored, by ftfy.

    Also repaired: lone surrogates, control characters and terminal escapes, ligatures, half and full width
    forms, and line breaks, which become line feeds. Where ftfy's own defaults differ, they are options:
    straight quotes for curly ones, and entities of HTML (ftfy decodes them in a text without `<`).

    Source: NeMo Curator's UnicodeReformatter and datatrove's FTFYFormatter, both by ftfy (Speer 2019).

    >>> fix_unicode("The Mona Lisa doesnÃ¢â‚¬â„¢t have eyebrows.")
    'The Mona Lisa doesn’t have eyebrows.'
    """
    import ftfy  # imported only where a recipe asks for it

    config = ftfy.TextFixerConfig(
        normalization=None if normalization == "none" else normalization,
        uncurl_quotes=uncurl_quotes,
        unescape_html=unescape_html,
    )
    return ftfy.fix_text(text, config)


@edit
def cap_newlines(text: str, *, max_consecutive: int) -> str:
    r"""Return the text with runs of more than `max_consecutive` line feeds cut to that many.

    A line of white space ends a run. Source: DCLM's newline_removal_modifier (Li et al. 2024): 2.

    >>> cap_newlines("a\n\n\n\nb\nc", max_consecutive=2)
    'a\n\nb\nc'
    """
    if "\n" * (max_consecutive + 1) not in text:
        return text
    return re.sub(rf"\n{{{max_consecutive + 1},}}", "\n" * max_consecutive, text)


@edit
def drop_matching_lines(
    text: str,
    form: Form = "plain",
    *,
    patterns: tuple[Pattern, ...] = (),
    starts: tuple[str, ...] = (),
    ends: tuple[str, ...] = (),
    max_words: int | None = None,
    splitter: Splitter = "whitespace",
) -> str:
    r"""Return the text without lines that match a pattern, or that begin or end with a phrase.

    A pattern is a regular expression that may match anywhere in the line; `^` and `$` bind it. Phrases ignore
    case. Lines are looked at stripped; with `max_words` only lines of so many words (of `splitter`) go.
    Blank lines stay. In Markdown the markup is ignored.

    Source: DCLM's regex_line_modifier and substring_line_modifier (location prefix, suffix), which with
    `remove_substring_only: false` drop the line (Li et al. 2024; RefinedWeb, appendix G.2).

    >>> drop_matching_lines("Share this page\nProse.\n3 likes", patterns=(r"^\d+ likes$",), starts=("share",))
    'Prose.'
    """
    pattern = _either(patterns)
    first, last = (tuple(phrase.lower() for phrase in phrases) for phrases in (starts, ends))

    def goes(line: str) -> bool:
        if not line or (max_words is not None and len(words_in(line, splitter, max_words)) > max_words):
            return False
        lowered = line.lower()
        return lowered.startswith(first) or lowered.endswith(last) or bool(pattern and pattern.search(line))

    lines = zip(text.split("\n"), map(str.strip, readable(text, form).split("\n")), strict=True)
    return "\n".join(line for line, bare in lines if not goes(bare))


@functools.cache
def _either(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns)) if patterns else None


@edit
def drop_repeated(text: str, *, unit: Unit, min_characters: int = 1) -> str:
    r"""Return the text with one of every line, paragraph, sentence or span of three sentences: the first.

    They are compared without the white space around them, and only those of at least `min_characters` are.
    Spans of three sentences overlap: one that occurred before goes, but for sentences that belong to the
    first occurrence. Across documents the section `lines` does the same. Line feeds at the new end go too.

    Sources: C4 (Raffel et al. 2020, section 2.2): "all but one of any three-sentence span occurring more than
    once"; DCLM's line_dedup.

    >>> drop_repeated("Menu\nOne. Two.\nMenu\nOne. Three.", unit="line")
    'Menu\nOne. Two.\nOne. Three.'
    >>> drop_repeated("A one. B two. C three. D four. A one. B two. C three.", unit="three_sentences")
    'A one. B two. C three. D four. '
    """
    pieces, size = parts(text, unit), span_of(unit)
    keys = [piece.strip() for piece in pieces]
    first: dict[tuple[str, ...], int] = {}
    owned, repeated = set[int](), set[int]()
    for start in range(len(pieces) - size + 1):
        span = tuple(keys[start : start + size])
        if sum(map(len, span)) < max(1, min_characters):
            continue
        known = first.setdefault(span, start)
        if known < start:
            owned.update(range(known, known + size))
            repeated.update(range(start, start + size))
    if not (removed := repeated - owned):
        return text
    return "".join(piece for i, piece in enumerate(pieces) if i not in removed).rstrip("\n")
