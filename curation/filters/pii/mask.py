"""Mask personal data and secrets: e-mail and IP addresses, telephone, card and account numbers, keys.

Every kind is matched by its form and its checksum, if it has one, and never inside a longer word or number.
Placeholders are fixed: they do not depend on earlier replacements in this or another document.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Literal

from curation.filters.pii.addresses import emails, ips, private_ips
from curation.filters.pii.phones import phones
from curation.filters.pii.scan import CONTEXT, JOINED, Span, TextScan
from curation.filters.pii.secrets import secrets
from curation.filters.registry import Masked, Replaced, edit

Kind = Literal["email", "ip", "private_ip", "phone", "card", "iban", "secret"]
# 13 to 19 digits, unbroken or in the groups that are embossed on cards.
_CARD = re.compile(
    rf"(?<!{JOINED})(?<![.,/#&%+\->])"
    r"(?:\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{4}([ -])\d{6}\2\d{4,5}|\d{13,19})"
    rf"(?!{JOINED}|[@%]|[.,:/\-]\d)"
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
    for match in chain.from_iterable(_CARD.finditer(scan.text, a, b + CONTEXT) for a, b in runs):
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
    "email": emails,
    "iban": _ibans,
    "card": _cards,
    "ip": ips,
    "private_ip": private_ips,
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
    private_ip: str = "10.0.0.1",
    phone: str = "<phone>",
    card: str = "<card>",
    iban: str = "<iban>",
    secret: str = "<secret>",
) -> Masked:
    """Return the text with all matches of `kinds` replaced by fixed placeholders, and their number by kind.

    - `email`: also written `name [at] domain [dot] org`, or with the number of a host. A shell's prompt or
      the path of a remote file (`git@host:path`) is none.
    - `ip`: public IPv4 addresses that are not a version or section (`numbering`), and public IPv6 addresses.
    - `private_ip`: addresses of private networks, shared ones and links (RFC 1918, 3927, 4193, 4291, 6598).
    - `phone`: international numbers, unambiguous national forms, and numbers after a word such as "Tel".
    - `card`: issuers' ranges and the Luhn digit.
    - `iban`: the country's length and check digits.
    - `secret`: keys and tokens with known prefixes, private keys, passwords in URLs and assignments.

    Digits of every script count (Unicode's Nd).

    A replacement can make a new match (`2000::DE89…` is an address only without the account number). So the
    text is searched until there are no more matches, and masking twice gives the same as masking once.

    The default placeholders for e-mail and public IP are reserved for examples (RFC 2606, RFC 5737).

    >>> mask_pii("ask jane.doe@mail.org at 8.8.8.8, not 127.0.0.1 or version 1.2.3.4.5").text
    'ask email@example.com at 192.0.2.1, not 127.0.0.1 or version 1.2.3.4.5'
    """
    placeholders = {"email": email, "ip": ip, "private_ip": private_ip, "phone": phone, "card": card}
    placeholders |= {"iban": iban, "secret": secret}
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
