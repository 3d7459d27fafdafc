"""One file behind any URL as a stream of its unpacked bytes, whatever it is compressed by and called."""

from __future__ import annotations

import io
from collections.abc import Iterator

from curation.files.block_file import BlockFile, pieces
from curation.files.compression import compression_of
from curation.files.frames import Damaged
from curation.files.members import unpacked


def open_unpacked(url: str) -> io.BufferedReader:
    """Return the unpacked bytes of a file: gzip, zstd, bz2, xz or lz4 by its content, else as it is.

    Opening raises what the file system raises; reading raises OSError where the file is damaged.
    """
    source = BlockFile(url)
    compression = compression_of(source.at, url)
    stream = unpacked(pieces(source), compression) if compression else pieces(source)
    return io.BufferedReader(_Stream(source, stream))


class _Stream(io.RawIOBase):
    def __init__(self, source: BlockFile, stream: Iterator[bytes]) -> None:
        self._source = source
        self._stream = stream
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            while not self._rest and (piece := next(self._stream, None)) is not None:
                self._rest = memoryview(piece)
        except Damaged as error:
            raise OSError(f"{self._source.url}: cannot be unpacked: {error}") from None
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        self._source.close()
        super().close()
