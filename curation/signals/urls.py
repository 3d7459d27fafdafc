"""Signals of where a document was found: its address on lists, and words in it; 0.0 where it has none."""

from __future__ import annotations

import functools
import gzip
import re
from collections.abc import Iterator
from typing import Literal
from urllib.parse import unquote

import fsspec

from curation.signals.blocklist import Blocklist, below, load, suffixes
from curation.signals.registry import FilePath, ListPath, signal
from curation.text.address import split_url
from curation.text.text import Text


@signal
def blocked_entry_count(
    text: Text, *, lists: tuple[ListPath, ...], allow: tuple[ListPath, ...] = ()
) -> float:
    """Entries of the lists that the document's address falls under: its path, its host, domains above it.

    What stands on an `allow` list ends the count there, so that good.example.org can be allowed where
    example.org is blocked: the longer entry decides. Lists: `curation.signals.blocklist`.
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
    """Yield what entries with a path may be called, if there are any of this host; all without `www.`."""
    if path:
        name = host.removeprefix("www.")
        if any(each is not None and each.paths and f"{name}/" in each for each in lists):
            yield from below(name, path)


_APART = re.compile(r"[\W_]+")


@signal
def url_word_count(
    text: Text,
    *,
    words: tuple[str, ...] = (),
    list: FilePath | None = None,
    where: Literal["word", "anywhere"] = "word",
) -> float:
    """How many of the words stand in the document's address, each counted once, whatever the case.

    `list` names a file of further words, one a line (packed: .gz). `where: word` takes runs of letters and
    digits as words; `anywhere` also finds them inside longer ones. Percent signs stand for what they encode.

    >>> url_word_count(Text("", url="http://a.org/FREE-Casino%21"), words=("casino", "free", "reef"))
    2.0
    """
    if not text.url:
        return 0.0
    url = (unquote(text.url) if "%" in text.url else text.url).lower()
    sought = _sought(words, list)
    if where == "anywhere":
        return float(sum(map(url.__contains__, sought)))
    return float(len(sought.intersection(_APART.split(url))))


@functools.lru_cache(maxsize=16)
def _sought(words: tuple[str, ...], path: str | None) -> frozenset[str]:
    found = set(words)
    if path is not None:
        with fsspec.open(path, "rb") as stream:
            data = gzip.decompress(stream.read()) if path.endswith(".gz") else stream.read()
        found |= {line.strip() for line in data.decode("utf-8", "replace").splitlines()}
    return frozenset(each.lower() for each in found if each and not each.startswith("#"))
