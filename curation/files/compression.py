"""Compressed bytes: recognised by their content, unpacked piece by piece.

What precedes damage is returned, and no piece is large: a few bytes may unpack to gigabytes, so each library
gets little input at a time. `compression_of` tells a file's compression for every format of input;
`unpacked` unpacks a whole one. Decoders unpack one member (gzip) or frame (zstd) for those who must know
where in the file it lies.

Sources: RFC 1952 (gzip), RFC 8878 (zstd), "LZ4 Frame Format" 1.6.4, "The .xz File Format" 1.2.1.
"""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Protocol

from curation.files.zstd import FRAME, SKIPPABLE, Damaged, ZstdDecoder, after_skippable

GZIP, ZLIB, RAW = 31, 15, -15  # what zlib calls the forms of deflate
_BROTLI_STEP_BYTES = 256
_SMALL_STEP_BYTES = 512  # of bz2 at most 10 MiB: 45 bytes hold a block of 900 kB
_OUTPUT_BYTES = 2**20
_PADDING = b"\0\r\n"
#: A window of this size is read unless an input says otherwise; zstd's own limit.
MAX_WINDOW_MIB = 128

_MAGICS = {
    "gzip": re.compile(rb"\x1f\x8b\x08"),
    "zstd": re.compile(re.escape(FRAME)),
    "bz2": re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"),
    "xz": re.compile(rb"\xfd7zXZ\0"),
    "lz4": re.compile(rb"\x04\x22\x4d\x18"),
}
_SUFFIXES = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".xz": "xz", ".lz4": "lz4"}
_MAGIC_BYTES = 10
#: Containers that no reader here opens.
_FOREIGN = {
    b"PK\x03\x04": "a zip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!": "a rar archive",
    b"\x1f\x9d": "compressed by compress (.Z)",
    b"\x5d\0\0": "compressed by lzma without a container",
    b"\x02\x21\x4c\x18": "an lz4 file of the legacy format",
    b"\x89LZO": "compressed by lzop",
    b"LZIP": "compressed by lzip",
    b"PAR1": "a Parquet file",
}


class Unpacker(Protocol):
    """Unpacks one member or frame, step by step."""

    eof: bool

    def step(self, data: bytes) -> tuple[bytes, bytes]:
        """Return what (a part of) the data unpacks to, and the data not yet used. Raises Damaged."""


class Inflater:
    """Unpacks one stream of deflate; what stands before damage is returned to the last byte."""

    def __init__(self, form: int = GZIP) -> None:
        self._stream = zlib.decompressobj(form)
        self.eof = False

    def step(self, data: bytes) -> tuple[bytes, bytes]:
        """Return at most 1 MiB, and the data not yet used. Raises Damaged."""
        piece = data
        while True:
            # zlib throws away what a failing call had made: go back and take a smaller step.
            before = self._stream.copy()
            try:
                output = self._stream.decompress(piece, _OUTPUT_BYTES)
            except zlib.error as error:
                if len(piece) <= 1:
                    raise Damaged(str(error)) from None
                self._stream = before
                piece = piece[: len(piece) // 2]
                continue
            self.eof = self._stream.eof
            rest = self._stream.unused_data if self.eof else self._stream.unconsumed_tail
            return output, rest + data[len(piece) :] if len(piece) < len(data) else rest


class _Stepped:
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


def compression_of(at: Callable[[int, int], bytes], url: str = "") -> str | None:
    """Return the name of a file's compression (gzip, zstd, bz2, xz, lz4), None where it has none.

    Args:
        at: (offset, count) to the file's bytes there.
        url: whose suffix decides where the file begins with neither a magic number nor text.
    """
    first = at(after_skippable(at, 0), _MAGIC_BYTES)  # zstd and lz4 both have such frames
    if name := next((name for name, magic in _MAGICS.items() if magic.match(first)), None):
        return name
    first = at(0, _MAGIC_BYTES)
    if SKIPPABLE.match(first):
        return "zstd"  # nothing but frames to pass over
    return None if _is_text(first) else named_compression(url)


def named_compression(url: str) -> str | None:
    """Return the name of the compression that a file's name ends in."""
    return next((name for suffix, name in _SUFFIXES.items() if url.endswith(suffix)), None)


def plain_name(name: str) -> str:
    """Return a file's name without the ending of a compression.

    >>> plain_name("domains.gz"), plain_name("domains")
    ('domains', 'domains')
    """
    return name[: name.rindex(".")] if named_compression(name) else name


def foreign_container(first: bytes) -> str | None:
    """Return in words what a file is whose first bytes are those of a container that nothing here opens."""
    return next((words for magic, words in _FOREIGN.items() if first.startswith(magic)), None)


def unpacked(
    pieces: Iterable[bytes], compression: str, *, max_window_mib: int = MAX_WINDOW_MIB
) -> Iterator[bytes]:
    """Yield the bytes of a file that is compressed as `compression_of` says, every member of it.

    Raises Damaged where it cannot be read further, or needs more than `max_window_mib` to be unpacked.
    """
    if compression == "gzip":
        return inflated(pieces)
    if compression == "zstd":
        return unzstd(pieces, max_window_mib=max_window_mib)
    if compression == "lz4":
        return _unlz4(pieces)
    if compression == "bz2":
        return _members(pieces, lambda: _Stepped(bz2.BZ2Decompressor()), "a bz2 stream")
    memory = (max_window_mib + 1) * 2**20
    return _members(
        pieces, lambda: _Stepped(lzma.LZMADecompressor(lzma.FORMAT_XZ, memory)), "an xz stream", b"\0"
    )


def inflated(pieces: Iterable[bytes], form: int = GZIP) -> Iterator[bytes]:
    """Yield the decompressed bytes of deflate; of gzip every member, despite padding. Raises Damaged."""
    if form == GZIP:
        return _members(pieces, Inflater, "a gzip member", _PADDING)
    return _first_member(pieces, Inflater(form))


def unzstd(pieces: Iterable[bytes], *, max_window_mib: int = MAX_WINDOW_MIB) -> Iterator[bytes]:
    """Yield the decompressed bytes of every zstd frame. Raises Damaged."""
    return _members(pieces, lambda: ZstdDecoder(max_window_mib), "a zstd frame")


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


def _members(
    pieces: Iterable[bytes], new: Callable[[], Unpacker], name: str, padding: bytes = b""
) -> Iterator[bytes]:
    """Yield what the members unpack to, one after another."""
    decoder = new()
    for piece in pieces:
        rest = piece
        while rest:
            if decoder.eof:
                rest = rest.lstrip(padding) if padding else rest
                if not rest:
                    break
                decoder = new()
            output, rest = decoder.step(rest)
            if output:
                yield output
    if not decoder.eof:
        raise Damaged(f"the file ends inside {name}")


def _first_member(pieces: Iterable[bytes], decoder: Unpacker) -> Iterator[bytes]:
    """Yield what one stream unpacks to; what follows it is passed over."""
    for piece in pieces:
        rest = piece
        while rest and not decoder.eof:
            output, rest = decoder.step(rest)
            yield output
    if not decoder.eof:
        raise Damaged("it ends too soon")


class _Readable:
    """Pieces as Arrow reads a file; an error of theirs is kept, so that it is not mistaken for damage."""

    closed = False

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""
        self.error: Exception | None = None

    def read(self, count: int) -> bytes:
        try:
            self._rest = self._rest or next(self._pieces, b"")
        except Exception as error:
            self.error = error
            raise
        data, self._rest = self._rest[:count], self._rest[count:]
        return data

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


def _unlz4(pieces: Iterable[bytes]) -> Iterator[bytes]:
    import pyarrow as pa

    source = _Readable(pieces)
    with pa.CompressedInputStream(pa.PythonFile(source, mode="r"), "lz4") as stream:
        while True:
            try:
                data = stream.read(_SMALL_STEP_BYTES)  # what a failing call had made is thrown away
            except OSError as error:
                if source.error:
                    raise source.error from None
                raise Damaged(str(error)) from None
            if not data:
                return
            yield data


def _steps(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), _BROTLI_STEP_BYTES):
            yield piece[start : start + _BROTLI_STEP_BYTES]


def _is_text(first: bytes) -> bool:
    """Return whether a file's first bytes are those of a text, so that it is not compressed."""
    return not first or (min(first) >= 9 and first.isascii())
