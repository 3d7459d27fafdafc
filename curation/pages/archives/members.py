"""Gzip members and zstd frames of an archive: where they start, and the stream of those that continue one.

Sources: RFC 1952 (gzip), RFC 8878 (zstd); "Zstandard Compression for WARC files" 1.0 (iipc).
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from curation.files.block_file import Blocks, Section, pieces
from curation.files.decoders import GZIP, Inflater, Unpacker
from curation.files.frames import Damaged, after_skippable
from curation.files.members import unzstd
from curation.files.zstd import FRAME, ZstdDecoder
from curation.pages.archives.grammar import Grammar
from curation.pages.archives.window import DamagedMember

_GZIP_MAGIC = b"\x1f\x8b\x08"
_PEEK_BYTES = 4096
_BLOCK_BYTES = 2**17 + 64  # of a zstd frame: its header and its first block
_DICTIONARY = b"\x5d\x2a\x4d\x18"
_MOST_LOOKS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Packing:
    """How a file is compressed piece by piece: what its pieces are called, start with and are unpacked by."""

    name: str
    magic: bytes
    peek_bytes: int
    decoder: Callable[[], Unpacker]

    def peek(self, source: Blocks, offset: int, count: int) -> bytes | None:
        """Return up to `count` first bytes of the member at `offset`, None where there is none."""
        data = source.at(offset, max(self.peek_bytes, count))
        if not data.startswith(self.magic):
            return None
        try:
            if self.magic == _GZIP_MAGIC:  # of which the beginning of a member suffices
                return zlib.decompressobj(GZIP).decompress(data, count)
            return _first_bytes(self.decoder(), data, count)
        except (zlib.error, Damaged):
            return None

    def pass_over(self, source: Blocks, offset: int) -> int:
        """Return the offset after the frames at `offset` that are to be passed over."""
        after = after_skippable(source.at, offset) if self.magic == FRAME else offset
        return min(after, source.size_bytes)


def _first_bytes(decoder: Unpacker, data: bytes, count: int) -> bytes:
    output = b""
    while data and len(output) < count and not decoder.eof:
        more, data = decoder.step(data)
        output += more
    return output


GZIP_MEMBERS = Packing(name="gzip member", magic=_GZIP_MAGIC, peek_bytes=_PEEK_BYTES, decoder=Inflater)


def zstd_frames(source: Blocks, max_window_mib: int) -> Packing:
    """Return the packing of a file of zstd frames, with the dictionary that its first frame may hold.

    Raises DamagedMember where it cannot be read.
    """
    import zstandard

    words = None
    if source.at(0, 4) == _DICTIONARY:
        length = int.from_bytes(source.at(4, 4), "little")
        if length > max_window_mib * 2**20:
            raise DamagedMember(f"its zstd dictionary is said to have {length:,} bytes")
        stored = Section(source, source.url, 8, length)
        try:
            packed = stored.at(0, 4) == FRAME
            plain = b"".join(unzstd(pieces(stored))) if packed else stored.at(0, length)
            words = zstandard.ZstdCompressionDict(plain)
        except (Damaged, zstandard.ZstdError) as error:
            raise DamagedMember(f"its zstd dictionary cannot be read: {error}") from None

    def decoder() -> ZstdDecoder:
        return ZstdDecoder(max_window_mib, words)

    return Packing(name="zstd frame", magic=FRAME, peek_bytes=_BLOCK_BYTES, decoder=decoder)


class MemberStream:
    """The member at `offset` and those that continue it, up to the next that starts a record.

    Most files hold one record a member; a file compressed as a whole or in blocks is one stream of many.
    """

    def __init__(self, source: Blocks, grammar: Grammar, packing: Packing, offset: int) -> None:
        self._source = source
        self._grammar = grammar
        self._packing = packing
        self._next = offset  # of the next byte to read
        self._pending = b""  # read, not yet decompressed
        self._decoder = packing.decoder()
        self._produced = 0
        self._positions = [0]  # where in the stream each member starts, and
        self._offsets = [offset]  # where in the file
        self._doubts: dict[int, str | None] = {}
        self._looks = 0
        self.done = False
        self.record_follows = False  # once it is done: whether a record starts at `next_offset`

    def pull(self) -> bytes:
        """Return the next decompressed bytes, at most 1 MiB; empty at the end. Raises DamagedMember."""
        while not self.done:
            if self._decoder.eof:
                self._next_member()
                continue
            if not self._pending:
                self._pending = self._source.piece(self._next)
                self._next += len(self._pending)
                if not self._pending:
                    raise DamagedMember(f"the file ends inside a {self._packing.name}")
            try:
                data, self._pending = self._decoder.step(self._pending)
            except Damaged as error:
                raise DamagedMember(f"damaged {self._packing.name}: {error}") from None
            if data:
                self._produced += len(data)
                return data
        return b""

    def _next_member(self) -> None:
        after = self.next_offset
        self._next = self._packing.pass_over(self._source, after)
        self._pending = b""
        first = self._packing.peek(self._source, self._next, self._grammar.start_bytes)
        self.record_follows = first is not None and self._grammar.member.match(first) is not None
        if first is None or self.record_follows:
            self.done = True
            return
        self._positions.append(self._produced)
        self._offsets.append(self._next)
        self._decoder = self._packing.decoder()

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

    def look(self, position: int, count: int) -> bytes:
        """Return up to `count` bytes at a position, found by unpacking once more; a few times, then none."""
        self._looks += 1
        if self._looks > _MOST_LOOKS:
            return b""
        again = MemberStream(self._source, self._grammar, self._packing, self.member_offset)
        passed, held = self._positions[-1], b""
        with suppress(DamagedMember):  # what precedes the damage is what there is to look at
            while passed + len(held) < position + count and (data := again.pull()):
                held += data
                if passed + len(held) <= position:
                    passed, held = passed + len(held), b""
        return held[position - passed :][:count]

    def proven(self, position: int) -> bool:
        """Return whether the members up to a position were read to their ends, and passed their checksums."""
        return self._decoder.eof or position <= self._positions[-1]

    def alone(self, position: int) -> bool:
        """Return whether the member being read starts with what stands at a position of the stream."""
        return position == self._positions[-1]

    def doubt(self, position: int) -> str | None:
        """Return what is wrong with the member that holds what ends at a position; None where nothing is.

        A member that the file's end cuts off is not known to be wrong. Only a member of several records is
        read again for this.
        """
        if self.proven(position):
            return None
        offset = self.member_offset
        if offset not in self._doubts:
            self._doubts = {offset: self._wrong(offset)}
        return self._doubts[offset]

    def _wrong(self, offset: int) -> str | None:
        decoder = self._packing.decoder()
        try:
            for piece in pieces(self._source, offset):
                while piece and not decoder.eof:
                    _, piece = decoder.step(piece)
                if decoder.eof:
                    break
        except Damaged as error:
            return f"its {self._packing.name} is damaged, so it may be too: {error}"
        return None


def starts_record(source: Blocks, grammar: Grammar, packing: Packing, offset: int) -> bool:
    """Return whether a member that starts with a record lies at `offset`."""
    first = packing.peek(source, offset, grammar.start_bytes)
    return first is not None and grammar.member.match(first) is not None


def next_member(
    source: Blocks, packing: Packing, offset: int, limit: int, grammar: Grammar | None = None
) -> int:
    """Return the offset of the first member at or after `offset`; with a grammar, that starts with a record.

    `limit`, or the file's end, where there is none before it.
    """
    limit = min(limit, source.size_bytes)
    while offset < limit:
        # Some bytes of the next block: a magic may straddle the border.
        piece = source.piece(offset)
        data = piece + source.at(offset + len(piece), len(packing.magic) - 1)
        at = data.find(packing.magic)
        while at >= 0 and offset + at < limit:
            if (
                starts_record(source, grammar, packing, offset + at)
                if grammar
                else packing.peek(source, offset + at, 1)
            ):
                return offset + at
            at = data.find(packing.magic, at + 1)
        offset += len(piece)
    return limit
