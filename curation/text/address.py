"""Parts of a URL: its host, its path and its site."""

from __future__ import annotations

import re

LONGEST_HOST = 253  # characters (RFC 1035)
_COMMON_URL = re.compile(r"https?://([a-z0-9][a-z0-9.-]*[a-z0-9])(?:/+(.*))?", re.DOTALL)
_SCHEME_CHARACTERS = 32  # a scheme ends within the first 32 characters
_NO_HOST = re.compile(r"[\s\x00-\x1f\x7f<>\"'()]")


def split_url(url: str) -> tuple[str, str]:
    """Return (host in lower case, path with query and fragment) of a URL, with or without a scheme.

    >>> split_url("https://user@WWW.Example.ORG.:8080/A?b"), split_url("bücher.de")
    (('www.example.org', 'A?b'), ('xn--bcher-kva.de', ''))
    """
    if match := _COMMON_URL.fullmatch(url):
        return match[1], match[2] or ""
    scheme = url.find("://")
    rest = url[scheme + 3 :] if 0 <= scheme < _SCHEME_CHARACTERS else url.removeprefix("//")
    end = min(filter((-1).__ne__, map(rest.find, "/?#\\")), default=len(rest))
    host, path = rest[:end], rest[end:].lstrip("/")
    host = host[host.rfind("@") + 1 :]
    if host[:1] == "[":
        host = host[1:].partition("]")[0]
    elif ":" in host:
        host = host[: host.find(":")]
    host = host.strip(" .").lower()
    if not host.isascii():
        try:
            host = host[-LONGEST_HOST:].encode("idna").decode()
        except UnicodeError:
            return host, path
    return host, path


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
    is_host = "." in host or url.startswith("//") or "://" in url[:_SCHEME_CHARACTERS]
    if not is_host or _NO_HOST.search(host):
        return ""
    labels = host.split(".")
    return host if domains is None or labels[-1].isdigit() else ".".join(labels[-domains:])
