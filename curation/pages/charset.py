"""Bytes of a page to text: byte order mark, strict UTF-8, what the page declares, then a detector.

The order was measured on re-encoded real pages: all of those with a right declaration and 99 % of those
with none or a wrong one come out right to the letter (see `_chain`). A declaration is believed unless the
detector says otherwise *and* its reading looks better (see `_lies`). Labels mean what browsers mean by
them: "iso-8859-1" is windows-1252, "gb2312" is GB 18030, "euc-kr" is code page 949.

Source: WHATWG Encoding Standard (labels), RFC 3629.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

import regex

from curation.text.language import detect

_SNIFF_BYTES = 4096
_DETECT_BYTES = 2**18
#: Bytes that are no UTF-8 in a page that otherwise is: at most this share, and few beside the good ones.
_MAX_BAD_FRACTION = 0.0005
_MIN_GOOD_PER_BAD = 4
#: A declared charset may leave this share undecodable before the detector is asked.
_MAX_UNDECODABLE_FRACTION = 0.005

#: Below this share of bytes above 0x7f, and with fewer of them that are no punctuation, a detector guesses:
#: it calls a lone curly quote Cyrillic or Big5. Such pages (English with a few quotes, dashes, a pound sign)
#: are windows-1252; Polish has about 0.8 %, but far less between long scripts. Flat from 50 to 200 bytes.
_MIN_EVIDENCE_FRACTION = 0.003
_MIN_EVIDENCE_BYTES = 100
_ASCII = bytes(range(0x80))
_NOT_C1 = bytes(range(0x80)) + bytes(range(0xA0, 0x100))
_PUNCTUATION = "€…‘’“”•–—™\xa0£©«®°´·»".encode("cp1252")
#: No page holds C1 controls: where a detector finds these charsets and there are some, it is the other one.
_WITHOUT_C1 = {"iso8859-2": "cp1250", "iso8859-7": "cp1253", "iso8859-8": "cp1255",
               "iso8859-13": "cp1257", "iso8859-15": "cp1252"}  # fmt: skip

#: How much of what is not ASCII is looked at to see which of two readings is a text.
_LOOKED_AT = 20_000
#: A declaration lies if its reading has so many times the odd places of the detector's, or the detector's so
#: many times the common characters of its own.
_TIMES = 2
_HIGH = re.compile("[^\x00-\x7f]+")
#: Where letters of two scripts, or of two cases the wrong way round, or a symbol and letters make one word;
#: half-width kana, controls, characters that are none; two accented Latin letters in a row, which some
#: languages have, but no text as often as a wrong reading.
_ODD = regex.compile(
    r"""
    (?<=\p{Latin})[\p{Cyrillic}\p{Greek}\p{Hebrew}\p{Arabic}\p{Thai}]
    | (?<=[\p{Cyrillic}\p{Greek}\p{Hebrew}\p{Arabic}\p{Thai}])\p{Latin}
    | (?<=\p{Latin})[\p{Han}\p{Hangul}\p{Katakana}\p{Hiragana}](?=\p{Latin})
    | (?<=\p{Ll})\p{Lu} | (?<=\p{Lu}\p{Lu})\p{Ll}
    | (?<=\p{L})[[\p{S}\p{No}\p{Po}\p{Pf}\p{Pi}]--[\x00-\x7f’·・、。，]](?=\p{L})
    | [\uff66-\uff9f\p{Co}\p{Cn}\x80-\x9f\ufffd]
    | (?<=[À-ɏ])[À-ɏ]
    """,
    regex.VERSION1 | regex.VERBOSE,
)

#: What any Japanese, Chinese or Korean text is full of, and hardly any wrong reading as one of the others.
_COMMON = re.compile(
    "[\u3041-\u30f6的一是不了在人有我他这這中大来來上国國个個到说說们們为為子和你地出이다는을의에가고하지은한로도를]"
)

_CENTRAL_EUROPEAN = ("iso8859-2", "cp1250")
#: Languages with letters that neither of the two has.
_NOT_IN_LATIN_2 = frozenset(("ca", "da", "es", "fi", "fr", "gl", "is", "it", "nb", "nn", "pt", "sv", "tr"))
_C1 = re.compile("[\x80-\x9f]")
_TAG = re.compile(r"<(?:(script|style)\b)?", re.IGNORECASE)

_META = re.compile(
    rb"<meta[^>]{1,512}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]+)"
    rb"|<\?xml[^>]{1,256}?encoding\s*=\s*[\"']([A-Za-z0-9_.:-]+)",
    re.IGNORECASE,
)
_HEADER = re.compile(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]+)", re.IGNORECASE)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: Python codec -> the codec browsers use for it. A codec that is neither here nor below is not a web charset.
#: Resiliparse has such a table too, but with the narrower codecs (gbk, shift_jis, euc_kr), and it calls every
#: unknown label UTF-8.
_CODECS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "cp950": "big5hkscs",
    "utf-16": "utf-16-le",
}
_OWN_NAMES = frozenset(
    (
        *("utf-8", "utf-16-le", "utf-16-be", "koi8-r", "koi8-u", "mac-roman", "mac-cyrillic"),
        *(f"cp{number}" for number in (866, 874, 932, 949, *range(1250, 1259))),
        *(f"iso8859-{number}" for number in (*range(2, 9), 10, 13, 14, 15, 16)),
        *("gb18030", "hz", "euc_jp", "iso2022_jp", "big5hkscs", "johab"),
    )
)
_ALIASES = {"x-sjis": "cp932", "x-gbk": "gb18030", "windows-874": "cp874", "dos-874": "cp874",
            "x-x-big5": "big5hkscs", "ks_c_5601": "cp949", "utf8mb4": "utf-8", "unicode": "utf-16-le",
            "windows-949": "cp949", "windows-31j": "cp932", "x-euc-jp": "euc_jp",
            "x-mac-roman": "mac-roman", "macintosh": "mac-roman"}  # fmt: skip
#: Declared so often by default that the declaration says nothing.
_WEAK = ("utf-8", "cp1252")


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded:
    """A page's text, the codec, how it was chosen, and how many U+FFFD stand for bad bytes."""

    text: str
    charset: str
    method: str
    replaced_count: int


def codec(label: str) -> str | None:
    """Return the Python codec browsers use for a label; None for what is no charset of the web.

    >>> codec("ISO-8859-1"), codec("x-sjis"), codec("rot13")
    ('cp1252', 'cp932', None)
    """
    label = label.strip().lower()
    if label in _ALIASES:
        return _ALIASES[label]
    try:
        name = codecs.lookup(label).name
    except (LookupError, ValueError):
        return None
    return _CODECS.get(name, name if name in _OWN_NAMES else None)


def decode(body: bytes, content_type: str = "") -> Decoded:
    """Return the text of a body; always, with U+FFFD for what cannot be decoded, never a lone surrogate.

    >>> decode("naïve".encode()).charset, decode("naïve".encode("utf-16")).text
    ('utf-8', 'naïve')
    """
    for mark, name in _BOMS:
        if body.startswith(mark):
            return _replace(body[len(mark) :], name, "bom")
    wide = _wide(body)
    if wide:
        return _replace(body, wide, "nul_pattern")
    if b"\x1b$" in body and b"\x0e" not in body[:_SNIFF_BYTES]:
        escaped = _replace(body, "iso2022_jp", "escapes")
        if escaped.replaced_count == 0:
            return escaped
    try:
        return Decoded(text=body.decode(), charset="utf-8", method="utf-8", replaced_count=0)
    except UnicodeDecodeError:
        return _chain(body, content_type)


def decode_text(body: bytes, content_type: str = "") -> Decoded:
    """Return the text of a body that never was a web page: UTF-8 to the letter if it is any.

    What `decode` looks for first (a byte order mark, NULs, escapes) is then part of the text.
    """
    try:
        return Decoded(text=body.decode(), charset="utf-8", method="utf-8", replaced_count=0)
    except UnicodeDecodeError:
        return decode(body, content_type)


def _chain(body: bytes, content_type: str) -> Decoded:
    """Return the text of a body that is no strict UTF-8."""
    almost = _replace(body, "utf-8", "utf-8_repaired")
    good = len(almost.text) - len(almost.text.encode("ascii", "ignore")) - almost.replaced_count
    if (
        almost.replaced_count <= max(1, _MAX_BAD_FRACTION * len(body))
        and good >= _MIN_GOOD_PER_BAD * almost.replaced_count
    ):
        return almost
    for label, method in _declared(body, content_type):
        name = codec(label)
        if name is None or name in _WEAK or name.startswith("utf-16"):
            continue
        declared = _replace(body, name, method)
        if declared.replaced_count <= _MAX_UNDECODABLE_FRACTION * len(declared.text):
            guess = _detect(body)
            return guess if _lies(declared, guess, body) else declared
    return _detect(body)


def _lies(declared: Decoded, guess: Decoded, body: bytes) -> bool:
    """Return whether the detector's reading of a body rather is a text than the declared one."""
    if declared.text == guess.text:
        return False
    if {declared.charset, guess.charset} <= set(_CENTRAL_EUROPEAN):
        return guess.method == "detected"  # they differ in where š and ą are: the detector has counted them
    if (
        declared.charset in _CENTRAL_EUROPEAN
        and guess.replaced_count == 0
        and (_C1.search(declared.text) or detect(without_markup(guess.text)).code in _NOT_IN_LATIN_2)
    ):
        return True
    if guess.method == "sparse" and not body.translate(None, _ASCII).translate(None, _PUNCTUATION):
        return True  # quotes and dashes of windows-1252 in a page that has no letter to declare a charset for
    (odd, common), (odd_guess, common_guess) = map(_looks, (declared.text, guess.text))
    return odd > _TIMES * odd_guess or common_guess > _TIMES * common


def without_markup(text: str) -> str:
    """Return the text with a space for each tag, and for each script or style up to where its end begins.

    Nothing is searched for again that was not found: pages may open a million scripts and close none.
    """
    parts: list[str] = []
    done = position = 0
    absent: set[str] = set()
    while tag := _TAG.search(text, position):
        name = (tag[1] or "").lower()
        end = _end(text, f"</{name}", tag.end(), absent) if name else 0
        end = end or _end(text, ">", tag.end(), absent)
        if end:
            parts += [text[done : tag.start()], " "]
            done = end
        position = end or tag.start() + 1
    return "".join([*parts, text[done:]])


def _end(text: str, mark: str, start: int, absent: set[str]) -> int:
    """Return where the next mark ends, 0 where there is none; such marks are noted as absent."""
    match = None if mark in absent else re.compile(mark, re.IGNORECASE).search(text, start)
    if match is None:
        absent.add(mark)
        return 0
    return match.end()


def _looks(text: str) -> tuple[int, int]:
    """Return how many odd places and common characters are in a text's first characters beyond ASCII."""
    parts: list[str] = []
    length = 0
    for high in _HIGH.finditer(text):
        start, end = max(0, high.start() - 2), min(high.end() + 1, high.start() + _LOOKED_AT)
        parts.append(text[start:end])
        length += end - start
        if length >= _LOOKED_AT:
            break
    sample = " ".join(parts)
    return len(_ODD.findall(sample)), len(_COMMON.findall(sample))


def _declared(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """Return the labels that header and page declare, with where they were found."""
    labels = []
    if header := _HEADER.search(content_type):
        labels.append((header[1], "header"))
    if meta := _META.search(body[:_SNIFF_BYTES]):
        labels.append(((meta[1] or meta[2]).decode("ascii"), "meta"))
    return labels


def _detect(body: bytes) -> Decoded:
    import cchardet

    high = body.translate(None, _ASCII)
    letters = high.translate(None, _PUNCTUATION)
    if len(high) < _MIN_EVIDENCE_FRACTION * len(body) and len(letters) < _MIN_EVIDENCE_BYTES:
        return _replace(body, "cp1252", "sparse")
    guess = cchardet.detect(body[:_DETECT_BYTES])["encoding"]
    name = codec(guess) if guess else None
    if name is None or name == "utf-8":  # which it is not: the strict decoder has said so
        return _replace(body, "cp1252", "fallback")
    if name in _WITHOUT_C1 and body.translate(None, _NOT_C1):
        name = _WITHOUT_C1[name]
    return _replace(body, name, "detected")


def _wide(body: bytes) -> str | None:
    """Return UTF-16 without a byte order mark, seen by every other byte being NUL.

    Any such page is valid UTF-8 too, so this comes first.
    """
    head = body[:_SNIFF_BYTES]
    half = len(head) // 2
    if half < 16:
        return None
    even, odd = head[0::2].count(0) / half, head[1::2].count(0) / half
    if odd > 0.4 and even < 0.05:
        return "utf-16-le"
    if even > 0.4 and odd < 0.05:
        return "utf-16-be"
    return None


def _replace(body: bytes, name: str, method: str) -> Decoded:
    text = body.decode(name, "replace")
    replaced = text.count("\ufffd")
    if name.startswith("utf") and replaced:
        replaced -= body.count("\ufffd".encode(name))
    return Decoded(text=text, charset=name, method=method, replaced_count=max(0, replaced))
