"""Whether a file that a signal reads is whole, without loading it: a damaged one must not reach a worker.

fastText reads a model that was cut short without a word and answers with what lies in memory, or divides by
zero and takes the process with it, or asks for memory until there is none. So its structure is walked here.
"""

from __future__ import annotations

import gzip
import json
import math
import struct
import zlib
from collections.abc import Callable
from typing import Any

import fsspec

_BLOCK_BYTES = 1 << 20
_MAGIC, _VERSIONS = 793712314, (11, 12)
_LABEL = 1  # of a dictionary entry; 0 is a word
_QUOTED_CHARACTERS = 60  # of a line that is wrong


class DamagedFile(ValueError):
    """A file that is not what it should be, or only the first part of it."""


class _Walk:
    """A file that is read forward; more than it holds means that it was cut short."""

    def __init__(self, path: str, stream: Any, size: int) -> None:
        self.path, self.stream, self.size = path, stream, size
        self.at = 0

    def numbers(self, layout: str, what: str) -> tuple[int, ...]:
        """Return the little-endian numbers that stand next."""
        wanted = struct.calcsize(f"<{layout}")
        data = self.stream.read(wanted)
        self.at += wanted
        if len(data) < wanted:
            raise self.short(what)
        return struct.unpack(f"<{layout}", data)

    def skip(self, count: int, what: str) -> None:
        """Go on by so many bytes."""
        self.at += count
        if count < 0 or self.at > self.size:
            raise self.short(what)
        self.stream.seek(self.at)

    def short(self, what: str) -> DamagedFile:
        """Return the error that says where the file ends."""
        return DamagedFile(
            f"'{self.path}' is cut short: it ends after {self.size:,} bytes, within its {what}"
        )


def fasttext_labels(path: str) -> list[str]:
    """Return the labels of a fastText model (.bin or .ftz), without their `__label__`.

    Only the dictionary is read, of the matrices their sizes: the file must be as long as they say.

    Raises:
        DamagedFile: it is no such model, or cut short.
    """
    with fsspec.open(path, "rb") as stream:
        walk = _Walk(path, stream, stream.seek(0, 2))
        stream.seek(0)
        if walk.size < 8 or (found := walk.numbers("ii", "header"))[0] != _MAGIC or found[1] not in _VERSIONS:
            raise DamagedFile(f"'{path}' is no fastText model; expected a .bin or .ftz that fastText saved")
        walk.numbers("12id", "settings")
        labels, pruned = _dictionary(walk)
        walk.skip(8 * max(0, pruned), "list of pruned words")
        (quantized,) = walk.numbers("b", "input matrix")
        _matrix(walk, bool(quantized), "input matrix")
        (quantized_output,) = walk.numbers("b", "output matrix")
        _matrix(walk, bool(quantized and quantized_output), "output matrix")
    return labels


def _dictionary(walk: _Walk) -> tuple[list[str], int]:
    """Return (labels, entries of the list of pruned words); an entry is a text, NUL, a count, a type."""
    size, _, _, _, pruned = walk.numbers("iiiqq", "header")
    labels, buffer, place = [], b"", 0
    for _ in range(size):
        end = buffer.find(b"\0", place)
        while end < 0 or end + 10 > len(buffer):
            block = walk.stream.read(_BLOCK_BYTES)
            if not block:
                raise walk.short("dictionary")
            walk.at += place
            buffer, place = buffer[place:] + block, 0
            end = buffer.find(b"\0")
        if buffer[end + 9] == _LABEL:
            labels.append(buffer[place:end].decode("utf-8", "replace").removeprefix("__label__"))
        place = end + 10
    walk.skip(place, "dictionary")
    return labels, pruned


def _matrix(walk: _Walk, quantized: bool, what: str) -> None:
    if not quantized:
        rows, columns = walk.numbers("qq", what)
        walk.skip(4 * rows * columns, what)
        return
    normed, rows, _, codes = walk.numbers("bqqi", what)
    walk.skip(codes, what)
    _centroids(walk, what)
    if normed:
        walk.skip(rows, what)
        _centroids(walk, what)


def _centroids(walk: _Walk, what: str) -> None:
    """Skip a product quantizer: 256 centroids of 32-bit floats in each dimension."""
    dimensions, _, _, _ = walk.numbers("4i", what)
    walk.skip(4 * 256 * dimensions, what)


def _json(path: str) -> None:
    with fsspec.open(path, "rb") as stream:
        try:
            json.load(stream)
        except ValueError as error:
            raise DamagedFile(f"'{path}' is no JSON, or cut short: {error}") from None


def _lines(path: str) -> None:
    """Read a packed list to its end; one that is not packed has no mark of its end."""
    if not path.endswith(".gz"):
        return
    with fsspec.open(path, "rb") as stream, gzip.open(stream) as unpacked:
        try:
            while unpacked.read(_BLOCK_BYTES):
                continue
        except (OSError, EOFError) as error:
            raise DamagedFile(f"'{path}' is no gzip file, or cut short: {error}") from None


def word_counts(path: str) -> dict[str, int]:
    """Return word -> count of a list of `word TAB count`, packed or not.

    Raises:
        DamagedFile: a line is something else.
    """
    counts = {}
    try:
        with fsspec.open(path, "rt", encoding="utf-8", compression="infer") as lines:
            for number, line in enumerate(lines, 1):
                word, _, count = line.rstrip("\n").partition("\t")
                if not count.isdecimal():
                    found = line.strip()[:_QUOTED_CHARACTERS]
                    raise DamagedFile(f"'{path}' line {number}: expected WORD TAB COUNT, found {found!r}")
                counts[word] = int(count)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise DamagedFile(f"'{path}' is no list of words, or cut short: {error}") from None
    return counts


def importance_weights(path: str) -> list[float]:
    """Return the logarithm of each bucket's weight, as `curate quality dsir` wrote them.

    Raises:
        DamagedFile: the file is something else.
    """
    with fsspec.open(path, "rt", encoding="utf-8") as stream:
        try:
            found = json.load(stream)["log_ratios"]
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedFile(f"'{path}' holds no importance weights: {error!r}") from None
    if not found or not all(isinstance(each, float) and math.isfinite(each) for each in found):
        raise DamagedFile(f"'{path}' holds no importance weights: expected a list of numbers")
    return list(found)


#: What a file under an option of this name must be; a list otherwise.
_CHECKS: dict[str, Callable[[str], object]] = {
    "model": fasttext_labels,
    "tokenizer": _json,
    "counts": word_counts,
    "weights": importance_weights,
}


def damage(option: str, path: str) -> str | None:
    """Return what is wrong with the file that an option names; None where it is whole."""
    try:
        _CHECKS.get(option, _lines)(path)
    except DamagedFile as error:
        return str(error)
    return None
