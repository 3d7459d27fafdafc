"""What counts as a letter of a word: one table over all of Unicode, and the text as code points.

A text is compared as it reads, not as it was typed. It is composed (NFC) and case folded, invisible
characters, and the vowel marks of Arabic and Hebrew, are removed, and everything that is not a letter,
mark or number is a separator. In scripts written without spaces every letter is a word by itself;
otherwise a whole Chinese or Thai paragraph would be one word and no two pages could share a shingle.
"""

from __future__ import annotations

import functools
import itertools
import unicodedata

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Points = npt.NDArray[np.uint32]
Offsets = npt.NDArray[np.int64]

#: An entry of `table` is the folded code point with these marks above its 21 bits; 0 is a separator.
POINT = np.uint32((1 << 21) - 1)
ALONE = np.uint32(1 << 24)  # a word by itself
INVISIBLE = np.uint32(1 << 25)  # to be taken out: soft hyphen, joiners, direction and vowel marks
DOUBLED = np.uint32(1 << 26)  # to be written twice: sharp s folds to ss
UNSETTLED = np.uint32(1 << 27)  # folding this one is more than code point to code point: ask Python
MARK = np.uint32(1 << 28)  # composition may move or merge this one: ask whether the text is composed

#: Scripts written without spaces between words, by block: Han with its radicals and marks, kana,
#: bopomofo, Thai, Lao, Myanmar, Khmer, Tai Le, New Tai Lue, Tai Tham, Balinese, Javanese.
_NO_SPACES = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x1950, 0x19FF),
    (0x1A20, 0x1AAF),
    (0x1B00, 0x1B7F),
    (0x2E80, 0x2FDF),
    (0x3005, 0x312F),
    (0x31A0, 0x31BF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xA980, 0xA9FF),
    (0xAA60, 0xAA7F),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),
    (0x1AFF0, 0x1B16F),
    (0x20000, 0x3FFFF),
)
#: Characters without a shape of their own (most of Default_Ignorable_Code_Point, UAX #44). U+200B, the
#: zero-width space, is not among them: it marks the end of a word in Khmer and Thai.
_INVISIBLE = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x180B, 0x180F),
    (0x200C, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xE0000, 0xE0FFF),
)
#: What Arabic and Hebrew write or leave out at will: vowel marks, and the tatweel that widens a word. Hamza
#: and madda above a letter make another letter, so they stay. datatrove's keys lack every mark, Lucene's
#: ArabicNormalizer takes out tatweel and the marks from fathatan to sukun.
_OPTIONAL = (
    (0x0591, 0x05BD),
    (0x05BF, 0x05BF),
    (0x05C1, 0x05C2),
    (0x05C4, 0x05C5),
    (0x05C7, 0x05C7),
    (0x0610, 0x061A),
    (0x0640, 0x0640),
    (0x064B, 0x0652),
    (0x0656, 0x065F),
    (0x0670, 0x0670),
    (0x06D6, 0x06DC),
    (0x06DF, 0x06E4),
    (0x06E7, 0x06E8),
    (0x06EA, 0x06ED),
)
_LAST_CASED = 0x20000  # no character above has a case or a canonical composition
_LAST_LETTER = 0x40000  # no letter is assigned above


@functools.cache
def ascii_table() -> Bytes:
    """Return byte -> lower-cased byte, 0 for a separator; for bytes below 128.

    >>> ascii_table()[list(b"A-z_9")].tolist() == [ord("a"), 0, ord("z"), 0, ord("9")]
    True
    """
    letters = [ord(chr(b).lower()) if chr(b).isalnum() else 0 for b in range(128)]
    return np.array(letters + [0] * 128, np.uint8)


@functools.cache
def table() -> Points:
    """Return code point -> folded code point with its marks, 0 for a separator (4 MiB, made once)."""
    entries = np.zeros(0x110000, np.uint32)
    for point in range(_LAST_LETTER):
        if unicodedata.category(chr(point))[0] in "LMN":
            entries[point] = point
    alone = entries != 0
    spaceless = np.zeros(len(entries), np.bool_)
    for first, last in _NO_SPACES:
        spaceless[first : last + 1] = True
    entries[alone & spaceless] |= ALONE
    for point in range(_LAST_CASED):
        entries[point] = _fold(chr(point), entries[point])
    entries[_composing()] |= UNSETTLED | MARK
    for first, last in (*_INVISIBLE, *_OPTIONAL):
        entries[first : last + 1] = INVISIBLE
    return entries


def _fold(letter: str, entry: np.uint32) -> np.uint32:
    """Return a letter's entry with its case folded, or marked as one that the table cannot fold."""
    folded = letter.casefold()
    if unicodedata.combining(letter) or not unicodedata.is_normalized("NFC", letter):
        entry |= MARK
    if not unicodedata.is_normalized("NFC", folded):
        return entry | UNSETTLED
    if len(folded) == 1:
        return (entry & ~POINT) | np.uint32(ord(folded)) if entry & POINT else entry
    if len(folded) == 2 and folded[0] == folded[1]:
        return (entry & ~POINT) | np.uint32(ord(folded[0])) | DOUBLED
    return entry | UNSETTLED


def _composing() -> list[int]:
    """Return the code points that may merge with the one before them (NFC_QC=Maybe, UAX #15)."""
    hangul_vowels_and_finals = [*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)]
    parts = (unicodedata.decomposition(chr(point)).split() for point in range(_LAST_CASED))
    pairs = {(int(p[0], 16), int(p[1], 16)) for p in parts if len(p) == 2 and "<" not in p[0]}
    seconds = {b for a, b in pairs if len(unicodedata.normalize("NFC", chr(a) + chr(b))) == 1}
    return sorted(seconds) + hangul_vowels_and_finals


def folded_points(data: Bytes, offsets: Offsets) -> tuple[Points, Offsets]:
    """Return the documents' folded code points with `ALONE` still marked, and where each begins.

    `data` must be valid UTF-8 (Arrow's strings are), documents `data[offsets[i]:offsets[i + 1]]`.
    """
    begins_character = (data & 0xC0) != 0x80
    counted = np.zeros(len(data) + 1, np.int64)
    np.cumsum(begins_character, out=counted[1:])
    bounds = counted[offsets]
    text = data.tobytes().decode("utf-8")
    entries = np.take(table(), _points(text), mode="clip")
    if (entries & (UNSETTLED | MARK)).any():
        entries, bounds = _settle(text, entries, bounds)
    if (entries & (INVISIBLE | DOUBLED)).any():
        times = 1 + ((entries & DOUBLED) != 0) - (entries == INVISIBLE).astype(np.int64)
        written = np.zeros(len(entries) + 1, np.int64)
        np.cumsum(times, out=written[1:])
        entries, bounds = np.repeat(entries, times), written[bounds]
    return entries & (POINT | ALONE), bounds


def _settle(text: str, entries: Points, bounds: Offsets) -> tuple[Points, Offsets]:
    """Return `entries` with the documents that need it composed and folded by Python's own tables."""
    limits = bounds.tolist()
    pieces: list[Points] = []
    for start, end in itertools.pairwise(limits):
        piece, document = entries[start:end], text[start:end]
        if (piece & UNSETTLED).any() or not unicodedata.is_normalized("NFC", document):
            # Composing, folding, composing again is canonical caseless matching (Unicode 3.13, D145).
            folded = unicodedata.normalize("NFC", document).casefold()
            piece = np.take(table(), _points(unicodedata.normalize("NFC", folded)), mode="clip")
        pieces.append(piece)
    settled = np.zeros(len(limits), np.int64)
    np.cumsum([len(piece) for piece in pieces], out=settled[1:])
    return (np.concatenate(pieces) if pieces else entries), settled


def _points(text: str) -> Points:
    return np.frombuffer(text.encode("utf-32-le"), np.dtype("<u4"))
