"""Lines and paragraphs by their hashes: which ones a text has, and the text without some of them.

A table of the lines to take out is two sorted arrays that workers map into memory: the line's hash, and the
one document that keeps it. So texts never move: both passes look at a document where it lies.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import xxhash
from numpy.typing import NDArray

from curation.dedup.words import mix64

Unit = Literal["line", "paragraph"]
Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]
#: Of a line that no document keeps.
NOBODY = 0
_BREAK = re.compile(r"\n(?:[^\S\n]*\n)+")
_DIGIT = re.compile(r"\d")


def hashed(text: str) -> int:
    """Return a signed 64-bit hash of a text, never `NOBODY`."""
    return _signed(text.encode("utf-8", "surrogatepass"))


def _signed(data: bytes) -> int:
    value = int(xxhash.xxh3_64_intdigest(data)) or 1
    return value - (1 << 64) if value >> 63 else value


def parts(text: str, unit: Unit) -> list[str]:
    r"""Return each line or paragraph, its line feeds included: together the whole text.

    >>> parts("a\nb\n\nc", "line"), parts("a\nb\n\nc", "paragraph")
    (['a\n', 'b\n', '\n', 'c'], ['a\nb\n\n', 'c'])
    """
    if unit == "line":
        *whole, last = text.split("\n")
        found = [f"{line}\n" for line in whole]
    else:
        ends = [0, *(each.end() for each in _BREAK.finditer(text))]
        found = [text[start:end] for start, end in itertools.pairwise(ends)]
        last = text[ends[-1] :]
    return [*found, last] if last else found


def line_hash(line: str, least: int) -> int | None:
    """Return the hash of a line but for case, digits and white space; None where it is shorter than `least`.

    >>> line_hash("Page 12 of  40 ", 5) == line_hash("page 73 of 99", 5), line_hash("}", 5)
    (True, None)
    """
    if len(line) < least:
        return None
    if line.isascii():  # nearly all are: the same by a table of bytes, several times as fast
        plain = line.encode().translate(_FOLDED)
        plain = b" ".join(plain.split()) if b"  " in plain else plain.strip(b" ")
        return _signed(plain) if len(plain) >= least else None
    normal = " ".join(line.split())
    return hashed(_DIGIT.sub("0", normal.casefold())) if len(normal) >= least else None


def _folded(byte: int) -> int:
    character = chr(byte)
    if character.isspace():
        return ord(" ")
    return ord("0") if character.isdigit() else ord(character.lower())


#: Byte -> itself without case, digits and kinds of white space, for ASCII.
_FOLDED = bytes(_folded(byte) if byte < 128 else byte for byte in range(256))


def on_site(lines: Numbers, sites: Numbers) -> Numbers:
    """Return the hashes of lines on sites, both given by their hashes."""
    return mix64(mix64(lines.view(np.uint64)) ^ sites.view(np.uint64)).view(np.int64)


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
        self._lines, self._owners = (
            np.asarray(np.load(Path(folder, f"{name}.npy"), mmap_mode="r")) for name in ("lines", "owners")
        )

    def owners(self, lines: Numbers) -> tuple[Numbers, Flags]:
        """Return, of each line, the document that keeps it, or `NOBODY`, and whether it is in the table."""
        if not len(self._lines):
            return np.zeros_like(lines), np.zeros(len(lines), np.bool_)
        at = np.minimum(np.searchsorted(self._lines, lines), len(self._lines) - 1)
        return self._owners[at], self._lines[at] == lines

    def without(
        self,
        texts: Sequence[str],
        documents: Sequence[int],
        sites: Sequence[int],
        *,
        unit: Unit,
        least: int,
        min_words_left: int,
    ) -> dict[int, Removed]:
        """Return place -> what is left, of the texts that have lines that are another document's or a site's.

        `documents` are the hashes of the texts' ids, `sites` those of where they are from, or `NOBODY`. Lines
        of fewer than `least` characters stay, as does a text that would be left with fewer words.
        """
        split = [parts(text, unit) for text in texts]
        hashes = [[line_hash(line, least) for line in lines] for lines in split]
        counts = np.array([len(each) for each in hashes], np.int64)
        flat = [line for each in hashes for line in each]
        known = np.array([line is not None for line in flat], np.bool_)
        lines = np.array([line or 0 for line in flat], np.int64)
        document, where = (np.repeat(np.array(each, np.int64), counts) for each in (documents, sites))
        owners, there = self.owners(lines)
        menu = known & (where != NOBODY)
        if menu.any():
            menu &= self.owners(on_site(lines, where))[1]
        gone = menu | (known & there & (owners != document))
        ends = np.cumsum(counts)
        found = {}
        for place in np.unique(np.searchsorted(ends, np.flatnonzero(gone), side="right")).tolist():
            own = slice(ends[place] - counts[place], ends[place])
            left = _left(texts[place], split[place], gone[own].tolist(), menu[own].tolist())
            if len(left.text.split()) >= min_words_left:
                found[place] = left
        return found


def _left(text: str, lines: Sequence[str], gone: Sequence[bool], menu: Sequence[bool]) -> Removed:
    """Return a text without the lines that are gone, and which of the two kinds took how much.

    Line feeds that would end the text go, too, and count for the boilerplate where there is any.
    """
    left = "".join(line for line, away in zip(lines, gone, strict=True) if not away).rstrip("\n")
    removed = len(text) - len(left)
    by_kind = [away and not site for away, site in zip(gone, menu, strict=True)]
    repeated = sum(len(line) for line, again in zip(lines, by_kind, strict=True) if again)
    boilerplate = removed - repeated if any(menu) else 0
    return Removed(left, removed - boilerplate, boilerplate)


def write_table(folder: str | os.PathLike[str], lines: Numbers, owners: Numbers) -> None:
    """Write the lines to take out, and who keeps each, into a folder; the order does not matter."""
    order = np.argsort(lines, kind="stable")
    Path(folder).mkdir(parents=True, exist_ok=True)
    np.save(Path(folder, "lines.npy"), lines[order])
    np.save(Path(folder, "owners.npy"), owners[order])
