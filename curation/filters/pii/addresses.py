"""Find e-mail and IP addresses; tell them from prompts of a shell, remote paths, versions and sections."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from itertools import chain

from curation.filters.pii.numbering import is_numbering
from curation.filters.pii.scan import CONTEXT, Span, TextScan

_LONGEST_LOCAL = 64

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
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


#: A host by its number, bare or in brackets (RFC 5321, 4.1.3).
_NUMBERED_HOST = re.compile(
    rf"(?P<open>\[(?:IPv6:)?)?(?P<number>{_OCTET}(?:\.{_OCTET}){{3}}|(?(open)[0-9A-Fa-f:]{{3,39}}|(?!)))(?(open)\])"
    r"(?![\w@]|[.-]\w)",
    re.ASCII,
)
#: Names of accounts, not of people, that version control is reached by.
_ACCOUNTS = frozenset(("git", "hg", "svn"))
_REMOTE_SCHEME = re.compile(r"(?:ssh|sftp|scp|rsync)://$")
_SCHEME_CHARACTERS = 12
#: Directly after a host: the path of a remote file, or the rest of a prompt.
_REMOTE = re.compile(r":(?:~|\.{0,2}/|[\w.-]{1,64}/|[\w.-]{1,64}\.git\b)|[#$]\s")
_BRACKETED_PROMPT = re.compile(r"[: ][^\]\n]{0,64}\][#$%]")


def emails(scan: TextScan) -> Iterator[Span]:
    """Yield (start, end) of every e-mail address."""
    text, at = scan.text, scan.text.find("@")
    while at >= 0:
        local = _LOCAL_BACKWARDS.match(text[max(0, at - 65) : at][::-1])
        end = _domain_end(text, at + 1) if local and local.end() <= _LONGEST_LOCAL else None
        if local and end:
            name = local[0][::-1].lstrip(".'&-")
            if name and not _is_remote(text, name, at, end):
                yield at - len(name), end
        at = text.find("@", at + 1)
    if any(map(text.__contains__, _SPELLED_AT)):
        for match in _SPELLED_OUT.finditer(text):
            yield match.span()


def _domain_end(text: str, start: int) -> int | None:
    """Return the end of a domain, or of the number of a public host, that starts there; None for none."""
    if domain := _DOMAIN.match(text, start):
        return None if domain[1].lower() in _FILES else domain.end()
    host = _NUMBERED_HOST.match(text, start)
    return host.end() if host and _is(host["number"], _is_public) else None


def _is_remote(text: str, name: str, at: int, end: int) -> bool:
    """Return whether `name@host` is an account on a host: of a prompt, a remote path or version control."""
    start = at - len(name)
    return (
        name.lower() in _ACCOUNTS
        or _REMOTE.match(text, end) is not None
        or (text[start - 1 : start] == "[" and _BRACKETED_PROMPT.match(text, end) is not None)
        or _REMOTE_SCHEME.search(text, max(0, start - _SCHEME_CHARACTERS), start) is not None
    )


_SPELLED_AT = ("at)", "AT)", "at]", "AT]", "at ]", "at )")
# Not inside a longer dotted number (a section, a version): no digit, letter or dotted digit around it.
_IPV4 = re.compile(rf"(?<![\w.])(?<!\w-){_OCTET}(?:\.{_OCTET}){{3}}(?!\w|\.\w|-\w|@)", re.ASCII)
# Global unicast is 2000::/3 (RFC 4291, IANA registry). The match must be a complete address. It must not be
# followed by @: with a dotted placeholder it would become the local part of an e-mail address.
_IPV6 = re.compile(
    r"(?<![\w:.])[23][0-9A-Fa-f]{3}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{0,4}(?![\w:])"
    rf"(?!{_LOCAL}{{0,64}}@)",
    re.ASCII,
)


#: Unique local and link-local addresses; what follows the first group is as in a global one.
_LOCAL_IPV6 = re.compile(
    _IPV6.pattern.replace("[23][0-9A-Fa-f]{3}", "f(?:[cd][0-9a-f]{2}|e[89ab][0-9a-f])"), re.A | re.I
)
_NETWORKS = "10.0.0.0/8 100.64.0.0/10 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16 fc00::/7 fe80::/10"
_PRIVATE = tuple(map(ipaddress.ip_network, _NETWORKS.split()))

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def _is_public(address: IpAddress) -> bool:
    return address.is_global


def _is_private(address: IpAddress) -> bool:
    return any(address in network for network in _PRIVATE)


def _is(written: str, kind: Callable[[IpAddress], bool]) -> bool:
    """Return whether this is an address, and of that kind."""
    try:
        return kind(ipaddress.ip_address(written))
    except ValueError:
        return False


def ips(scan: TextScan) -> Iterator[Span]:
    """Yield public addresses only; private ones identify nobody. Versions and sections are left out."""
    yield from _addresses(scan, _IPV6, _is_public)


def private_ips(scan: TextScan) -> Iterator[Span]:
    """Yield the addresses of private networks and of links; versions and sections are left out."""
    yield from _addresses(scan, _LOCAL_IPV6, _is_private)


def _addresses(scan: TextScan, ipv6: re.Pattern[str], kind: Callable[[IpAddress], bool]) -> Iterator[Span]:
    text = scan.text
    dotted = ((start, end) for start, end in scan.digit_runs(4) if text.count(".", start, end) >= 3)
    for match in chain.from_iterable(_IPV4.finditer(text, start, end + CONTEXT) for start, end in dotted):
        by_size = kind is _is_public
        if _is(match[0], kind) and not is_numbering(text, *match.span(), by_size=by_size):
            yield match.span()
    if scan.has_colons(7, 35):
        for match in ipv6.finditer(text):
            if _is(match[0], kind):
                yield match.span()
