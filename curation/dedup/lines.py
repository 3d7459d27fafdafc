"""Lines and paragraphs by their hashes: which ones a text has, and the text without some of them.

A table of the lines to take out is two sorted arrays that workers map into memory: the line's hash, and the
one document that keeps it. So texts never move: both passes look at a document where it lies.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import numpy as np
import xxhash
from numpy.typing import NDArray

Unit = Literal["line", "paragraph"]
#: Of a line that no document keeps.
NOBODY = 0
_BREAK = re.compile(r"\n(?:[^\S\n]*\n)+")
_DIGIT = re.compile(r"\d")


def hashed(text: str) -> int:
    """Return a signed 64-bit hash of a text, never `NOBODY`."""
    value = int(xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))) or 1
    return value - (1 << 64) if value >> 63 else value


def spans(text: str, unit: Unit) -> Iterator[tuple[int, int]]:
    r"""Yield where each line or paragraph begins and ends, its line feeds included: together the whole text.

    >>> [("a\nb\n\nc")[a:b] for a, b in spans("a\nb\n\nc", "paragraph")]
    ['a\nb\n\n', 'c']
    """
    start = 0
    breaks = (found.end() for found in _BREAK.finditer(text))
    if unit == "line":
        breaks = (found.end() for found in re.finditer("\n", text))
    for end in breaks:
        yield start, end
        start = end
    if start < len(text):
        yield start, len(text)


def line_hash(line: str, least: int) -> int | None:
    """Return the hash of a line but for case, digits and white space; None where it is shorter than `least`.

    >>> line_hash("Page 12 of  40 ", 5) == line_hash("page 73 of 99", 5), line_hash("}", 5)
    (True, None)
    """
    normal = " ".join(line.split())
    if len(normal) < least:
        return None
    return hashed(_DIGIT.sub("0", normal.casefold()))


def site(url: str | None) -> str:
    """Return the host name of an address, without `www.`; empty where there is none.

    >>> site("https://www.Example.org:80/a"), site("http://[bad"), site(None)
    ('example.org', '', '')
    """
    try:
        return (urlsplit(url or "").hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def on_site(line: int, where: str) -> int:
    """Return the hash of a line on a site."""
    return hashed(f"{line} {where}")


@dataclass(frozen=True, slots=True)
class Removed:
    """A text without repeated lines.

    Attributes:
        text: what is left.
        repeated, boilerplate: characters that went for being in many documents, and on most pages of a site.
    """

    text: str
    repeated: int
    boilerplate: int


class Table:
    """The lines to take out: hash -> the document that keeps it."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Open what `write_table` left in a folder."""
        self._lines = np.load(Path(folder, "lines.npy"), mmap_mode="r")
        self._owners = np.load(Path(folder, "owners.npy"), mmap_mode="r")

    def owners(self, lines: Sequence[int]) -> list[int | None]:
        """Return, of each line, the document that keeps it, `NOBODY`, or None where it stays everywhere."""
        if not len(self._lines):
            return [None] * len(lines)
        wanted = np.array(lines, np.int64)
        at = np.minimum(np.searchsorted(self._lines, wanted), len(self._lines) - 1)
        found = self._lines[at] == wanted
        return [int(owner) if here else None for owner, here in zip(self._owners[at], found, strict=True)]

    def without(
        self, text: str, document: int, where: str, *, unit: Unit, least: int, min_words_left: int
    ) -> Removed:
        """Return a text without the lines that are another document's, or its site's."""
        parts = list(spans(text, unit))
        lines = [line_hash(text[start:end], least) for start, end in parts]
        known = [(part, line) for part, line in zip(parts, lines, strict=True) if line is not None]
        owners = self.owners([line for _, line in known])
        sites = self.owners([on_site(line, where) for _, line in known]) if where else [None] * len(known)
        gone = {part: here is None for (part, _), there, here in zip(known, owners, sites, strict=True)
                if here is not None or there not in (None, document)}  # fmt: skip
        left = "".join(text[start:end] for start, end in parts if (start, end) not in gone).rstrip("\n")
        if not gone or len(left.split()) < min_words_left:
            return Removed(text, 0, 0)
        removed = len(text) - len(left)
        repeated = sum(end - start for (start, end), again in gone.items() if again)
        boilerplate = removed - repeated if len(set(gone.values())) > 1 else removed * (not repeated)
        return Removed(left, removed - boilerplate, boilerplate)


def write_table(folder: str, lines: NDArray[np.int64], owners: NDArray[np.int64]) -> None:
    """Write the lines to take out, and who keeps each, into a folder; the order does not matter."""
    order = np.argsort(lines, kind="stable")
    Path(folder).mkdir(parents=True, exist_ok=True)
    np.save(Path(folder, "lines.npy"), lines[order])
    np.save(Path(folder, "owners.npy"), owners[order])
