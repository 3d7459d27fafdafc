"""Checks of the files that signals read, without loading them: no damaged file may reach a worker.

fastText does not notice a truncated model. It returns what lies in memory, crashes the process with a
division by zero, or allocates until memory runs out. So the structure of the file is checked here.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from io import TextIOWrapper
from typing import Any

import fsspec

from curation.files.packed_file import open_unpacked

_BLOCK_BYTES = 1 << 20
_MAGIC, _VERSIONS = 793712314, (11, 12)
_LABEL = 1  # type of a dictionary entry; 0 is a word
_QUOTED_CHARACTERS = 60  # of a wrong line, in an error


class DamagedFile(ValueError):
    """A file has the wrong format or is truncated."""


class _Cursor:
    """A file that is read forward; reading past its end means that it is truncated."""

    def __init__(self, path: str, stream: Any, size: int) -> None:
        self.path, self.stream, self.size = path, stream, size
        self.position = 0

    def numbers(self, layout: str, what: str) -> tuple[int, ...]:
        """Read the next little-endian numbers."""
        size = struct.calcsize(f"<{layout}")
        data = self.stream.read(size)
        self.position += size
        if len(data) < size:
            raise self.truncated(what)
        return struct.unpack(f"<{layout}", data)

    def skip(self, count: int, what: str) -> None:
        """Skip bytes."""
        self.position += count
        if count < 0 or self.position > self.size:
            raise self.truncated(what)
        self.stream.seek(self.position)

    def truncated(self, what: str) -> DamagedFile:
        """Return the error with the place where the file ends."""
        return DamagedFile(
            f"'{self.path}' is truncated: it ends after {self.size:,} bytes, within its {what}"
        )


def fasttext_labels(path: str) -> list[str]:
    """Return the labels of a fastText model (.bin or .ftz), without `__label__`.

    Only the dictionary and the sizes of the matrices are read. The file must be as long as they require.

    Raises:
        DamagedFile: the file is not a fastText model or is truncated.
    """
    with fsspec.open(path, "rb") as stream:
        cursor = _Cursor(path, stream, stream.seek(0, 2))
        stream.seek(0)
        if (
            cursor.size < struct.calcsize("<ii")
            or (header := cursor.numbers("ii", "header"))[0] != _MAGIC
            or header[1] not in _VERSIONS
        ):
            raise DamagedFile(
                f"'{path}' is not a fastText model; expected a .bin or .ftz file saved by fastText"
            )
        cursor.numbers("12id", "settings")
        labels, pruned = _dictionary(cursor)
        cursor.skip(8 * max(0, pruned), "list of pruned words")
        (quantized,) = cursor.numbers("b", "input matrix")
        _matrix(cursor, bool(quantized), "input matrix")
        (quantized_output,) = cursor.numbers("b", "output matrix")
        _matrix(cursor, bool(quantized and quantized_output), "output matrix")
    return labels


def _dictionary(cursor: _Cursor) -> tuple[list[str], int]:
    """Return (labels, number of pruned words); a dictionary entry is text, NUL, count, type."""
    size, _, _, _, pruned = cursor.numbers("iiiqq", "header")
    labels, buffer, start = [], b"", 0
    for _ in range(size):
        end = buffer.find(b"\0", start)
        while end < 0 or end + 10 > len(buffer):
            block = cursor.stream.read(_BLOCK_BYTES)
            if not block:
                raise cursor.truncated("dictionary")
            cursor.position += start
            buffer, start = buffer[start:] + block, 0
            end = buffer.find(b"\0")
        if buffer[end + 9] == _LABEL:
            labels.append(buffer[start:end].decode("utf-8", "replace").removeprefix("__label__"))
        start = end + 10
    cursor.skip(start, "dictionary")
    return labels, pruned


def _matrix(cursor: _Cursor, quantized: bool, what: str) -> None:
    if not quantized:
        rows, columns = cursor.numbers("qq", what)
        cursor.skip(4 * rows * columns, what)
        return
    normed, rows, _, codes = cursor.numbers("bqqi", what)
    cursor.skip(codes, what)
    _centroids(cursor, what)
    if normed:
        cursor.skip(rows, what)
        _centroids(cursor, what)


def _centroids(cursor: _Cursor, what: str) -> None:
    """Skip a product quantizer: 256 centroids of 32-bit floats per dimension."""
    dimensions, _, _, _ = cursor.numbers("4i", what)
    cursor.skip(4 * 256 * dimensions, what)


def _json(path: str) -> None:
    with fsspec.open(path, "rb") as stream:
        try:
            json.load(stream)
        except ValueError as error:
            raise DamagedFile(f"'{path}' is not JSON or is truncated: {error}") from None


def _lines(path: str) -> None:
    """Read a list to its end, which shows whether a compressed one has it."""
    try:
        with open_unpacked(path) as stream:
            while stream.read(_BLOCK_BYTES):
                continue
    except OSError as error:
        raise DamagedFile(f"'{path}' cannot be read or is truncated: {error}") from None


def word_counts(path: str) -> dict[str, int]:
    """Return word -> count of a file with lines `word TAB count`, compressed or not.

    Raises:
        DamagedFile: a line has another format.
    """
    counts = {}
    try:
        with TextIOWrapper(open_unpacked(path), encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                word, _, count = line.rstrip("\n").partition("\t")
                if not count.isdecimal():
                    quoted = line.strip()[:_QUOTED_CHARACTERS]
                    raise DamagedFile(f"'{path}' line {number}: expected WORD TAB COUNT, found {quoted!r}")
                counts[word] = int(count)
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedFile(f"'{path}' is not a list of words or is truncated: {error}") from None
    return counts


def importance_weights(path: str) -> list[float]:
    """Return the log weight of every bucket, from a file written by `curate quality dsir`.

    Raises:
        DamagedFile: the file has another format.
    """
    with fsspec.open(path, "rt", encoding="utf-8") as stream:
        try:
            weights = json.load(stream)["log_ratios"]
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedFile(f"'{path}' has no importance weights: {error!r}") from None
    if not weights or not all(isinstance(value, float) and math.isfinite(value) for value in weights):
        raise DamagedFile(f"'{path}' has no importance weights: expected a list of numbers")
    return list(weights)


#: Option -> check of the file that it names; files of other options are lists.
_CHECKS: dict[str, Callable[[str], object]] = {
    "model": fasttext_labels,
    "tokenizer": _json,
    "counts": word_counts,
    "weights": importance_weights,
}


def damage(option: str, path: str) -> str | None:
    """Return what is wrong with the file that an option names, or None."""
    try:
        _CHECKS.get(option, _lines)(path)
    except DamagedFile as error:
        return str(error)
    return None
