"""Signals of sentences and paragraphs one by one: how many of them look like something other than prose."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from curation.signals.lines import INNER_END
from curation.signals.registry import Pattern, signal
from curation.text.language import UNKNOWN, detect
from curation.text.text import Text

_SPECIAL = re.compile(r"[\\.^$*+?{}\[\]|()]")  # what makes a regular expression more than a string
_MARKED = re.compile(r"\b[^.!?]+[.!?]*")


def sentences(text: Text) -> list[str]:
    r"""Return the sentences that `sentence_count` counts, stripped: pieces of lines, end marks included.

    >>> sentences(Text("One. Two! three?\nA heading"))
    ['One.', 'Two! three?', 'A heading']
    """
    found = []
    for line in text.lines:
        start = 0
        for end in INNER_END.finditer(line):
            found.append(line[start : end.end()].rstrip())
            start = end.end()
        found.append(line[start:])
    return found


@signal
def marked_sentence_count(text: Text) -> float:
    """Stretches between full stops, exclamation and question marks that hold a letter, digit or underscore.

    Lines do not end them; "3.5" and "e.g." hold two each. Source: RedPajama-V2's rps_doc_num_sentences.

    >>> marked_sentence_count(Text("One. Two! At 3.5 per cent"))
    4.0
    """
    return float(sum(1 for _ in _MARKED.finditer(text.plain)))


@signal
def phrase_paragraph_fraction(text: Text, *, phrases: tuple[str, ...], lowercase: bool = False) -> float:
    r"""Share of paragraphs that hold one of the phrases; 0.0 where there are no paragraphs.

    `lowercase` looks in the lower-cased paragraphs, so the phrases have to be in lower case. Source: NeMo
    Curator, BoilerPlateStringFilter, whose paragraphs are what stands between two line feeds, empty or not.

    >>> phrase_paragraph_fraction(Text("We use cookies.\n\nText."), phrases=("use cookies",))
    0.5
    """
    whole = text.lowered if lowercase else text.plain
    present = [phrase for phrase in phrases if phrase in whole]
    if not present:
        return 0.0
    found = [each.lower() if lowercase else each for each in text.paragraphs]
    return sum(any(phrase in each for phrase in present) for each in found) / max(len(found), 1)


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
    r"""Share of sentences that at least one check flags; 0.0 where there are none. No option, no check.

    `one_language` flags sentences in another language than most are in (by CLD2; those it cannot tell, or
    shorter than `min_length`, are in none). `min_length` and `max_length` bound a sentence's characters.
    `max_capitalized` bounds the share of its words (by white space) that begin with a capital, where it has
    `list_words` or more; `max_technical` the share of its characters that are among `technical`. A sentence
    in which one of the regular expressions in `patterns` matches is flagged.

    Source: Kudugunta et al. 2023 (MADLAD-400), section 2.3 and appendix A.2: document consistency, list case,
    abnormal lengths, technical characters and cursed regexes. The paper names neither the sentence splitter
    nor what a token is. DataMap (OLMo 3) cuts at end marks before white space, not at line feeds, takes words
    by Unicode's bounds and lengths in bytes, reads all but the last four of the cursed list as plain strings
    (so that `Vol\.` never matches there), and runs list case and the cursed list only.

    >>> questionable_sentence_fraction(Text("Fine, this one. Short. 1 + 2 = 3"), min_length=7)
    0.3333333333333333
    """
    found = sentences(text)
    if not found:
        return 0.0
    literal = [pattern for pattern in patterns if not _SPECIAL.search(pattern)]
    present = [pattern for pattern in literal if pattern in text.plain]
    compiled = [re.compile(pattern) for pattern in patterns if _SPECIAL.search(pattern)]
    strange = _other_language(found, min_length) if one_language else [False] * len(found)
    flagged = sum(
        other
        or len(each) < min_length
        or (max_length is not None and len(each) > max_length)
        or any(pattern in each for pattern in present)
        or sum(map(each.count, technical)) > max_technical * len(each)
        or _capitalized(each, max_capitalized, list_words)
        or any(pattern.search(each) for pattern in compiled)
        for each, other in zip(found, strange, strict=True)
    )
    return flagged / len(found)


def _capitalized(sentence: str, most: float, min_words: int) -> bool:
    words = sentence.split()
    return len(words) >= min_words and sum(word[0].isupper() for word in words) > most * len(words)


def _other_language(found: Sequence[str], min_length: int) -> list[bool]:
    """Return for each sentence whether it is in a language, and not in the one that most are in."""
    codes = [detect(each).code if len(each) >= min_length else UNKNOWN.code for each in found]
    known = Counter(code for code in codes if code != UNKNOWN.code)
    main = known.most_common(1)[0][0] if known else UNKNOWN.code
    return [code not in (main, UNKNOWN.code) for code in codes]
