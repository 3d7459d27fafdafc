"""Decimal digits of every script as ASCII digits, at the same offsets."""

from __future__ import annotations

import functools
import sys
import unicodedata

import numpy as np
import numpy.typing as npt

#: Fullwidth signs in numbers, and the minus sign: only a text with other digits is changed, so that one in
#: ASCII digits is searched as it is written.
_SIGNS = str.maketrans("\uff0b\uff0d\u2212\uff08\uff09\uff0e\uff0f\u3000", "+--()./ ")
_PART_CHARACTERS = 1 << 20  # looked up at a time, four bytes each
_ENCODING, _SURROGATES = "utf-32-le", "surrogatepass"


@functools.cache
def _table() -> npt.NDArray[np.uint8]:
    """Return for every code point the ASCII digit it is written as, 0 for what is no digit (Unicode's Nd)."""
    table = np.zeros(sys.maxunicode + 1, np.uint8)
    for code in range(0x80, sys.maxunicode + 1):
        value = unicodedata.decimal(chr(code), None)
        if value is not None:
            table[code] = ord("0") + int(value)
    return table


def ascii_digits(text: str) -> str:
    """Return the text with the digits of all scripts as ASCII digits; every character keeps its offset.

    A text with such digits gets ASCII signs for fullwidth ones too, `+-()./` and the space.

    >>> ascii_digits("هاتف: ٠٥٠-١٢٣"), ascii_digits("＋８１（３）"), ascii_digits("十二 ² （3）")
    ('هاتف: 050-123', '+81(3)', '十二 ² （3）')
    """
    if text.isascii():
        return text
    parts, changed = [], False
    for start in range(0, len(text), _PART_CHARACTERS):
        part = text[start : start + _PART_CHARACTERS]
        codes = np.frombuffer(part.encode(_ENCODING, _SURROGATES), "<u4")
        digits = _table()[codes]
        if digits.any():
            changed = True
            part = np.where(digits > 0, digits, codes).astype("<u4").tobytes().decode(_ENCODING, _SURROGATES)
        parts.append(part)
    return "".join(parts).translate(_SIGNS) if changed else text
