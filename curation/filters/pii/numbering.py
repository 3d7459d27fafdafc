"""Tell versions, sections and object identifiers with four numbers from IPv4 addresses.

Checked in this order: a word or sign directly before the numbers (`version`, `since`, `>=`), a word about
networks nearby (`host`, a port), a verb of change (`upgraded to`), and how small the numbers are. The bound
on their size is higher after the name of a package.
"""

from __future__ import annotations

import re

_CONTEXT_CHARACTERS = 48
#: Directly before: a word or sign that introduces a version or section, in any context.
_NUMBERED = re.compile(
    r"""(?:(?<![^\W_])(?:v(?:er(?:\.|sions?_{0,2})?|\.)? | versi[oó]n(?:es)? | vers[aã]o | версия | версии
        | since | releases? | build | firmware | driver | oid | object[ ]?identifier
        | sections? | chapter | clause | article | sec | art | para)\.?
      | § | 版本 | バージョン | 버전)
    (?:\s(?:number|is))? [\s"'`=:>(\[]{0,6}$
    | (?:>|<|~|&gt;|&lt;)=\s?$ | [≥≤]\s?$ | ~>\s?$""",
    re.IGNORECASE | re.VERBOSE,
)
#: Anywhere before: a word for something that has an address.
_NETWORK = re.compile(
    r"""(?i:(?<![a-z])(?<!big-)(?:ip(?:s|v4)? | addr | address(?:es)? | cidr | dns | gateway | hosts?
        | hostname | inet | nameservers? | netmask | nslookup | ping | resolver | ssh | subnet | telnet
        | traceroute | whois)(?![a-z]))
    | (?<=[a-z])(?:I[Pp] | Addr | Address | Host)(?![a-z])
    | (?i:(?<![a-z])(?:client | peer | proxy | remote | router | server | src | dst)
        ["']?\s?[=:(]\s?[("']{0,2}$)
    | //(?:[^\s/@]*@)?$ | \(\[$ | ::ffff:$""",
    re.VERBOSE,
)
#: Directly after: a port, a prefix length, or the fields of a server log after an address.
_NETWORK_AFTER = re.compile(
    r":\d{1,5}(?!\d)|/(?:[89]|[12]\d|3[0-2])(?![\d.])|[\"')]*,?\sport\b| - \S{1,32} \["
)
_PINNED = re.compile(r"[\w\])]\s?(?:===?|!=)\s?$")
#: Directly before: a change of version, or a comparison of versions.
_CHANGED = re.compile(
    r"""(?<!\w)(?:(?:up|down)grad|updat|patch|bump)\w*\s(?:[^\n]{0,32}\s)?\(?(?:to|from)\s(?:\w+\s)?$
    | (?<!\w)(?:before|prior\sto|(?:earlier|later|older|newer)\sthan)\s$""",
    re.IGNORECASE | re.VERBOSE,
)
#: Directly before: the name of a package, or of a program in a user agent.
_PACKAGE = re.compile(
    r"(?<![\w.])[A-Za-z][A-Za-z0-9+]*(?:[-_][A-Za-z0-9+]+)+[\s|:=,\"'`]{1,12}$"
    r"|(?<![\w./-])[A-Za-z][\w+-]*/$"
)
#: Bounds on the four numbers of a version: on the first, on their sum, and on the sum after a package's name.
#: Uniform over public addresses, 1 in 7,000 passes the first two and 1 in 200 the first and third: this is
#: the share of addresses that stay unmasked where no word about networks is near.
_MAX_FIRST, _MAX_SUM, _MAX_PACKAGE_SUM = 20, 64, 192


def is_numbering(text: str, start: int, end: int, *, by_size: bool = True) -> bool:
    """Return whether the four numbers at text[start:end] are a version or section instead of an address.

    Small numbers alone are none where not `by_size`: private networks begin with 10, and count from there.

    >>> is_numbering("zstd 1.5.7.2", 5, 12), is_numbering("IP 1.5.7.2", 3, 10)
    (True, False)
    """
    first = max(0, start - _CONTEXT_CHARACTERS)
    if _NUMBERED.search(text, first, start):
        return True
    numbers = list(map(int, text[start:end].split(".")))
    if len(set(numbers)) == 1 or _NETWORK.search(text, first, start):  # 8.8.8.8 is a name server
        return False
    if _NETWORK_AFTER.match(text, end):
        return False
    if _PINNED.search(text, first, start):
        return True
    is_package = _PACKAGE.search(text, first, start) is not None
    limit = _MAX_PACKAGE_SUM if is_package else _MAX_SUM
    is_small = sum(numbers) < limit and (by_size or is_package)
    return numbers[0] < _MAX_FIRST and (is_small or bool(_CHANGED.search(text, first, start)))
