"""Frames of zstd, unpacked block by block: no step is large, and damage costs no block before it.

The library itself decodes; what is read here are the lengths of its frames and blocks. Source: RFC 8878.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator

import zstandard

FRAME = b"\x28\xb5\x2f\xfd"
#: A frame to pass over: parallel compressors begin files with them.
SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
_MOST_SKIPPED = 64  # in a row, so that a file of nothing else costs little
_DICTIONARY_BYTES = (0, 1, 2, 4)
_CONTENT_SIZE_BYTES = (0, 2, 4, 8)
_STORED, _REPEATED = 0, 1
_STEP_BYTES = 2**12
#: The largest window that the library can be given.
MOST_WINDOW_MIB = 2**11


class Damaged(Exception):
    """The stream cannot be read further; the text says what was found."""


def after_skippable(at: Callable[[int, int], bytes], offset: int) -> int:
    """Return the offset after the frames at `offset` that are to be passed over, which may be after the end.

    at: (offset, count) to the file's bytes there.
    """
    for _ in range(_MOST_SKIPPED):
        head = at(offset, 8)
        if len(head) < 8 or not SKIPPABLE.match(head):
            break
        offset += 8 + int.from_bytes(head[4:], "little")
    return offset


class ZstdDecoder:
    """Unpacks one frame; a frame to pass over (skippable) gives nothing.

    Args:
        max_window_mib: a frame that asks for a larger window raises Damaged.
        dictionary: what the frame was compressed with.
    """

    def __init__(self, max_window_mib: int, dictionary: zstandard.ZstdCompressionDict | None = None) -> None:
        self._max_window_mib = max_window_mib
        self._dictionary = dictionary
        self._units = self._frame()
        self._need = next(self._units)
        self._held = bytearray()
        self._output = b""
        self.eof = False

    def step(self, data: bytes) -> tuple[bytes, bytes]:
        """Return what the frame's next part unpacks to, at most 128 KiB, and the data not yet used.

        Raises Damaged.
        """
        taken = self._need - len(self._held)
        self._held += data[:taken]
        if len(self._held) == self._need:
            unit = bytes(self._held)
            self._held.clear()
            self._output = b""
            try:
                self._need = self._units.send(unit)
            except StopIteration:
                self.eof = True
            return self._output, data[taken:]
        return b"", data[taken:]

    def _frame(self) -> Generator[int, bytes, None]:
        """Yield how many bytes the frame's next part has, and take them."""
        magic = yield 4
        if magic != FRAME:
            yield from self._skipped(magic)
            return
        descriptor = yield 1
        flags = descriptor[0]
        single = flags >> 5 & 1
        size_bytes = _CONTENT_SIZE_BYTES[flags >> 6] or single
        sizes = b""
        if fields := (not single) + _DICTIONARY_BYTES[flags & 3] + size_bytes:
            sizes = yield fields
        self._check_window(_window_bytes(sizes, bool(single), size_bytes))
        feed = self._library()
        self._output = feed(magic + descriptor + sizes)
        last = False
        while not last:
            header = yield 3
            block = int.from_bytes(header, "little")
            last = bool(block & 1)
            kind, length = block >> 1 & 3, block >> 3
            self._output = feed(header)
            if kind == _STORED:  # its first bytes are worth something without the last
                while length:
                    content = yield min(length, _STEP_BYTES)
                    length -= len(content)
                    self._output = feed(content)
            elif length or kind == _REPEATED:
                content = yield (1 if kind == _REPEATED else length)
                self._output = feed(content)
        if flags >> 2 & 1:
            checksum = yield 4
            self._output = feed(checksum)

    def _skipped(self, magic: bytes) -> Generator[int, bytes, None]:
        if not SKIPPABLE.match(magic):
            raise Damaged("no zstd frame starts where one should")
        left = int.from_bytes((yield 4), "little")
        while left:
            left -= len((yield min(left, 2**16)))

    def _library(self) -> Callable[[bytes], bytes]:
        """Return what takes the parts of a frame and returns what they hold, raising Damaged."""
        stream = zstandard.ZstdDecompressor(
            dict_data=self._dictionary, max_window_size=self._max_window_mib * 2**20
        ).decompressobj()

        def feed(data: bytes) -> bytes:
            try:
                return stream.decompress(data)
            except zstandard.ZstdError as error:
                raise Damaged(str(error)) from None

        return feed

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
