"""Lines and paragraphs by their hashes: which ones a text has, and the text without some of them.

The table of the lines to remove is two sorted arrays that workers map into memory: a line's hash, and the
document that keeps the line. So texts are never shuffled: both passes read a document in its partition.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from curation.dedup.words import mix64
from curation.text.parts import Unit, parts, span_of

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]
#: The owner of a line that no document keeps, and the site of a document that has none.
NOBODY = 0
_DIGIT = re.compile(r"\d")


def hashed(text: str) -> int:
    """Return a signed 64-bit hash of a text, never `NOBODY`."""
    return _signed(text.encode("utf-8", "surrogatepass"))


def _signed(data: bytes) -> int:
    value = int(xxhash.xxh3_64_intdigest(data)) or 1
    return value - (1 << 64) if value >> 63 else value


def line_hash(line: str, min_characters: int) -> int | None:
    """Return a hash that ignores case, white space and which digits a line has; None for a shorter line.

    >>> line_hash("Page 12 of  40 ", 5) == line_hash("page 73 of 99", 5), line_hash("}", 5)
    (True, None)
    """
    if len(line) < min_characters:
        return None
    if line.isascii():  # nearly all are; a table of bytes gives the same, several times as fast
        plain = line.encode().translate(_FOLDED)
        plain = b" ".join(plain.split()) if b"  " in plain else plain.strip(b" ")
        return _signed(plain) if len(plain) >= min_characters else None
    normal = " ".join(line.split())
    return hashed(_DIGIT.sub("0", normal.casefold())) if len(normal) >= min_characters else None


def part_hashes(text: str, unit: Unit, min_characters: int) -> list[int | None]:
    """Return the hash of each part of a text; of spans of three sentences, at the first sentence of each.

    None for what has fewer characters, and for a sentence with which no span begins.
    """
    pieces, size = parts(text, unit), span_of(unit)
    if size == 1:
        return [line_hash(piece, min_characters) for piece in pieces]
    spans = ["".join(pieces[i : i + size]) for i in range(len(pieces) - size + 1)]
    return [*(line_hash(span, min_characters) for span in spans), *[None] * (len(pieces) - len(spans))]


def _spread(begins: Flags, unit: Unit) -> Flags:
    """Return which parts lie in a span that begins where `begins` says so."""
    inside = begins.copy()
    for distance in range(1, span_of(unit)):
        inside[distance:] |= begins[:-distance]
    return inside


def _folded(byte: int) -> int:
    character = chr(byte)
    if character.isspace():
        return ord(" ")
    return ord("0") if character.isdigit() else ord(character.lower())


#: ASCII byte -> lower case, 0 for a digit, a space for white space; other bytes stay.
_FOLDED = bytes(_folded(byte) if byte < 128 else byte for byte in range(256))


def on_site(lines: Numbers, sites: Numbers) -> Numbers:
    """Return the hashes of lines on sites, both given by their hashes."""
    return mix64(mix64(lines.view(np.uint64)) ^ sites.view(np.uint64)).view(np.int64)


@dataclass(frozen=True, slots=True)
class Removed:
    """A text without repeated lines.

    Attributes:
        text: what is left.
        repeated: characters of removed lines that many documents have.
        boilerplate: characters of removed lines that most pages of the site have.
    """

    text: str
    repeated: int
    boilerplate: int


class Table:
    """The lines to remove: hash of a line -> the document that keeps it."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Open what `write_table` wrote into a folder."""
        self._lines, self._owners = (
            np.asarray(np.load(Path(folder, f"{name}.npy"), mmap_mode="r")) for name in ("lines", "owners")
        )

    def owners(self, lines: Numbers) -> tuple[Numbers, Flags]:
        """Return the document that keeps each line (or `NOBODY`), and whether the line is in the table."""
        if not len(self._lines):
            return np.zeros_like(lines), np.zeros(len(lines), np.bool_)
        positions = np.minimum(np.searchsorted(self._lines, lines), len(self._lines) - 1)
        return self._owners[positions], self._lines[positions] == lines

    def without(
        self,
        texts: Sequence[str],
        documents: Sequence[int],
        sites: Sequence[int],
        *,
        unit: Unit,
        min_characters: int,
        min_words_left: int,
    ) -> dict[int, Removed]:
        """Return row -> what is left of its text, for each text that has lines to remove.

        A line is removed where another document owns it, or where most pages of the text's site have it.

        Args:
            texts: the texts.
            documents: hashes of their ids.
            sites: hashes of the sites that they are from, or `NOBODY`.
            unit: what a line is; a span of three sentences goes whole.
            min_characters: shorter lines stay.
            min_words_left: a text that would be left with fewer words stays as it is.
        """
        hashes = [part_hashes(text, unit, min_characters) for text in texts]
        counts = np.array([len(lines) for lines in hashes], np.int64)
        flat = [line for lines in hashes for line in lines]
        long_enough = np.array([line is not None for line in flat], np.bool_)
        lines = np.array([line or 0 for line in flat], np.int64)
        document, site = (np.repeat(np.array(values, np.int64), counts) for values in (documents, sites))
        owners, in_table = self.owners(lines)
        boilerplate = long_enough & (site != NOBODY)
        if boilerplate.any():
            boilerplate &= self.owners(on_site(lines, site))[1]
        boilerplate = _spread(boilerplate, unit)
        removed = boilerplate | _spread(long_enough & in_table & (owners != document), unit)
        ends = np.cumsum(counts)
        results = {}
        for row in np.unique(np.searchsorted(ends, np.flatnonzero(removed), side="right")).tolist():
            own = slice(ends[row] - counts[row], ends[row])
            flags = removed[own].tolist(), boilerplate[own].tolist()
            result = _without(texts[row], parts(texts[row], unit), *flags)
            if len(result.text.split()) >= min_words_left:
                results[row] = result
        return results


def _without(
    text: str, lines: Sequence[str], removed: Sequence[bool], boilerplate: Sequence[bool]
) -> Removed:
    """Return a text without its removed lines, and how many characters each of the two kinds took.

    Line feeds at the new end are removed too, and count as boilerplate where there is any.
    """
    left = "".join(line for line, is_removed in zip(lines, removed, strict=True) if not is_removed)
    left = left.rstrip("\n")
    characters = len(text) - len(left)
    if not any(boilerplate):
        return Removed(left, characters, 0)
    kinds = zip(lines, removed, boilerplate, strict=True)
    repeated = sum(len(line) for line, is_removed, is_menu in kinds if is_removed and not is_menu)
    return Removed(left, repeated, characters - repeated)


def write_table(folder: str | os.PathLike[str], lines: Numbers, owners: Numbers) -> None:
    """Write the lines to remove, and who keeps each, into a folder; their order does not matter."""
    order = np.argsort(lines, kind="stable")
    Path(folder).mkdir(parents=True, exist_ok=True)
    np.save(Path(folder, "lines.npy"), lines[order])
    np.save(Path(folder, "owners.npy"), owners[order])
