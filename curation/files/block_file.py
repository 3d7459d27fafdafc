"""Random access to one file behind any fsspec URL, in aligned blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, Self

import fsspec

_BLOCK_BYTES = 256 * 2**10
_STEP_BYTES = 2**12


class Blocks(Protocol):
    """Bytes that can be read anywhere: a file, or a part of one."""

    url: str
    size_bytes: int

    def piece(self, offset: int) -> bytes:
        """Return some bytes from `offset` on; empty at the end."""

    def at(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes at `offset`; fewer only at the end."""


def pieces(source: Blocks, offset: int = 0) -> Iterator[bytes]:
    """Yield the bytes from `offset` to the end."""
    while piece := source.piece(offset):
        yield piece
        offset += len(piece)


class Steps:
    """The bytes of a file in small pieces; `position` is where the one handed out last begins."""

    def __init__(self, source: Blocks) -> None:
        self._source = source
        self.position = 0

    def __iter__(self) -> Iterator[bytes]:
        following = 0
        for piece in pieces(self._source):
            for start in range(0, len(piece), _STEP_BYTES):
                step = piece[start : start + _STEP_BYTES]
                self.position, following = following, following + len(step)
                yield step


class Section:
    """A part of a file, as if it were one."""

    def __init__(self, source: Blocks, url: str, base: int, size_bytes: int) -> None:
        self._source = source
        self._base = base
        self.url = url
        self.size_bytes = min(size_bytes, max(0, source.size_bytes - base))

    def piece(self, offset: int) -> bytes:
        """Return some bytes from `offset` on; empty at the end."""
        return self._source.piece(self._base + offset)[: max(0, self.size_bytes - offset)]

    def at(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes at `offset`; fewer only at the end."""
        return self._source.at(self._base + offset, min(count, max(0, self.size_bytes - offset)))


class BlockFile:
    """One open file. Blocks start at multiples of 256 KiB, so what a reader sees never depends on its split.

    Raises what the file system raises (FileNotFoundError, PermissionError, OSError), and OSError where the
    file ends before the size that it had when it was opened.
    """

    def __init__(self, url: str) -> None:
        self._file: Any = fsspec.open(url, "rb").open()
        self.url = url
        self.size_bytes = int(self._file.seek(0, 2))
        self._blocks: dict[int, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def piece(self, offset: int) -> bytes:
        """Return the bytes from `offset` to the end of its block; empty at the end of the file."""
        if offset >= self.size_bytes:
            return b""
        number, within = divmod(offset, _BLOCK_BYTES)
        return self._block(number)[within:]

    def at(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes at `offset`; fewer only at the end of the file."""
        end = min(offset + count, self.size_bytes)
        parts = []
        while offset < end:
            number, within = divmod(offset, _BLOCK_BYTES)
            parts.append(self._block(number)[within : within + end - offset])
            offset += len(parts[-1])
        return b"".join(parts)

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            if len(self._blocks) >= 4:
                self._blocks.pop(next(iter(self._blocks)))
            start = number * _BLOCK_BYTES
            self._blocks[number] = self._read(start, min(_BLOCK_BYTES, self.size_bytes - start))
        return self._blocks[number]

    def _read(self, start: int, count: int) -> bytes:
        # A raw remote file may return fewer bytes than asked for without being at its end.
        self._file.seek(start)
        parts: list[bytes] = []
        while count > 0:
            part = self._file.read(count)
            if not part:
                raise OSError(
                    f"{self.url}: ends after {start + sum(map(len, parts)):,} bytes, but had"
                    f" {self.size_bytes:,} when it was opened; files must not change while they are read"
                )
            parts.append(part)
            count -= len(part)
        return b"".join(parts)
