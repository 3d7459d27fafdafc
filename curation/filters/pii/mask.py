"""Mask personal data and secrets: e-mail and IP addresses, telephone, card and account numbers, keys.

Every kind is matched by its form and its checksum, if it has one, and never inside a longer word or number.
Placeholders are fixed: they do not depend on earlier replacements in this or another document.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Literal

from curation.filters.pii.numbering import is_numbering
from curation.filters.pii.phones import phones
from curation.filters.pii.scan import TextScan
from curation.filters.pii.secrets import secrets
from curation.filters.registry import Masked, Replaced, edit

Kind = Literal["email", "ip", "phone", "card", "iban", "secret"]
Span = tuple[int, int]
_CONTEXT = 3  # characters after a number that decide whether it is part of something else

# Every part is bounded and the search starts at an @, so that no text is slow: local part up to 64
# characters, labels up to 63 (RFC 5321, RFC 1035). Letters are Latin, Greek and Cyrillic only, so that a name
# that follows Chinese without a space begins at the right character.
_LETTERS = "A-Za-z\u00c0-\u024f\u0370-\u052f"
_LOCAL = rf"[{_LETTERS}0-9_%+.'&-]"
_LOCAL_BACKWARDS = re.compile(rf"{_LOCAL}{{1,65}}")
_DOMAIN = re.compile(
    rf"(?:[{_LETTERS}0-9](?:[{_LETTERS}0-9-]{{0,61}}[{_LETTERS}0-9])?\.){{1,8}}(xn--[a-z0-9-]{{2,59}}|[{_LETTERS}]{{2,63}})"
    rf"(?![{_LETTERS}0-9]|-[{_LETTERS}0-9])"
)
_FILE_NAMES = "png jpg jpeg gif svg webp bmp ico css js mjs json xml html htm pdf txt php exe woff ttf"
_FILES = frozenset(_FILE_NAMES.split())
_SPELLED_OUT = re.compile(
    rf"(?<!{_LOCAL})({_LOCAL}{{1,64}})\s?[\[(]\s?(?:at|AT)\s?[\])]\s?"
    rf"((?:[{_LETTERS}0-9-]{{1,63}}\s?(?:\.|[\[(]\s?(?:dot|DOT)\s?[\])])\s?){{1,5}}[{_LETTERS}]{{2,24}})(?!\w)"
)


def _emails(scan: TextScan) -> Iterator[Span]:
    text, at = scan.text, scan.text.find("@")
    while at >= 0:
        local = _LOCAL_BACKWARDS.match(text[max(0, at - 65) : at][::-1])
        domain = _DOMAIN.match(text, at + 1) if local and local.end() <= _LONGEST_LOCAL else None
        if local and domain and domain[1].lower() not in _FILES:
            name = local[0][::-1].lstrip(".'&-")
            if name:
                yield at - len(name), domain.end()
        at = text.find("@", at + 1)
    if any(map(text.__contains__, _SPELLED_AT)):
        for match in _SPELLED_OUT.finditer(text):
            yield match.span()


_LONGEST_LOCAL = 64
_SPELLED_AT = ("at)", "AT)", "at]", "AT]", "at ]", "at )")
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
# Not inside a longer dotted number (a section, a version): no digit, letter or dotted digit around it.
_IPV4 = re.compile(rf"(?<![\w.])(?<!\w-){_OCTET}(?:\.{_OCTET}){{3}}(?!\w|\.\w|-\w|@)", re.ASCII)
# Global unicast is 2000::/3 (RFC 4291, IANA registry). The match must be a complete address. It must not be
# followed by @: with a dotted placeholder it would become the local part of an e-mail address.
_IPV6 = re.compile(
    r"(?<![\w:.])[23][0-9A-Fa-f]{3}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{0,4}(?![\w:])"
    rf"(?!{_LOCAL}{{0,64}}@)",
    re.ASCII,
)


def _ips(scan: TextScan) -> Iterator[Span]:
    """Yield public addresses only; private ones identify nobody. Versions and sections are left out."""
    text = scan.text
    dotted = ((start, end) for start, end in scan.digit_runs(4) if text.count(".", start, end) >= 3)
    for match in chain.from_iterable(_IPV4.finditer(text, start, end + _CONTEXT) for start, end in dotted):
        if ipaddress.IPv4Address(match[0]).is_global and not is_numbering(text, *match.span()):
            yield match.span()
    if scan.has_colons(7, 35):
        for match in _IPV6.finditer(text):
            try:
                public = ipaddress.IPv6Address(match[0]).is_global
            except ValueError:
                continue
            if public:
                yield match.span()


# 13 to 19 digits, unbroken or in the groups that are embossed on cards.
_CARD = re.compile(
    r"(?<![\w.,/#&%+\->])"
    r"(?:\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{4}([ -])\d{6}\2\d{4,5}|\d{13,19})"
    r"(?![\w@%]|[.,:/\-]\d)"
)
#: First digits and lengths in use (ISO/IEC 7812; ranges published by the card networks).
_ISSUERS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"  # Mastercard
    r"|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}"  # American Express, Diners
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|62\d{14,17}|35(?:2[89]|[3-8]\d)\d{12}"  # Discover, UnionPay, JCB
)


def _cards(scan: TextScan) -> Iterator[Span]:
    runs = scan.digit_runs(13)
    for match in chain.from_iterable(_CARD.finditer(scan.text, a, b + _CONTEXT) for a, b in runs):
        digits = match[0].replace(" ", "").replace("-", "")
        if _ISSUERS.fullmatch(digits) and _luhn(digits):
            yield match.span()


_DOUBLED = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]


def _luhn(digits: str) -> bool:
    """Return whether the check digit is right (ISO/IEC 7812-1, annex B).

    >>> _luhn("4539148803436467"), _luhn("4539148803436468")
    (True, False)
    """
    values = [int(digit) for digit in reversed(digits)]
    return (sum(values[::2]) + sum(_DOUBLED[value] for value in values[1::2])) % 10 == 0


#: Country -> characters of an account number (SWIFT, IBAN registry).
_LENGTHS = {
    country: int(length)
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FO GL NL SD FK", 19: "MK SI", 20: "AT BA EE KZ LT LU XK MN",
        21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM TL SO",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC",
        32: "LC", 33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d\d(?=[ \u00a0-]?[A-Z0-9]{4})")
_HEAD = 24  # characters of an account number, with spaces, before its first run of seven digits
_BODY = re.compile(r"(?:[ \u00a0-]?[A-Z0-9]){11,30}")


def _ibans(scan: TextScan) -> Iterator[Span]:
    text = scan.text
    ranges = ((max(0, start - _HEAD), end) for start, end in scan.digit_runs(7))
    for match in chain.from_iterable(_IBAN.finditer(text, start, end) for start, end in ranges):
        length = _LENGTHS.get(match[0][:2])
        body = _BODY.match(text, match.end()) if length else None
        if not length or not body:
            continue
        end = match.start()
        for _ in range(length):  # spaces between groups are not counted
            while end < body.end() and not text[end].isalnum():
                end += 1
            end += 1
        if end <= body.end() and not text[end : end + 1].isalnum() and _mod97(text[match.start() : end]):
            yield match.start(), end


def _mod97(written: str) -> bool:
    """Return whether the check digits are right (ISO 13616).

    >>> _mod97("DE89 3704 0044 0532 0130 00"), _mod97("DE88 3704 0044 0532 0130 00")
    (True, False)
    """
    characters = "".join(filter(str.isalnum, written))
    return int("".join(str(int(character, 36)) for character in characters[4:] + characters[:4])) % 97 == 1


_FINDERS: dict[str, Callable[[TextScan], Iterator[Span]]] = {
    "secret": secrets,
    "email": _emails,
    "iban": _ibans,
    "card": _cards,
    "ip": _ips,
    "phone": phones,
}


def spans(text: str, kinds: Iterable[str]) -> list[tuple[int, int, str]]:
    """Return (start, end, kind) of all matches in order. Of overlapping matches the first one stays.

    If two begin at the same character, the order of `_FINDERS` decides: secrets, addresses, numbers.
    """
    scan = TextScan(text)
    order = {kind: rank for rank, kind in enumerate(_FINDERS)}
    matches = [(start, order[kind], end, kind) for kind in kinds for start, end in _FINDERS[kind](scan)]
    kept: list[tuple[int, int, str]] = []
    last = 0
    for start, _, end, kind in sorted(matches):
        if start >= last:
            kept.append((start, end, kind))
            last = end
    return kept


@edit
def mask_pii(  # noqa: PLR0913
    text: str,
    *,
    kinds: tuple[Kind, ...] = ("email", "ip"),
    email: str = "email@example.com",
    ip: str = "192.0.2.1",
    phone: str = "<phone>",
    card: str = "<card>",
    iban: str = "<iban>",
    secret: str = "<secret>",
) -> Masked:
    """Return the text with all matches of `kinds` replaced by fixed placeholders, and their number by kind.

    - `email`: also written `name [at] domain [dot] org`.
    - `ip`: public IPv4 addresses that are not a version or section (`numbering`), and public IPv6 addresses.
    - `phone`: international numbers, unambiguous national forms, and numbers after a word such as "Tel".
    - `card`: issuers' ranges and the Luhn digit.
    - `iban`: the country's length and check digits.
    - `secret`: keys and tokens with known prefixes, private keys, passwords in URLs and assignments.

    A replacement can make a new match (`2000::DE89…` is an address only without the account number). So the
    text is searched until there are no more matches, and masking twice gives the same as masking once.

    The default placeholders for e-mail and IP are reserved for examples (RFC 2606, RFC 5737).

    >>> mask_pii("ask jane.doe@mail.org at 8.8.8.8, not 127.0.0.1 or version 1.2.3.4.5").text
    'ask email@example.com at 192.0.2.1, not 127.0.0.1 or version 1.2.3.4.5'
    """
    placeholders = {"email": email, "ip": ip, "phone": phone, "card": card, "iban": iban, "secret": secret}
    counts: Counter[str] = Counter()
    replaced: list[Replaced] = []
    for _ in range(_MAX_ROUNDS):
        matches = [
            match for match in spans(text, kinds) if text[match[0] : match[1]] != placeholders[match[2]]
        ]
        if not matches:
            break
        text = _replace(text, matches, placeholders)
        counts.update(kind for _, _, kind in matches)
        replaced += [(start, end, len(placeholders[kind])) for start, end, kind in reversed(matches)]
    return Masked(text, {str(kind): counts[kind] for kind in kinds if counts[kind]}, tuple(replaced))


#: Placeholders of a recipe could match each other for ever. The default ones need two or three rounds.
_MAX_ROUNDS = 16


def _replace(text: str, matches: Iterable[tuple[int, int, str]], placeholders: Mapping[str, str]) -> str:
    """Return the text with the matches replaced."""
    parts: list[str] = []
    last = 0
    for start, end, kind in matches:
        parts += [text[last:start], placeholders[kind]]
        last = end
    return "".join([*parts, text[last:]])
