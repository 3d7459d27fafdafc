"""Compressed bytes, decompressed piece by piece: what precedes damage is returned, and no piece is large.

A few bytes may decompress to gigabytes, so each library gets little input at a time: no step returns more
than some tens of megabytes, and damage costs at most its step.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain

GZIP, ZLIB, RAW = 31, 15, -15  # what zlib calls the forms of deflate
_STEP_BYTES = 4096  # of deflate at most 4 MiB: 1,032 bytes for one
_ZSTD_STEP_BYTES = 1024  # at most 32 MiB: a block of 128 KiB takes four bytes
_BROTLI_OUTPUT_BYTES = 2**20
_PADDING = b"\0\r\n"


class Damaged(Exception):
    """The stream cannot be read further; the text says what was found."""


def inflated(pieces: Iterable[bytes], form: int = GZIP) -> Iterator[bytes]:
    """Yield the decompressed bytes of deflate; of gzip every member, despite padding. Raises Damaged."""
    stream = zlib.decompressobj(form)
    for step in _steps(pieces, _STEP_BYTES):
        pending = step
        while pending:
            if stream.eof:
                pending = pending.lstrip(_PADDING) if form == GZIP else b""
                if not pending:
                    break
                stream = zlib.decompressobj(form)
            try:
                data = stream.decompress(pending)
            except zlib.error as error:
                raise Damaged(str(error)) from None
            yield data
            pending = stream.unused_data
    if not stream.eof:
        raise Damaged("the file ends inside a gzip member" if form == GZIP else "it ends too soon")


def unzstd(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the decompressed bytes of every zstd frame. Raises Damaged."""
    import zstandard

    decompressor = zstandard.ZstdDecompressor()
    stream = decompressor.decompressobj()
    for step in _steps(pieces, _ZSTD_STEP_BYTES):
        pending = step
        while pending:
            if stream.eof:
                stream = decompressor.decompressobj()
            try:
                data = stream.decompress(pending)
            except zstandard.ZstdError as error:
                raise Damaged(str(error)) from None
            yield data
            pending = stream.unused_data if stream.eof else b""
    if not stream.eof:
        raise Damaged("the file ends inside a zstd frame")


def unbrotli(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the decompressed bytes of Brotli. Raises Damaged."""
    import brotli

    stream = brotli.Decompressor()
    for step in chain(_steps(pieces, _STEP_BYTES), (b"",)):
        pending = step
        while True:  # until it has no more output for this input
            try:
                data = stream.process(pending, output_buffer_limit=_BROTLI_OUTPUT_BYTES)
            except brotli.error as error:
                raise Damaged(str(error)) from None
            yield data
            pending = b""
            if not data:
                break
    if not stream.is_finished():
        raise Damaged("it ends too soon")


def _steps(pieces: Iterable[bytes], step_bytes: int) -> Iterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), step_bytes):
            yield piece[start : start + step_bytes]
