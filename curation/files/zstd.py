"""Frames of zstd, unpacked block by block: no step is large, and damage costs no block before it.

The library itself decodes; what is read here are the lengths of its frames and blocks. Source: RFC 8878.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import zstandard

from curation.files.frames import STEP_BYTES, Damaged, FrameDecoder

FRAME = b"\x28\xb5\x2f\xfd"
_DICTIONARY_BYTES = (0, 1, 2, 4)
_CONTENT_SIZE_BYTES = (0, 2, 4, 8)
_STORED, _REPEATED = 0, 1
#: The largest window that the library can be given.
MOST_WINDOW_MIB = 2**11


class ZstdDecoder(FrameDecoder):
    """Unpacks one frame, of blocks of up to 128 KiB.

    Args:
        max_window_mib: a frame that asks for a larger window raises Damaged.
        dictionary: what the frame was compressed with.
    """

    def __init__(self, max_window_mib: int, dictionary: zstandard.ZstdCompressionDict | None = None) -> None:
        self._max_window_mib = max_window_mib
        self._dictionary = dictionary
        super().__init__()

    def _parts(self) -> Generator[int, bytes, None]:
        magic = yield 4
        if magic != FRAME:
            yield from self._skipped(magic, "zstd frame")
            return
        descriptor = yield 1
        flags = descriptor[0]
        single = flags >> 5 & 1
        size_bytes = _CONTENT_SIZE_BYTES[flags >> 6] or single
        sizes = b""
        if fields := (not single) + _DICTIONARY_BYTES[flags & 3] + size_bytes:
            sizes = yield fields
        self._check_window(_window_bytes(sizes, bool(single), size_bytes))
        unpack = self._library()
        self._output = unpack(magic + descriptor + sizes)
        last = False
        while not last:
            header = yield 3
            block = int.from_bytes(header, "little")
            last = bool(block & 1)
            kind, length = block >> 1 & 3, block >> 3
            self._output = unpack(header)
            if kind == _STORED:  # its first bytes are worth something without the last
                while length:
                    content = yield min(length, STEP_BYTES)
                    length -= len(content)
                    self._output = unpack(content)
            elif length or kind == _REPEATED:
                content = yield (1 if kind == _REPEATED else length)
                self._output = unpack(content)
        if flags >> 2 & 1:
            checksum = yield 4
            self._output = unpack(checksum)

    def _library(self) -> Callable[[bytes], bytes]:
        """Return what takes the parts of a frame and returns what they hold, raising Damaged."""
        stream = zstandard.ZstdDecompressor(
            dict_data=self._dictionary, max_window_size=self._max_window_mib * 2**20
        ).decompressobj()

        def unpack(data: bytes) -> bytes:
            try:
                return stream.decompress(data)
            except zstandard.ZstdError as error:
                raise Damaged(str(error)) from None

        return unpack

    def _check_window(self, window_bytes: int) -> None:
        if window_bytes > self._max_window_mib * 2**20:
            raise Damaged(
                f"a zstd frame needs a window of {-(-window_bytes // 2**20):,} MiB, the limit is"
                f" {self._max_window_mib:,}; inputs.NAME.max_window_mib sets it"
            )


def _window_bytes(sizes: bytes, single: bool, size_bytes: int) -> int:
    """Return the window that a frame's header asks for: in a single segment, all of its content."""
    if single:
        return int.from_bytes(sizes[-size_bytes:], "little") + (256 if size_bytes == 2 else 0)
    base: int = 1 << 10 + (sizes[0] >> 3)
    return base + base // 8 * (sizes[0] & 7)
