"""After damage a file is read on from its next member, whatever its format and compression."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
import xxhash
import zstandard

from curation.files.block_file import BlockFile
from curation.files.packed_file import open_unpacked
from curation.pages.archives.containers import records
from curation.pages.archives.records import ArchiveRecord, DamagedRange
from curation.pages.formats import FORMATS, splits
from curation.pages.page import Page, ReadOptions

Pack = Callable[[bytes], bytes]


def lz4(data: bytes) -> bytes:
    """As the tool writes it, with a checksum of the content, which Arrow leaves out."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "lz4") as stream:
        stream.write(data)
    frame = bytes(sink.getvalue().to_pybytes())
    assert not frame[4] & 0x0D, "neither a size nor a checksum nor a dictionary, so a header of 7 bytes"
    head = bytes([frame[4] | 0x04, frame[5]])
    check = bytes([xxhash.xxh32_intdigest(head) >> 8 & 0xFF])
    return frame[:4] + head + check + frame[7:] + xxhash.xxh32_intdigest(data).to_bytes(4, "little")


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


PACKS: dict[str, Pack] = {
    "gz": lambda data: gzip.compress(data, mtime=0),
    "zst": zstd,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lz4": lz4,
}
MEMBERS = 5


def lines(member: int, count: int = 300) -> bytes:
    noise = random.Random(member)
    return b"".join(
        b'{"text": "%d %s"}\n' % (member, noise.randbytes(40).hex().encode()) for _ in range(count)
    )


def pages(path: Path) -> list[Page]:
    (split,) = splits([(str(path), path.stat().st_size)], "jsonl", 2**30)
    return list(FORMATS["jsonl"].read(split, ReadOptions(text="text")))


def of_member(found: list[Page], member: int) -> list[Page]:
    return [page for page in found if page.body and page.body.startswith(b"%d " % member)]


def flip(data: bytes, at: float) -> bytes:
    place = int(len(data) * at)
    return data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "flipped early": lambda data: flip(data, 0.1),
    "flipped in the middle": lambda data: flip(data, 0.5),
    "flipped at the end": lambda data: flip(data, 0.9999),
    "cut": lambda data: data[: len(data) // 2],
    "beginning lost": lambda data: data[len(data) // 3 :],
    "zeros": lambda data: data[:900] + bytes(len(data) - 900),
    "junk behind it": lambda data: data + random.Random(1).randbytes(3_000),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", PACKS)
def test_lines_of_other_members_are_read(tmp_path: Path, name: str, damage: str) -> None:
    path = tmp_path / f"a.jsonl.{name}"
    packed = [PACKS[name](lines(member)) for member in range(MEMBERS)]
    path.write_bytes(b"".join((*packed[:2], DAMAGE[damage](packed[2]), *packed[3:])))
    found = pages(path)
    assert [len(of_member(found, member)) for member in (0, 1, 3, 4)] == [300] * 4
    lost = [page for page in found if page.failure]
    assert lost
    assert all(page.offset == number for number, page in enumerate(found, start=1))
    assert not any(page.loss.whole_file for page in lost)
    if damage != "junk behind it":
        intact = sum(not page.failure for page in found) - 4 * 300
        estimated = sum(page.loss.lost_bytes or 0 for page in lost) / len(packed[2]) * 300
        spoiled = sum(page.loss.lost_bytes is None for page in lost)
        assert intact + spoiled + estimated <= 330
        assert intact + spoiled + estimated >= {"cut": 100, "beginning lost": 100}.get(damage, 240)


@pytest.mark.parametrize("name", PACKS)
def test_what_is_lost_is_said(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"a.jsonl.{name}"
    packed = [PACKS[name](lines(member)) for member in range(2)]
    path.write_bytes(flip(packed[0], 0.5) + packed[1])
    details = [str(page.detail) for page in pages(path) if page.failure]
    assert any(detail.startswith(f"lines up to byte {len(packed[0]):,} are lost") for detail in details)
    path.write_bytes(flip(packed[0], 0.3))
    (last,) = [page for page in pages(path) if page.failure and "here on" in str(page.detail)]
    assert str(last.detail).startswith("the lines from here on are lost")
    path.write_bytes(packed[0][:20])
    (whole,) = pages(path)
    assert whole.loss.whole_file
    assert whole.loss.lost_bytes == 20


def test_lines_of_a_member_that_fails_its_checksum_are_in_doubt(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(lines(0), 0, mtime=0) + gzip.compress(lines(1)))
    at = packed.index(b'{"text": "0 ', 9_000) + 20
    packed[at] ^= 1  # of a stored byte, which nothing but the checksum shows
    path = tmp_path / "a"
    path.write_bytes(bytes(packed))
    found = pages(path)
    assert len(of_member(found, 0)) == len(of_member(found, 1)) == 300
    (lost,) = [page for page in found if page.failure]
    end = len(gzip.compress(lines(0), 0, mtime=0))
    assert lost.detail == (
        f"lines up to byte {end:,} are lost, and those before them in the same member may be wrong: "
        "Error -3 while decompressing data: incorrect data check"
    )


@pytest.mark.parametrize("name", ["bz2", "xz", "lz4"])
def test_records_of_other_streams_of_a_packed_archive_are_read(
    tmp_path: Path, make_record: Callable[..., bytes], name: str
) -> None:
    noise = random.Random(3)
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    groups = [
        [make_record(number, block=head + noise.randbytes(4_000)) for number in range(first, first + 4)]
        for first in range(0, 20, 4)
    ]
    packed = [PACKS[name](b"".join(group)) for group in groups]
    packed[2] = flip(packed[2], 0.6)
    path = tmp_path / f"a.warc.{name}"
    path.write_bytes(b"".join(packed))
    with BlockFile(str(path)) as source:
        found = list(records(source, 0, source.size_bytes))
        for step in (7_000, 30_000):
            parts = range(0, source.size_bytes, step)
            assert [
                r for start in parts for r in records(source, start, min(start + step, source.size_bytes))
            ] == found
    intact = [
        int(r.headers["warc-record-id"][10:-1]) for r in found if isinstance(r, ArchiveRecord) and not r.doubt
    ]
    assert intact[:8] == list(range(8))
    assert intact[-8:] == list(range(12, 20))
    doubtful = [r for r in found if isinstance(r, ArchiveRecord) and r.doubt]
    gap = next(r for r in found if isinstance(r, DamagedRange) and r.detail.startswith("records are lost: "))
    assert all("fails its check" in str(r.doubt) for r in doubtful)
    assert gap.lost_bytes
    assert 0 < gap.lost_bytes <= len(packed[2])


def test_lz4_blocks_that_refer_to_those_before_them_are_read(tmp_path: Path) -> None:
    """As `lz4 -BD -B4` writes: made by hand, of one block of 64 KiB stored and one that copies from it."""
    first = (lines(1, 900) + b" " * 2**16)[: 2**16]
    length = 2**16 - 5 - 200
    # One literal-free sequence: a match of 200 bytes at a distance of 64 KiB - 1, then five literals.
    match = bytes([0x0F]) + (2**16 - 1).to_bytes(2, "little") + bytes([200 - 4 - 15])
    block = match + bytes([0x50]) + b"end.\n"
    assert length > 0
    descriptor = bytes([0x40 | 0x10 | 0x04, 4 << 4])
    header = b"\x04\x22\x4d\x18" + descriptor + bytes([xxhash.xxh32_intdigest(descriptor) >> 8 & 0xFF])
    plain = first + first[1:201] + b"end.\n"

    def packed(data: bytes, stored: bool) -> bytes:
        size = len(data) | (2**31 if stored else 0)
        return size.to_bytes(4, "little") + data + xxhash.xxh32_intdigest(data).to_bytes(4, "little")

    whole = header + packed(first, True) + packed(block, False) + bytes(4)
    whole += xxhash.xxh32_intdigest(plain).to_bytes(4, "little")
    path = tmp_path / "a.lz4"
    path.write_bytes(whole)
    with open_unpacked(str(path)) as stream:
        assert stream.read() == plain
    for spoiled, wrong in (
        (flip(whole, 0.5), "an lz4 block fails its checksum"),
        (whole[:-1] + bytes([whole[-1] ^ 1]), "an lz4 frame fails its checksum"),
        (whole[:4] + bytes([0x44]) + whole[5:], "an lz4 frame's header fails its checksum"),
    ):
        path.write_bytes(spoiled)
        with pytest.raises(OSError, match="unpacked") as error, open_unpacked(str(path)) as stream:
            stream.read()
        assert str(error.value) == f"{path}: cannot be unpacked: {wrong}"


def test_a_frame_of_a_long_window_is_read_on_with_where_the_limit_allows_it(tmp_path: Path) -> None:
    def long_window(data: bytes) -> bytes:
        block = (len(data) << 3 | 1).to_bytes(3, "little")
        return b"\x28\xb5\x2f\xfd\x00" + bytes([28 - 10 << 3]) + block + data

    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(flip(zstd(lines(0)), 0.3) + long_window(lines(1)) + zstd(lines(2)))
    (split,) = splits([(str(path), path.stat().st_size)], "jsonl", 2**30)
    for limit, counts in ((128, [0, 300]), (256, [300, 300])):
        found = list(FORMATS["jsonl"].read(split, ReadOptions(text="text", max_window_mib=limit)))
        assert [len(of_member(found, member)) for member in (1, 2)] == counts
