"""Signals of a document's URL: entries of block lists, and words in it; 0.0 if there is no URL."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Literal
from urllib.parse import unquote

from curation.files.packed_file import open_unpacked
from curation.signals.blocklist import Blocklist, load, path_prefixes, suffixes
from curation.signals.registry import FilePath, ListPath, signal
from curation.text.address import split_url
from curation.text.text import Text


@signal
def blocked_entry_count(
    text: Text, *, lists: tuple[ListPath, ...], allow: tuple[ListPath, ...] = ()
) -> float:
    """Entries of the lists that match the document's URL: by path, by host, by parent domains.

    Longer entries are looked up first, and an entry on an `allow` list ends the count. So good.example.org
    can be allowed although example.org is blocked. `curation.signals.blocklist` describes the lists.
    """
    return float(_blocked(text.url, load(lists), load(allow) if allow else None)) if text.url else 0.0


def _blocked(url: str, blocked: Blocklist, allowed: Blocklist | None) -> int:
    host, path = split_url(url)
    count = 0
    for name in (*_paths(host, path, blocked, allowed), *suffixes(host)):
        if allowed is not None and name in allowed:
            break
        if name in blocked:
            count += 1
    return count


def _paths(host: str, path: str, *lists: Blocklist | None) -> Iterator[str]:
    """Yield the possible entries with a path, without `www.`, if the lists have any for this host."""
    if path:
        name = host.removeprefix("www.")
        if any(entries is not None and entries.paths and f"{name}/" in entries for entries in lists):
            yield from path_prefixes(name, path)


_SEPARATORS = re.compile(r"[\W_]+")


@signal
def url_word_count(
    text: Text,
    *,
    words: tuple[str, ...] = (),
    list: FilePath | None = None,
    where: Literal["word", "anywhere"] = "word",
    ignore: str = "",
) -> float:
    """How many of the words occur in the document's URL; a word counts once, and case does not matter.

    `list` names a file with more words, one per line, compressed or not. With `where: word` the words of a
    URL are its runs of letters and digits; `anywhere` also finds words inside longer ones. Percent-encoding
    is decoded. The characters of `ignore` are taken out of the URL first: with `ignore: "-."` (DCLM's bans by
    URL, Li et al. 2024) `free-casi.no` holds "freecasino".

    >>> url_word_count(Text("", url="http://a.org/FREE-Casino%21"), words=("casino", "free", "reef"))
    2.0
    """
    if not text.url:
        return 0.0
    url = (unquote(text.url) if "%" in text.url else text.url).lower()
    for character in ignore:
        url = url.replace(character, "")
    wanted = _word_set(words, list)
    if where == "anywhere":
        return float(sum(map(url.__contains__, wanted)))
    return float(len(wanted.intersection(_SEPARATORS.split(url))))


@functools.lru_cache(maxsize=16)
def _word_set(words: tuple[str, ...], path: str | None) -> frozenset[str]:
    result = set(words)
    if path is not None:
        with open_unpacked(path) as stream:
            text = stream.read().decode("utf-8", "replace")
        result |= {line.strip() for line in text.splitlines()}
    return frozenset(word.lower() for word in result if word and not word.startswith("#"))
