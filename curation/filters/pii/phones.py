"""Telephone numbers in running text, recognized by their notation.

A number matches if it is international (`+` or `00`, a calling code in use, 8 to 15 digits; ITU-T E.164), if
it has an unambiguous national form (`(212) 555-0187`, `01 23 45 67 89`), or if a word before it says so
(`Tel.: 9876 5432`). Similar numbers (dates, ISBNs, sums, versions, pages, serial numbers) do not match.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from curation.filters.pii.scan import CONTEXT, JOINED, Span, TextScan

#: Two-digit calling codes, and the first two digits of three-digit codes (ITU-T E.164, annexed list).
_TWO = """
20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86
90 91 92 93 94 95 98"""
_THREE = "21 22 23 24 25 26 29 35 37 38 42 50 59 67 68 69 80 85 87 88 96 97 99"
_CODES = frozenset((_TWO + " " + _THREE).split())
_SHORTEST, _LONGEST = 8, 15  # digits of an international number, with its calling code

_SEPARATOR = "[ \u00a0\u2009\u202f.\\-\u2010\u2011\u2013/()]"
#: A candidate on one line, without a letter, digit or sign beside it that would make it part of something
#: else.
_CANDIDATE = re.compile(
    rf"(?<!{JOINED})(?:(?<![+>])\+|(?<![.,/@#=&%$€£¥+(>\-])(?<!\d:)(?=[(\d]))(?:\(\+?)?\d"
    rf"(?:{_SEPARATOR}{{0,3}}\d){{5,17}}(?!{JOINED}|[@%]|[.,:]\d|-\d)"
)
_NOT_DIGITS = re.compile(r"\D")
_S = "[ \u00a0\u2009\u202f.\\-\u2010\u2011\u2013]"  # between groups
#: National forms that match without a word before them.
_NATIONAL = re.compile(
    rf"""(?:1{_S})?(?:\([2-9]\d\d\){_S}?|[2-9]\d\d[-.\u2010\u2011 ])[2-9]\d\d[-.\u2010\u2011 ]\d{{4}}
    | 0[1-9](?:{_S}\d\d){{4}}                                    # 01 23 45 67 89
    | \(0\d{{1,5}}\){_S}?\d{{2,4}}(?:{_S}?\d{{2,5}}){{1,2}}      # (020) 7946 0018
    | 0\d{_S}\d{{4}}{_S}\d{{4}}                                  # 02 9374 4000
    | 0[1-9]\d{{1,3}}[ /\-]{{1,3}}\d{{3,4}}[ \-]?\d{{3,4}}       # 020 7946 0018, 030/1234567
    | 0[1-9]\d{{1,3}}[ \-]\d{{2,3}}(?:[ \-]\d{{2,3}}){{2,3}}     # 0171 123 45 67
    | 0[1-9](?P<a>[ \-])\d{{3}}(?P=a)\d{{3,4}}                    # 03 234 5678
    | 0[1-9][ /]\d{{3}}(?P<b>[ .])\d\d(?P=b)\d\d                 # 02 123 45 67
    | 0[1-9]-\d{{2,3}}(?:[ ]\d{{2,3}}){{2,3}}                     # 08-123 456 78
    | 0[1-9]\d?[ /\-]\d{{4}}[ \-]\d{{3}}                         # 01 2345 678
    | 06[ \-]\d{{8}} | 06[ /\-]\d\d[ /\-]\d{{3}}[ \-]\d{{3,4}}   # 06-12345678, 06 20 123 4567
    | 0[1-9]\d{{1,2}}[ /]\d{{5,8}} | 0[1-9]\d{{3}}[ /]\d{{6,8}}    # 0711 123456
    | 0[589]00[ \-]\d{{2,3}}(?:[ \-]\d{{2,4}}){{1,2}}            # 0800 12 345
    | 1[38]00(?P<c>[ \-])\d{{3}}(?P=c)\d{{3}}                    # 1300 123 456
    | [679]\d\d[ ]\d\d[ ]\d\d[ ]\d\d                           # 612 34 56 78
    | \d\d[ \-]9\d{{4}}-\d{{4}}                                 # 11 91234-5678
    | \(\d\d\)[ ]?9?\d{{4}}-\d{{4}}                              # (11) 91234-5678
    | [78][ \-]?\(\d{{3,5}}\)[ \-]?\d{{1,3}}(?:[ \-]\d\d){{2}}    # 8 (495) 123-45-67
    | 8[ \-]\d{{3}}[ \-]\d{{3}}-\d\d-\d\d                        # 8-495-123-45-67
    | 1[3-9]\d[ \-]\d{{4}}[ \-]\d{{4}}                           # 138 0013 8000
    """,
    re.VERBOSE,
)
_CUE_CHARACTERS = 80
#: Words of languages that join an article or do without spaces: no more than a letter may be before them.
_ARABIC = "(?:ال)?(?:هاتف|تلفون|تليفون|جوال|موبايل|محمول|فاكس|واتساب)|تلفن|همراه|موبایل|فکس|نمابر|فون|فیکس"
_INDIC = "फ़ोन|फोन|मोबाइल|दूरभाष|फ़ैक्स|फैक्स|ফোন|মোবাইল|ফ্যাক্স|தொலைபேசி|ఫోన్|फोन नं|ഫോൺ|ફોન|ਫ਼ੋਨ"
#: A word for a telephone, at the end of the text before a number.
_CUE = re.compile(
    r"(?:(?<!\w)(?:tel[eé]?f?[oóò]?n[eo]?s?|t[eé]l|tlf|phone|call|mobile|mobil|mob|cell|cellphone|celular|móvil|handy|fax|"
    r"whatsapp|viber|sms|hotline|contact|rufnummer|puh|puhelin|numero|número|тел|телефон|факс|моб|τηλ|טל|טלפון|נייד|פקס|"
    rf"{_ARABIC}|{_INDIC})"
    r"|電話|电话|手机|手機|携帯|傳真|传真|전화|휴대폰|팩스|โทร|โทรศัพท์|☎|☏|📞|📱|✆)"
    r"(?: ?(?:no|nr|n°|number|num|us|me|at|on|番号|号码|號碼|번호|رقم|نمبر|नंबर)){0,2}[\s.:：№#()（|*]{0,4}$"
    r"|(?<!\w)(?:call|contact|phone|reach|text)(?: [\w.&'’-]{1,20}){1,6} at:? $",  # Call Jane Doe at
    re.IGNORECASE,
)
#: A word, at the end of the text before a number, for what is numbered and no telephone.
_NUMBERED = re.compile(
    r"(?<!\w)(?:serial|s/n|sn|imei|order|invoice|part|model|item|patent|case|ticket|tracking|ref(?:erence)?|product|"
    r"article|catalog(?:ue)?|batch|lot|isbn|issn|oclc|pmid)\.?"
    r"(?: ?(?:no|nr|number|num|id|code)\.?)?[\s:#]{0,3}$",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(?:19|20)\d\d[-./ ](?:0?[1-9]|1[0-2])[-./ ]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d\d"
)


def phones(scan: TextScan) -> Iterator[Span]:
    """Yield (start, end) of every telephone number, in order."""
    text = scan.text
    for start, end in scan.digit_runs(_MIN_DIGITS):
        for match in _CANDIDATE.finditer(text, max(0, start - CONTEXT), end + CONTEXT):
            if _is_phone(text, match.start(), match[0]):
                yield match.span()
            else:
                yield from _split(text, *match.span())


_MIN_DIGITS = 7  # of a local number


#: Separators between two numbers, not inside one.
_DIVIDER = re.compile(r" ?/ | {2,}| [\-\u2013] |(?<=\d) (?=\()")


def _split(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield the telephone numbers of a candidate that may be several numbers."""
    cuts = [match.span() for match in _DIVIDER.finditer(text, start, end)]
    starts, ends = [start, *(last for _, last in cuts)], [*(first for first, _ in cuts), end]
    for first, last in zip(starts, ends, strict=True) if cuts else ():
        if last > first and _is_phone(text, first, text[first:last]):
            yield first, last


def _is_phone(text: str, start: int, written: str) -> bool:
    digits = _NOT_DIGITS.sub("", written)
    if written[0] == "+" or written.startswith("(+"):
        return _is_international(_NOT_DIGITS.sub("", written.replace("(0)", "")))
    if written.startswith("00") and _is_international(digits[2:]):
        return True
    before = text[max(0, start - _CUE_CHARACTERS) : start]
    if _balanced(written) and _NATIONAL.fullmatch(written):
        return _NUMBERED.search(before) is None
    if not _MIN_DIGITS <= len(digits) <= _LONGEST or _DATE.fullmatch(written):
        return False
    return _CUE.search(before) is not None


def _is_international(digits: str) -> bool:
    if not _SHORTEST <= len(digits) <= _LONGEST:
        return False
    if digits[0] == "1":
        return len(digits) == 11 and digits[1] in "23456789"
    return digits[0] == "7" or digits[:2] in _CODES


def _balanced(written: str) -> bool:
    return written.count("(") == written.count(")")
