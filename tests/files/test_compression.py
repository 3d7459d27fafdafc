from __future__ import annotations

import bz2
import gzip
import lzma
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard

from curation.files.compression import compression_of
from curation.files.frames import Damaged
from curation.files.members import unpacked
from curation.files.packed_file import open_unpacked

Pack = Callable[[bytes], bytes]


def lz4(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "lz4") as stream:
        stream.write(data)
    return bytes(sink.getvalue().to_pybytes())


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True, write_content_size=False).compress(data)


PACKS = {"gzip": gzip.compress, "zstd": zstd, "bz2": bz2.compress, "xz": lzma.compress, "lz4": lz4}
TEXT = b"".join(b"line %d %s\n" % (n, random.Random(n).randbytes(6).hex().encode()) for n in range(9000))
SKIPPABLE = struct.pack("<II", 0x184D2A53, 5) + b"hello"


def name_of(data: bytes, url: str = "") -> str | None:
    return compression_of(lambda offset, count: data[offset : offset + count], url)


def read(data: bytes, name: str, step: int = 2**18, **limits: int) -> tuple[bytes, str | None]:
    """What comes out, and what stopped it."""
    parts: list[bytes] = []

    def pieces() -> Iterator[bytes]:
        return (data[start : start + step] for start in range(0, len(data), step))

    try:
        parts.extend(unpacked(pieces(), name, **limits))
    except Damaged as error:
        return b"".join(parts), str(error)
    return b"".join(parts), None


@pytest.mark.parametrize("name", PACKS)
def test_content_tells_the_compression_and_every_member_is_unpacked(name: str) -> None:
    packed = PACKS[name](TEXT)
    assert name_of(packed) == name
    assert name_of(packed, "misnamed.gz") == name
    assert read(packed, name) == (TEXT, None)
    assert read(packed + PACKS[name](b"and more\n"), name, 1000) == (TEXT + b"and more\n", None)


@pytest.mark.parametrize("name", PACKS)
def test_what_precedes_the_end_of_a_cut_file_is_unpacked(name: str) -> None:
    noise = random.Random(2).randbytes(2_000_000)
    packed = PACKS[name](noise)
    found, wrong = read(packed[: len(packed) // 2], name)
    assert noise.startswith(found)
    # bz2 and zstd give whole blocks only, of 900 kB and 128 KiB.
    assert len(found) > 1_000_000 - {"bz2": 900_000}.get(name, 2**17)
    words = {"gzip": "a gzip member", "zstd": "a zstd frame", "bz2": "a bz2 stream", "xz": "an xz stream"}
    assert wrong == f"the file ends inside {words.get(name, 'an lz4 frame')}"


@pytest.mark.parametrize(("name", "at"), [("gzip", -6), ("zstd", -2)])
def test_a_bad_checksum_costs_no_byte(name: str, at: int) -> None:
    packed = bytearray(PACKS[name](TEXT))
    packed[at] ^= 1
    found, wrong = read(bytes(packed), name)
    assert found == TEXT
    assert wrong in (
        "Error -3 while decompressing data: incorrect data check",
        "zstd decompressor error: Restored data doesn't match checksum",
    )


def test_frames_to_pass_over_are_passed_over() -> None:
    for data in (SKIPPABLE + zstd(b"a") + SKIPPABLE + zstd(b"b"), SKIPPABLE * 3 + zstd(b"ab") + SKIPPABLE):
        assert name_of(data) == "zstd"
        assert read(data, "zstd", 3) == (b"ab", None)
    assert name_of(SKIPPABLE + lz4(b"a")) == "lz4"
    assert read(SKIPPABLE + lz4(b"a"), "lz4") == (b"a", None)


def long_window(content: bytes, log: int) -> bytes:
    """A frame that asks for a window of 2**log bytes, as `zstd --long` writes."""
    block = struct.pack("<I", len(content) << 3 | 1)[:3]
    return b"\x28\xb5\x2f\xfd\x00" + bytes([log - 10 << 3]) + block + content


def test_a_long_window_is_read_where_the_limit_allows_it() -> None:
    assert read(long_window(b"abc", 27), "zstd") == (b"abc", None)
    assert read(long_window(b"abc", 31), "zstd", max_window_mib=2048) == (b"abc", None)
    message = "a zstd frame needs a window of 2,048 MiB, the limit is 128; inputs.NAME.max_window_mib sets it"
    assert read(long_window(b"abc", 31), "zstd") == (b"", message)
    large = lzma.compress(b"abc", preset=9)  # a dictionary of 64 MiB
    message = "Memory usage limit exceeded; inputs.NAME.max_window_mib sets the limit"
    assert read(large, "xz", max_window_mib=16) == (b"", message)
    assert read(large, "xz") == (b"abc", None)


@pytest.mark.parametrize(
    ("first", "url", "name"),
    [
        (b'{"text": "a"}', "a.jsonl.gz", None),  # unpacked by whoever fetched it
        (b"\0\0\0", "a.jsonl.gz", "gzip"),
        (b"\0\0\0", "a.jsonl", None),
        (b"", "a.gz", None),
        (b"BZh9 is a text", "a", None),
    ],
)
def test_the_name_decides_where_a_file_begins_with_neither(first: bytes, url: str, name: str | None) -> None:
    assert name_of(first, url) == name


def test_a_file_is_opened_unpacked_whatever_it_is_called(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(lzma.compress(TEXT))
    with open_unpacked(str(path)) as stream:
        assert stream.readline() == TEXT.splitlines(keepends=True)[0]
        assert stream.read() == TEXT.partition(b"\n")[2]
    path.write_bytes(gzip.compress(TEXT)[:-9])
    with open_unpacked(str(path)) as stream, pytest.raises(OSError, match="unpacked") as error:
        stream.read()
    assert str(error.value) == f"{path}: cannot be unpacked: the file ends inside a gzip member"
