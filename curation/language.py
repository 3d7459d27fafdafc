"""The language of a text by CLD2: no model to download, 98 % right on 74 languages.

Below document, so that both the extraction (a column) and the signals (a rule) can ask it.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

_MAX_CHARACTERS = 2**18
#: CLD2 uses codes that ISO 639 has withdrawn.
_CODES = {"iw": "he", "jw": "jv", "in": "id", "mo": "ro", "ji": "yi", "sh": "sr", "no": "nb"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Language:
    """An ISO 639 code, "un" where unknown, and the fraction of the text's letters in that language, 0..1."""

    code: str
    fraction: float


UNKNOWN = Language(code="un", fraction=0.0)


def detect(text: str) -> Language:
    """Return the main language of a text's first 262,144 characters; never raises, same text same answer.

    >>> detect("The quick brown fox jumps over the lazy dog and runs away.").code
    'en'
    >>> detect("")
    Language(code='un', fraction=0.0)
    """
    import pycld2

    text = text[:_MAX_CHARACTERS]
    try:
        _, _, found = pycld2.detect(text.encode("utf-8", "replace"), isPlainText=True)
    except pycld2.error:
        # CLD2 refuses control characters, NUL and noncharacters: ask again without them.
        cleaned = "".join(map(_plain, text)).encode("utf-8", "replace")
        try:
            _, _, found = pycld2.detect(cleaned, isPlainText=True)
        except pycld2.error:
            return UNKNOWN
    _, code, percent, _ = found[0]
    if code == "un":
        return UNKNOWN
    base = code.split("-")[0]
    return Language(code=_CODES.get(base, base), fraction=percent / 100)


def _plain(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cn", "Cs", "Co"):
        return character
    return " "
