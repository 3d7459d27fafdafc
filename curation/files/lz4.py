"""Frames of lz4, unpacked block by block. Source: "LZ4 Frame Format" 1.6.4.

Arrow's decoder takes whole frames only, so each block is given to it as a frame of its own. A block that
refers to the 64 KiB before it comes after a stored block of them.
"""

from __future__ import annotations

from collections.abc import Generator

import pyarrow as pa
import xxhash

from curation.files.frames import Damaged, FrameDecoder

MAGIC = b"\x04\x22\x4d\x18"
_HISTORY_BYTES = 2**16
_STORED = 2**31
_VERSION, _INDEPENDENT, _BLOCK_CHECKSUM, _SIZE, _CHECKSUM, _DICTIONARY = 0x40, 0x20, 0x10, 0x08, 0x04, 0x01
_LEAST_SIZE_CODE = 4  # blocks of 64 KiB


class Lz4Decoder(FrameDecoder):
    """Unpacks one frame of blocks of up to 4 MiB."""

    def _parts(self) -> Generator[int, bytes, None]:
        magic = yield 4
        if magic != MAGIC:
            yield from self._skipped(magic, "lz4 frame")
            return
        descriptor = yield 2
        flags, code = descriptor[0], descriptor[1] >> 4 & 7
        fields = yield (8 if flags & _SIZE else 0) + (4 if flags & _DICTIONARY else 0) + 1
        if _header_check(descriptor + fields[:-1]) != fields[-1:] or code < _LEAST_SIZE_CODE:
            raise Damaged("an lz4 frame's header fails its checksum")
        if flags & _DICTIONARY:
            raise Damaged("an lz4 frame needs a dictionary, which the file does not hold")
        digest, history = xxhash.xxh32(), b""
        while length := int.from_bytes((yield 4), "little"):
            stored, length = length >= _STORED, length % _STORED
            if length > 2 ** (2 * code + 8):
                raise Damaged("an lz4 block is larger than its frame allows")
            block = yield length
            if flags & _BLOCK_CHECKSUM and (yield 4) != _check(xxhash.xxh32(block)):
                raise Damaged("an lz4 block fails its checksum")
            plain = block if stored else _unpacked(block, history, code)
            digest.update(plain)
            history = b"" if flags & _INDEPENDENT else (history + plain)[-_HISTORY_BYTES:]
            self._output = plain
        if flags & _CHECKSUM and (yield 4) != _check(digest):
            raise Damaged("an lz4 frame fails its checksum")


def _unpacked(block: bytes, history: bytes, code: int) -> bytes:
    """Return what a compressed block unpacks to that may refer to `history`. Raises Damaged."""
    descriptor = bytes([_VERSION | (0 if history else _INDEPENDENT), code << 4])
    before = (len(history) | _STORED).to_bytes(4, "little") + history if history else b""
    frame = b"".join(
        (
            MAGIC,
            descriptor,
            _header_check(descriptor),
            before,
            len(block).to_bytes(4, "little"),
            block,
            bytes(4),
        )
    )
    try:
        with pa.CompressedInputStream(pa.BufferReader(frame), "lz4") as stream:
            plain: bytes = stream.read()
    except OSError as error:
        raise Damaged(str(error)) from None
    return plain[len(history) :]


def _header_check(descriptor: bytes) -> bytes:
    return bytes([xxhash.xxh32_intdigest(descriptor) >> 8 & 0xFF])


def _check(digest: xxhash.xxh32) -> bytes:
    return digest.intdigest().to_bytes(4, "little")
