"""Damage in deflate is found by halves: what stands before it comes back, in few tries."""

from __future__ import annotations

import random
import zlib
from typing import Any

import pytest

from curation.files import decoders
from curation.files.decoders import Damaged, Inflater


class Counting:
    """A decompressor that counts its calls, in all copies."""

    calls = 0

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def copy(self) -> Counting:
        return Counting(self._stream.copy())

    def decompress(self, data: bytes, most_bytes: int) -> bytes:
        Counting.calls += 1
        result: bytes = self._stream.decompress(data, most_bytes)
        return result


@pytest.mark.parametrize("damaged_at", [0, 11, 500, 30_000, -9, -1])
def test_what_stands_before_damage_comes_back_in_few_tries(
    monkeypatch: pytest.MonkeyPatch, damaged_at: int
) -> None:
    text = random.Random(1).randbytes(60_000)
    packed = bytearray(zlib.compress(text, wbits=decoders.GZIP))
    packed[damaged_at] ^= 0xFF
    make = zlib.decompressobj
    monkeypatch.setattr(decoders.zlib, "decompressobj", lambda form: Counting(make(form)))
    Counting.calls = 0
    assert before_damage(bytes(packed)) == bytewise(make(decoders.GZIP), packed)
    assert Counting.calls <= 2 + 2 * len(packed).bit_length()


def before_damage(packed: bytes) -> bytes:
    stream, pending, parts = Inflater(), packed, []
    try:
        while True:
            data, pending = stream.step(pending)
            parts.append(data)
    except Damaged:
        return b"".join(parts)


def bytewise(stream: Any, packed: bytearray) -> bytes:
    """What zlib itself makes of the bytes, one at a time."""
    output = b""
    try:
        for byte in packed:
            output += stream.decompress(bytes([byte]))
    except zlib.error:
        return output
    raise AssertionError("nothing was damaged")
