"""What zstd and lz4 have in common: frames, taken part by part, and frames to pass over.

Sources: RFC 8878, section 3.1.2; "LZ4 Frame Format" 1.6.4.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator

#: A frame to pass over: parallel compressors begin files with them.
SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
_MOST_SKIPPED = 64  # in a row, so that a file of nothing else costs little
STEP_BYTES = 2**12


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


class FrameDecoder(ABC):
    """Unpacks one frame block by block: no step is large, and damage costs no block before it.

    `_parts` yields how many bytes the frame's next part has, takes them, and leaves in `_output` what came of
    them. A frame to pass over gives nothing.
    """

    def __init__(self) -> None:
        self._generator = self._parts()
        self._need = next(self._generator)
        self._held = bytearray()
        self._output = b""
        self.eof = False

    def step(self, data: bytes) -> tuple[bytes, bytes]:
        """Return what the frame's next part unpacks to, a block at most, and the data not yet used.

        Raises Damaged.
        """
        taken = self._need - len(self._held)
        self._held += data[:taken]
        if len(self._held) < self._need:
            return b"", b""
        part = bytes(self._held)
        self._held.clear()
        self._output = b""
        try:
            self._need = self._generator.send(part)
        except StopIteration:
            self.eof = True
        return self._output, data[taken:]

    @abstractmethod
    def _parts(self) -> Generator[int, bytes, None]:
        """Yield how many bytes the frame's next part has, and take them. Raises Damaged."""

    def _skipped(self, magic: bytes, name: str) -> Generator[int, bytes, None]:
        if not SKIPPABLE.match(magic):
            raise Damaged(f"no {name} starts where one should")
        left = int.from_bytes((yield 4), "little")
        while left:
            left -= len((yield min(left, 2**16)))
