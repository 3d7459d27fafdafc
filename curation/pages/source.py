"""Random access to one file behind any fsspec URL, in aligned blocks."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import fsspec

_BLOCK_BYTES = 256 * 2**10


class Source:
    """One open file. Blocks start at multiples of 256 KiB, so what a reader sees never depends on its split.

    Raises what the file system raises (FileNotFoundError, PermissionError, OSError).
    """

    def __init__(self, url: str) -> None:
        self._file: Any = fsspec.open(url, "rb").open()
        self.url = url
        self.size_bytes = int(self._file.seek(0, 2))
        self._blocks: dict[int, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def piece(self, offset: int) -> bytes:
        """Return the bytes from `offset` to the end of its block; empty at the end of the file."""
        if offset >= self.size_bytes:
            return b""
        number, within = divmod(offset, _BLOCK_BYTES)
        if number not in self._blocks:
            self._file.seek(number * _BLOCK_BYTES)
            if len(self._blocks) >= 4:
                self._blocks.pop(next(iter(self._blocks)))
            self._blocks[number] = self._read_fully(_BLOCK_BYTES)
        return self._blocks[number][within:]

    def at(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes at `offset`; fewer only at the end of the file."""
        found = self.piece(offset)[:count]
        while len(found) < count:
            more = self.piece(offset + len(found))[: count - len(found)]
            if not more:
                break
            found += more
        return found

    def _read_fully(self, count: int) -> bytes:
        # A raw remote file may return fewer bytes than asked for without being at its end.
        parts = []
        while count > 0 and (part := self._file.read(count)):
            parts.append(part)
            count -= len(part)
        return b"".join(parts)
