"""Parts of a URL: its host, its path and its site."""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from urllib.parse import unquote

import idna

LONGEST_HOST = 253  # characters (RFC 1035)
_COMMON_URL = re.compile(r"https?://([a-z0-9][a-z0-9.-]*[a-z0-9])(?:/+(.*))?", re.DOTALL)
_SCHEME_CHARACTERS = 32  # a scheme ends within the first 32 characters
_NO_HOST = re.compile(r"[\s\x00-\x1f\x7f<>\"'()]")


def split_url(url: str) -> tuple[str, str]:
    """Return (host, path with query and fragment) of a URL, with or without a scheme.

    The host is what a browser connects to: percent-encoding decoded, lower case, names of other scripts by
    UTS 46 (nontransitional: `ß`, the final sigma and joiners stay), numbers as the address that they mean
    (URL standard of the WHATWG, section 3.5). A host that has no such form is only lowered.

    >>> split_url("https://user@WWW.Example.ORG.:8080/A?b"), split_url("b%C3%BCcher.de"), split_url("faß.de")
    (('www.example.org', 'A?b'), ('xn--bcher-kva.de', ''), ('xn--fa-hia.de', ''))
    >>> split_url("http://0x7f.1/a"), split_url("http://2130706433"), split_url("http://[0:0::0:1]")
    (('127.0.0.1', 'a'), ('127.0.0.1', ''), ('::1', ''))
    """
    if match := _COMMON_URL.fullmatch(url):
        return _dotted(match[1]), match[2] or ""
    scheme = url.find("://")
    rest = url[scheme + 3 :] if 0 <= scheme < _SCHEME_CHARACTERS else url.removeprefix("//")
    end = min(filter((-1).__ne__, map(rest.find, "/?#\\")), default=len(rest))
    host, path = rest[:end], rest[end:].lstrip("/")
    host = host[host.rfind("@") + 1 :]
    if host[:1] == "[":
        return _ipv6(host[1:].partition("]")[0]), path
    if ":" in host:
        host = host[: host.find(":")]
    host = host.strip(" .")
    if "%" in host:
        host = _decoded(host)
    return _dotted(host.lower() if host.isascii() else _ascii(host[-LONGEST_HOST:])), path


def _dotted(host: str) -> str:
    """Return a host whose last label is a number as four numbers with dots, where it is an IPv4 address.

    A number may be octal (`017`) or hexadecimal (`0x7f`), and the last one stands for all that are missing.
    """
    if not host[host.rfind(".") + 1 :][:1].isdigit():  # nearly always
        return host
    labels = host.split(".")
    numbers = [_number(label) for label in labels]
    *first, last = [-1 if number is None else number for number in numbers]
    if (
        len(labels) > 4
        or any(not 0 <= number < 256 for number in first)
        or not 0 <= last < 256 ** (5 - len(labels))
    ):
        return host
    value = last + sum(number << 8 * (3 - place) for place, number in enumerate(first))
    return str(ipaddress.IPv4Address(value))


_NUMBER = re.compile(r"0x([0-9a-f]{0,64})|0([0-7]{1,64})|(0|[1-9][0-9]{0,63})")


def _number(label: str) -> int | None:
    match = _NUMBER.fullmatch(label)
    if not match:
        return None
    base = {1: 16, 2: 8, 3: 10}[match.lastindex or 3]
    return int(match[match.lastindex or 3] or "0", base)


def _ipv6(host: str) -> str:
    """Return an IPv6 address in its shortest form, an IPv4 address inside as two numbers; else lowered."""
    with suppress(ValueError):
        address = ipaddress.IPv6Address(host)
        inside = address.ipv4_mapped
        if inside is None:
            return address.compressed
        return f"::ffff:{int(inside) >> 16:x}:{int(inside) & 0xFFFF:x}"
    return host.lower()


def _decoded(host: str) -> str:
    """Return a host without percent-encoding; as it is where that hides no host."""
    try:
        decoded = unquote(host, errors="strict")
    except UnicodeDecodeError:
        return host
    return host if _FORBIDDEN.search(decoded) else decoded


#: What no host holds, encoded or not (WHATWG URL, forbidden domain code points).
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f#%/:<>?@\[\\\]^|]")


def _ascii(host: str) -> str:
    """Return a host of other scripts in its ASCII form, in lower case where it has none.

    Labels are not held to IDNA 2008, which no browser does: `☕.example` has an ASCII form.
    """
    try:
        mapped = idna.uts46_remap(host, std3_rules=False, transitional=False)
        return ".".join(map(_ascii_label, mapped.split("."))).strip(".")
    except UnicodeError:
        return host.lower()


def _ascii_label(label: str) -> str:
    return label if label.isascii() else f"xn--{label.encode('punycode').decode()}"


def site(url: str | None, domains: int | None = None) -> str:
    """Return the site of a URL: its host without `www.`, or the last `domains` labels of the host.

    The result is empty if there is no URL or it names no host. Without `//` a host needs a dot, so that
    `javascript:` and `data:` have no site. An IPv4 address is never shortened.

    >>> site("https://www.a.b.org/c"), site("HTTP://A.b.org:80", 2), site("a.org/b")
    ('a.b.org', 'b.org', 'a.org')
    >>> site("http://10.0.0.1/x", 2)
    '10.0.0.1'
    >>> site(None), site("no address"), site("javascript:alert(1)"), site("http://[bad]/")
    ('', '', '', 'bad')
    """
    if not url:
        return ""
    host = split_url(url)[0].removeprefix("www.")
    written = url.partition("/")[0]  # a number alone is no address, though it would have dots
    is_host = (
        ("." in host and not written.isalnum()) or url.startswith("//") or "://" in url[:_SCHEME_CHARACTERS]
    )
    if not is_host or _NO_HOST.search(host):
        return ""
    labels = host.split(".")
    return host if domains is None or labels[-1].isdigit() else ".".join(labels[-domains:])
