"""Streams of archive bytes that know where in the file they came from: gzip members, or the plain file."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Callable

from curation.files.block_file import BlockFile
from curation.pages.archives.grammar import ARC, WARC, Grammar

_MAGIC = b"\x1f\x8b\x08"
_PEEK_BYTES = 4096
_OUTPUT_BYTES = 2**20


class DamagedMember(Exception):
    """The stream cannot be read further: a damaged or truncated gzip member. The text says what was found."""


class Window:
    """A look-ahead over a stream: `data` is what was pulled and not yet dropped, `start` its position."""

    def __init__(self, pull: Callable[[], bytes], grammar: Grammar) -> None:
        self._pull = pull
        self.grammar = grammar
        self.data = bytearray()
        self.start = 0

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
        del self.data[:count]
        self.start += count

    def skip(self, count: int) -> bool:
        """Return whether `count` bytes could be dropped without holding them. Raises DamagedMember."""
        while count > 0 and self.fill(1):
            step = min(count, len(self.data))
            self.drop(step)
            count -= step
        return count == 0

    def at_record(self) -> bool:
        """Return whether a record starts at the front. Raises DamagedMember."""
        self.fill(self.grammar.start_bytes)
        return self.grammar.record.match(self.data) is not None

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

    def __init__(self, source: BlockFile, offset: int) -> None:
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

    def fits(self, position: int) -> bool:
        """Return whether the file reaches as far as `position`."""
        return self._base + position <= self._source.size_bytes

    def look(self, position: int, count: int) -> bytes:
        """Return up to `count` bytes at a position of the stream, wherever it is read now."""
        return self._source.at(self._base + position, count)


class GzipStream:
    """The gzip member at `offset` and those that continue it, up to the next that starts a record.

    Most files hold one record a member; a file gzipped as a whole or in blocks is one stream of many.
    """

    def __init__(self, source: BlockFile, grammar: Grammar, offset: int) -> None:
        self._source = source
        self._grammar = grammar
        self._next = offset  # of the next byte to read
        self._pending = b""  # read, not yet decompressed
        self._inflate = zlib.decompressobj(31)
        self._produced = 0
        self._positions = [0]  # where in the stream each member starts, and
        self._offsets = [offset]  # where in the file
        self._done = False

    def pull(self) -> bytes:
        """Return the next decompressed bytes, at most 1 MiB; empty at the end. Raises DamagedMember."""
        while not self._done:
            if self._inflate.eof:
                self._next_member()
                continue
            if not self._pending:
                self._pending = self._source.piece(self._next)
                self._next += len(self._pending)
                if not self._pending:
                    raise DamagedMember("the file ends inside a gzip member")
            if data := self._step():
                self._produced += len(data)
                return data
        return b""

    def _step(self) -> bytes:
        """Return what the pending bytes hold, up to any damage, at which it then raises DamagedMember."""
        piece = self._pending
        while True:
            # zlib throws away what a failing call had made: go back and take a smaller step.
            before = self._inflate.copy()
            try:
                data = self._inflate.decompress(piece, _OUTPUT_BYTES)
            except zlib.error as error:
                if len(piece) <= 1:
                    raise DamagedMember(f"damaged gzip member: {error}") from None
                self._inflate = before
                piece = piece[: len(piece) // 2]
                continue
            self._pending = self._inflate.unconsumed_tail + self._pending[len(piece) :]
            return data

    def _next_member(self) -> None:
        self._next -= len(self._inflate.unused_data)
        self._pending = b""
        first = _peek(self._source, self._next, self._grammar.start_bytes)
        if first is None or self._grammar.member.match(first):
            self._done = True
            return
        self._positions.append(self._produced)
        self._offsets.append(self._next)
        self._inflate = zlib.decompressobj(31)

    @property
    def member_offset(self) -> int:
        """Offset of the member being read."""
        return self._offsets[-1]

    @property
    def next_offset(self) -> int:
        """Offset after the last byte that was used."""
        return self._next - len(self._pending)

    def offset(self, position: int) -> int:
        """Return the file offset of the member that holds a position of the stream."""
        return self._offsets[bisect_right(self._positions, position) - 1]

    def end_offset(self, position: int) -> int:
        """Return the file offset up to which one must read to get the stream up to `position`."""
        later = bisect_right(self._positions, position - 1)
        return self._offsets[later] if later < len(self._offsets) else self.next_offset

    def fits(self, position: int) -> bool:
        """Return True: only reading on shows how much a gzip member holds."""
        return position >= 0

    def look(self, position: int, count: int) -> None:
        """Return None: only reading on shows what a gzip member holds."""


def is_gzip(source: BlockFile) -> bool:
    """Return whether to read a file as gzip members: by its first bytes, else by its name."""
    first = source.at(0, 5)
    if first.startswith(_MAGIC[:2]) or first == b"WARC/":
        return first.startswith(_MAGIC[:2])
    return source.url.endswith(".gz")


def grammar_of(source: BlockFile) -> Grammar:
    """Return the file's format: by its first bytes, by its name where they are no record's."""
    for grammar in (WARC, ARC):
        first = _peek(source, 0, grammar.start_bytes) or source.at(0, grammar.start_bytes)
        if grammar.member.match(first):
            return grammar
    return ARC if source.url.removesuffix(".gz").endswith(".arc") else WARC


def _peek(source: BlockFile, offset: int, count: int) -> bytes | None:
    """Return the first `count` bytes of the gzip member at `offset`, or None where there is none."""
    data = source.at(offset, max(_PEEK_BYTES, count))
    if not data.startswith(_MAGIC):
        return None
    try:
        return zlib.decompressobj(31).decompress(data, count)
    except zlib.error:
        return None


def starts_record(source: BlockFile, grammar: Grammar, offset: int) -> bool:
    """Return whether a gzip member that starts with a record lies at `offset`."""
    first = _peek(source, offset, grammar.start_bytes)
    return first is not None and grammar.member.match(first) is not None


def next_member(source: BlockFile, grammar: Grammar, offset: int, limit: int) -> int:
    """Return the offset of the first member at or after `offset` that starts with a record.

    `limit`, or the file's end, where there is none before it.
    """
    limit = min(limit, source.size_bytes)
    while offset < limit:
        # Two bytes of the next block: a magic may straddle the border.
        piece = source.piece(offset)
        data = piece + source.at(offset + len(piece), len(_MAGIC) - 1)
        at = data.find(_MAGIC)
        while at >= 0 and offset + at < limit:
            if starts_record(source, grammar, offset + at):
                return offset + at
            at = data.find(_MAGIC, at + 1)
        offset += len(piece)
    return limit
