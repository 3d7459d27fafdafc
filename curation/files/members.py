"""The members of a compressed file as one stream of bytes, and where to go on after damage."""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from curation.files.block_file import Blocks
from curation.files.compression import MAGIC_BYTES, MAGICS, MAX_WINDOW_MIB
from curation.files.decoders import GZIP, Inflater, Stepped, Unpacker
from curation.files.frames import Damaged
from curation.files.lz4 import Lz4Decoder
from curation.files.zstd import ZstdDecoder

_PADDING = b"\0\r\n"
_PEEK_BYTES = 2**18
#: The bytes of texts, UTF-16 among them.
_TEXT = bytes({*b"\0\t\n\r", *range(0x20, 0x100)} - {0x7F})
_TEXT_BYTES = 2**12


@dataclass(frozen=True, slots=True)
class _Kind:
    """A compression: its member in words, what unpacks one within a window of so many MiB, and padding."""

    member: str
    decoder: Callable[[int], Unpacker]
    padding: bytes = b""


_KINDS = {
    "gzip": _Kind("a gzip member", lambda _: Inflater(), _PADDING),
    "zstd": _Kind("a zstd frame", ZstdDecoder),
    "bz2": _Kind("a bz2 stream", lambda _: Stepped(bz2.BZ2Decompressor())),
    "xz": _Kind("an xz stream", lambda mib: Stepped(_xz(mib)), b"\0"),
    "lz4": _Kind("an lz4 frame", lambda _: Lz4Decoder()),
}


def _xz(max_window_mib: int) -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, (max_window_mib + 1) * 2**20)


class Members:
    """What the members of a file unpack to, one after another. Iterating raises Damaged.

    Attributes:
        compression: its name.
        begin: offset of the member that is being read; `position`: of the next byte to unpack.
        produced: bytes unpacked; `intact`: those of members that were whole, so that passed their checksums.
    """

    def __init__(
        self,
        pieces: Iterable[bytes],
        compression: str,
        *,
        max_window_mib: int = MAX_WINDOW_MIB,
        offset: int = 0,
    ) -> None:
        self._pieces = pieces
        self.compression = compression
        self._kind = _KINDS[compression]
        self._max_window_mib = max_window_mib
        self.begin = self.position = offset
        self.produced = self.intact = 0

    def __iter__(self) -> Iterator[bytes]:
        decoder = self._kind.decoder(self._max_window_mib)
        for piece in self._pieces:
            rest = piece
            while rest:
                if decoder.eof:
                    rest = self._used(rest, rest.lstrip(self._kind.padding) if self._kind.padding else rest)
                    if not rest:
                        break
                    decoder = self._kind.decoder(self._max_window_mib)
                    self.begin, self.intact = self.position, self.produced
                output, after = decoder.step(rest)
                rest = self._used(rest, after)
                if output:
                    self.produced += len(output)
                    yield output
        if not decoder.eof:
            raise Damaged(f"the file ends inside {self._kind.member}")

    @property
    def lost_from(self) -> int:
        """The offset from which on damage left nothing: all of a member that gave no byte."""
        return self.position if self.produced > self.intact else self.begin

    def in_doubt(self, size_bytes: int) -> bool:
        """Return whether damage makes what its member gave before it doubtful: not where the file ends."""
        return self.position < size_bytes and self.produced > self.intact

    def _used(self, data: bytes, rest: bytes) -> bytes:
        self.position += len(data) - len(rest)
        return rest


def unpacked(
    pieces: Iterable[bytes], compression: str, *, max_window_mib: int = MAX_WINDOW_MIB
) -> Iterator[bytes]:
    """Yield the bytes of a file that is compressed as `compression_of` says, every member of it.

    Raises Damaged where it cannot be read further, or needs more than `max_window_mib` to be unpacked.
    """
    return iter(Members(pieces, compression, max_window_mib=max_window_mib))


def inflated(pieces: Iterable[bytes], form: int = GZIP) -> Iterator[bytes]:
    """Yield the decompressed bytes of deflate; of gzip every member, despite padding. Raises Damaged."""
    return unpacked(pieces, "gzip") if form == GZIP else _first_member(pieces, Inflater(form))


def unzstd(pieces: Iterable[bytes], *, max_window_mib: int = MAX_WINDOW_MIB) -> Iterator[bytes]:
    """Yield the decompressed bytes of every zstd frame. Raises Damaged."""
    return unpacked(pieces, "zstd", max_window_mib=max_window_mib)


def next_member(source: Blocks, compression: str, offset: int, max_window_mib: int) -> int:
    """Return the offset of the first member at or after `offset`, the file's end where there is none."""
    while offset < source.size_bytes:
        # Some bytes of the next block: a magic may straddle the border.
        piece = source.piece(offset)
        data = piece + source.at(offset + len(piece), MAGIC_BYTES)
        for match in MAGICS[compression].finditer(data):
            if match.start() < len(piece) and _is_member(
                source, compression, offset + match.start(), max_window_mib
            ):
                return offset + match.start()
        offset += len(piece)
    return source.size_bytes


def _is_member(source: Blocks, compression: str, offset: int, max_window_mib: int) -> bool:
    """Return whether a member can be unpacked from `offset` on: gzip's magic alone is too short to tell."""
    beginning = source.at(offset, _PEEK_BYTES)
    try:
        first = next(unpacked((beginning,), compression, max_window_mib=max_window_mib), b"")
    except Damaged as error:
        return len(beginning) == _PEEK_BYTES and "ends inside" in str(error)
    return compression != "gzip" or not first[:_TEXT_BYTES].translate(None, _TEXT)


def _first_member(pieces: Iterable[bytes], decoder: Unpacker) -> Iterator[bytes]:
    """Yield what one stream unpacks to; what follows it is passed over."""
    for piece in pieces:
        rest = piece
        while rest and not decoder.eof:
            output, rest = decoder.step(rest)
            yield output
    if not decoder.eof:
        raise Damaged("it ends too soon")
