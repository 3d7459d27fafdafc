"""Signals of single sentences and paragraphs: the share that does not look like prose."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from curation.signals.registry import Pattern, signal
from curation.text.language import UNKNOWN, detect
from curation.text.parts import INNER_END
from curation.text.text import Text

_SPECIAL = re.compile(r"[\\.^$*+?{}\[\]|()]")  # characters that make a pattern more than a literal string
_MARKED = re.compile(r"\b[^.!?]+[.!?]*")


def sentences(text: Text) -> list[str]:
    r"""Return the sentences that `sentence_count` counts: stripped pieces of lines, with end marks.

    >>> sentences(Text("One. Two! three?\nA heading"))
    ['One.', 'Two! three?', 'A heading']
    """
    result = []
    for line in text.lines:
        start = 0
        for end in INNER_END.finditer(line):
            result.append(line[start : end.end()].rstrip())
            start = end.end()
        result.append(line[start:])
    return result


@signal
def marked_sentence_count(text: Text) -> float:
    """Pieces between full stops, exclamation and question marks with a letter, digit or underscore in them.

    Line feeds do not end a piece; "3.5" and "e.g." have two each. Source: RedPajama-V2's
    rps_doc_num_sentences.

    >>> marked_sentence_count(Text("One. Two! At 3.5 per cent"))
    4.0
    """
    return float(sum(1 for _ in _MARKED.finditer(text.plain)))


@signal
def phrase_paragraph_fraction(text: Text, *, phrases: tuple[str, ...], lowercase: bool = False) -> float:
    r"""Share of paragraphs that contain one of the phrases; 0.0 if there are no paragraphs.

    `lowercase` searches the lower-cased paragraphs, so the phrases must be in lower case. Source: NeMo
    Curator, BoilerPlateStringFilter, which splits paragraphs at two line feeds, empty ones included.

    >>> phrase_paragraph_fraction(Text("We use cookies.\n\nText."), phrases=("use cookies",))
    0.5
    """
    plain = text.lowered if lowercase else text.plain
    present = [phrase for phrase in phrases if phrase in plain]
    if not present:
        return 0.0
    paragraphs = list(map(str.lower, text.paragraphs)) if lowercase else text.paragraphs
    matching = sum(any(phrase in paragraph for phrase in present) for paragraph in paragraphs)
    return matching / max(len(paragraphs), 1)


@signal
def questionable_sentence_fraction(  # noqa: PLR0913  the paper's five checks are one number
    text: Text,
    *,
    one_language: bool = False,
    min_length: int = 0,
    max_length: int | None = None,
    list_words: int = 0,
    max_capitalized: float = 1.0,
    technical: str = "",
    max_technical: float = 1.0,
    patterns: tuple[Pattern, ...] = (),
) -> float:
    r"""Share of sentences that at least one check flags; 0.0 if there are none. Every check is an option.

    `one_language` flags sentences in another language than most (by CLD2; sentences of unknown language, or
    shorter than `min_length`, are ignored). `min_length` and `max_length` bound a sentence's characters.
    `max_capitalized` bounds the share of its words (by white space) that begin with a capital, if there are
    at least `list_words`. `max_technical` bounds the share of its characters that are in `technical`. A
    sentence that matches a regular expression in `patterns` is flagged.

    Source: Kudugunta et al. 2023 (MADLAD-400), section 2.3 and appendix A.2: document consistency, list case,
    abnormal lengths, technical characters and cursed regexes. The paper defines neither the sentence splitter
    nor tokens. DataMap (OLMo 3) splits at end marks before white space, not at line feeds, uses Unicode word
    boundaries and lengths in bytes, reads all but the last four of the cursed list as plain strings (so
    `Vol\.` never matches there), and checks list case and the cursed list only.

    >>> questionable_sentence_fraction(Text("Fine, this one. Short. 1 + 2 = 3"), min_length=7)
    0.3333333333333333
    """
    parts = sentences(text)
    if not parts:
        return 0.0
    literal = [pattern for pattern in patterns if not _SPECIAL.search(pattern)]
    present = [pattern for pattern in literal if pattern in text.plain]
    compiled = [re.compile(pattern) for pattern in patterns if _SPECIAL.search(pattern)]
    foreign = _other_language(parts, min_length) if one_language else [False] * len(parts)
    flagged = sum(
        other
        or len(part) < min_length
        or (max_length is not None and len(part) > max_length)
        or any(pattern in part for pattern in present)
        or sum(map(part.count, technical)) > max_technical * len(part)
        or _capitalized(part, max_capitalized, list_words)
        or any(pattern.search(part) for pattern in compiled)
        for part, other in zip(parts, foreign, strict=True)
    )
    return flagged / len(parts)


def _capitalized(sentence: str, max_fraction: float, min_words: int) -> bool:
    words = sentence.split()
    return len(words) >= min_words and sum(word[0].isupper() for word in words) > max_fraction * len(words)


def _other_language(parts: Sequence[str], min_length: int) -> list[bool]:
    """Return for every sentence whether its language is known and is not the most frequent one."""
    codes = [detect(part).code if len(part) >= min_length else UNKNOWN.code for part in parts]
    known = Counter(code for code in codes if code != UNKNOWN.code)
    main = known.most_common(1)[0][0] if known else UNKNOWN.code
    return [code not in (main, UNKNOWN.code) for code in codes]
