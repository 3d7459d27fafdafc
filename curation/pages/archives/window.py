"""A look-ahead over the bytes of an archive, and the plain file as such a stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from curation.files.block_file import Blocks
from curation.pages.archives.grammar import BLANK, Grammar


class DamagedMember(Exception):
    """The stream cannot be read further: a damaged or truncated gzip member. The text says what was found."""


class Stream(Protocol):
    """Bytes of an archive that know where in the file they came from; positions count from their first."""

    def pull(self) -> bytes:
        """Return the next bytes; empty at the end. Raises DamagedMember."""

    def offset(self, position: int) -> int:
        """Return the offset in the file of what holds a position."""

    def end_offset(self, position: int) -> int:
        """Return the offset up to which one must read to get the stream up to `position`."""

    def look(self, position: int, count: int) -> bytes:
        """Return up to `count` bytes at a position, wherever the stream is read now."""

    def proven(self, position: int) -> bool:
        """Return whether all before a position passed its checksum, where there is one."""

    def alone(self, position: int) -> bool:
        """Return whether the member being read starts with what stands at a position."""

    def doubt(self, position: int) -> str | None:
        """Return why what ends at a position may be wrong: the member that holds it fails further on."""


class Window:
    """A look-ahead over a stream: `data` is what was pulled and not yet dropped, `start` its position."""

    def __init__(self, pull: Callable[[], bytes], grammar: Grammar) -> None:
        self._pull = pull
        self.grammar = grammar
        self.data = bytearray()
        self.start = 0
        self._before = b""  # the byte that was dropped last

    def fill(self, count: int) -> bool:
        """Return whether `count` bytes are at hand; pulls what is missing. Raises DamagedMember."""
        while len(self.data) < count:
            more = self._pull()
            if not more:
                return False
            self.data += more
        return True

    def drop(self, count: int) -> None:
        """Move the window forward by `count` bytes that are at hand."""
        if count:
            self._before = bytes(self.data[count - 1 : count])
        del self.data[:count]
        self.start += count

    def skip(self, count: int) -> bool:
        """Return whether `count` bytes could be dropped without holding them. Raises DamagedMember."""
        while count > 0 and self.fill(1):
            step = min(count, len(self.data))
            self.drop(step)
            count -= step
        return count == 0

    def skip_blank(self) -> bool:
        """Drop blank lines and a byte order mark; return whether anything follows. Raises DamagedMember."""
        while self.fill(1):
            blank = BLANK.match(self.data)
            if not blank or not blank.end():
                return True
            self.drop(blank.end())
        return False

    def at_record(self) -> bool:
        """Return whether a record starts at the front. Raises DamagedMember."""
        if self.grammar.record.match(self.data):
            return True
        self.fill(self.grammar.start_bytes)
        return self.grammar.record.match(self.data) is not None

    def at_border(self) -> bool:
        """Return whether a split that begins at the front would find a record there."""
        self.fill(self.grammar.start_bytes)
        near = self._before + self.data[: self.grammar.start_bytes]
        return self.grammar.resync.match(near, len(self._before)) is not None

    def skip_to_record(self) -> bool:
        """Move to the next record after the front, else to the end; return whether there is one.

        Raises DamagedMember.
        """
        start_bytes = self.grammar.start_bytes
        least = 1
        while True:
            more = self.fill(max(least, len(self.data)) + start_bytes)
            match = self.grammar.resync.search(self.data, least)
            if match and (match.end() < len(self.data) or not more):
                self.drop(match.start())
                return True
            if not more:
                self.drop(len(self.data))
                return False
            # One byte more than a start may take: what stands before it counts too.
            step = max(0, len(self.data) - start_bytes - 1)
            self.drop(step)
            least = max(1, least - step)


class PlainStream:
    """The rest of an uncompressed file from `offset` on."""

    def __init__(self, source: Blocks, offset: int) -> None:
        self._source = source
        self._base = offset
        self._next = offset

    def pull(self) -> bytes:
        """Return the next bytes; empty at the end of the file."""
        piece = self._source.piece(self._next)
        self._next += len(piece)
        return piece

    def offset(self, position: int) -> int:
        """Return the file offset of a position in the stream."""
        return self._base + position

    end_offset = offset

    def look(self, position: int, count: int) -> bytes:
        """Return up to `count` bytes at a position of the stream, wherever it is read now."""
        return self._source.at(self._base + position, count)

    def proven(self, position: int) -> bool:
        """Return True: nothing says what the bytes should be."""
        return position >= 0

    def alone(self, position: int) -> bool:
        """Return whether the file, which is the only member, starts there."""
        return position == 0

    def doubt(self, position: int) -> None:
        """Return None: nothing says what the bytes should be."""
