"""Decoders of one member of a compressed file: a member of gzip, a stream of bz2 or xz, Brotli.

What precedes damage is returned, and no piece is large: a few bytes may unpack to gigabytes, so each library
gets little input at a time. Those of zstd and lz4 are in `zstd` and `lz4`. Source: RFC 1952 (gzip).
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Protocol

from curation.files.frames import Damaged

GZIP, ZLIB, RAW = 31, 15, -15  # what zlib calls the forms of deflate
_BROTLI_STEP_BYTES = 256
_SMALL_STEP_BYTES = 512  # of bz2 at most 10 MiB: 45 bytes hold a block of 900 kB
_OUTPUT_BYTES = 2**20


class Unpacker(Protocol):
    """Unpacks one member or frame, step by step."""

    eof: bool

    def step(self, data: bytes) -> tuple[bytes, bytes]:
        """Return what (a part of) the data unpacks to, and the data not yet used. Raises Damaged."""


class Inflater:
    """Unpacks one stream of deflate; what stands before damage is returned to the last byte."""

    def __init__(self, form: int = GZIP) -> None:
        self._stream = zlib.decompressobj(form)
        self._within: int | None = None  # how many of the next bytes are known to hold damage
        self._damage = ""
        self.eof = False

    def step(self, data: bytes) -> tuple[bytes, bytes]:
        """Return at most 1 MiB, and the data not yet used. Raises Damaged."""
        while self._within != 1:
            # zlib throws away what a failing call had made: go back, and look for the damage by halves.
            piece = data if self._within is None else data[: self._within // 2]
            before = self._stream.copy()
            try:
                output = self._stream.decompress(piece, _OUTPUT_BYTES)
            except zlib.error as error:
                self._stream, self._within, self._damage = before, len(piece), str(error)
                continue
            self.eof = self._stream.eof
            rest = self._stream.unused_data if self.eof else self._stream.unconsumed_tail
            if self._within is not None:
                self._within -= len(piece) - len(rest)
            return output, rest + data[len(piece) :] if len(piece) < len(data) else rest
        raise Damaged(self._damage)


class Stepped:
    """Unpacks one stream of bz2 or xz by the standard library."""

    def __init__(self, stream: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._stream = stream
        self.eof = False

    def step(self, data: bytes) -> tuple[bytes, bytes]:
        """Return what the next bytes unpack to, at most MiBs, and the data not yet used. Raises Damaged."""
        try:
            output = self._stream.decompress(data[:_SMALL_STEP_BYTES])
        except (OSError, lzma.LZMAError) as error:
            hint = "; inputs.NAME.max_window_mib sets the limit" if "Memory" in str(error) else ""
            raise Damaged(f"{error}{hint}") from None
        self.eof = self._stream.eof
        return output, self._stream.unused_data + data[_SMALL_STEP_BYTES:]


def unbrotli(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the decompressed bytes of Brotli. Raises Damaged."""
    import brotli

    stream = brotli.Decompressor()
    for step in chain(_steps(pieces), (b"",)):
        pending = step
        while True:  # until it has no more output for this input
            try:
                data = stream.process(pending, output_buffer_limit=_OUTPUT_BYTES)
            except brotli.error as error:
                raise Damaged(str(error)) from None
            yield data
            pending = b""
            if not data:
                break
    if not stream.is_finished():
        raise Damaged("it ends too soon")


def _steps(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), _BROTLI_STEP_BYTES):
            yield piece[start : start + _BROTLI_STEP_BYTES]
