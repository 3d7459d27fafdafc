"""Versions, sections and object identifiers of four numbers, told from IPv4 addresses, which look alike.

What stands directly before the four decides (`version`, `since`, `>=`), then whether anything near has an
address (`host`, a port), then a change (`upgraded to`), then how small they are, after a package's name too.
"""

from __future__ import annotations

import re

_BEFORE_CHARACTERS = 48
#: Directly before: a word or a sign for a number that is no address, whatever else stands there.
_NUMBERED = re.compile(
    r"""(?:(?<![^\W_])(?:v(?:er(?:\.|sions?_{0,2})?|\.)? | versi[oó]n(?:es)? | vers[aã]o | версия | версии
        | since | releases? | build | firmware | driver | oid | object[ ]?identifier
        | sections? | chapter | clause | article | sec | art | para)\.?
      | § | 版本 | バージョン | 버전)
    (?:\s(?:number|is))? [\s"'`=:>(\[]{0,6}$
    | (?:>|<|~|&gt;|&lt;)=\s?$ | [≥≤]\s?$ | ~>\s?$""",
    re.IGNORECASE | re.VERBOSE,
)
#: Somewhere before: what has an address.
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
#: Directly after: a port, the length of a network's prefix, what a server's log has beside an address.
_NETWORK_AFTER = re.compile(
    r":\d{1,5}(?!\d)|/(?:[89]|[12]\d|3[0-2])(?![\d.])|[\"')]*,?\sport\b| - \S{1,32} \["
)
_PINNED = re.compile(r"[\w\])]\s?(?:===?|!=)\s?$")
#: Directly before: what says that a program changed, or of which version something is said.
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
#: One public address in 7,000 begins below 20, as versions do, and adds up to less than 64; one in 200, to
#: less than 192. So much is lost where nothing near has an address, and where a package is named before.
_FIRST = 20
_SUM, _PACKAGE_SUM = 64, 192


def is_numbering(text: str, start: int, end: int) -> bool:
    """Tell whether the four numbers at text[start:end] number something and are no address.

    >>> is_numbering("zstd 1.5.7.2", 5, 12), is_numbering("IP 1.5.7.2", 3, 10)
    (True, False)
    """
    first = max(0, start - _BEFORE_CHARACTERS)
    if _NUMBERED.search(text, first, start):
        return True
    numbers = [int(each) for each in text[start:end].split(".")]
    if len(set(numbers)) == 1 or _NETWORK.search(text, first, start):  # 8.8.8.8 is a resolver, no version
        return False
    if _NETWORK_AFTER.match(text, end):
        return False
    if _PINNED.search(text, first, start):
        return True
    most = _PACKAGE_SUM if _PACKAGE.search(text, first, start) else _SUM
    return numbers[0] < _FIRST and (sum(numbers) < most or bool(_CHANGED.search(text, first, start)))
