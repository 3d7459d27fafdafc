"""Archives however they are packed, and damaged anywhere: every record that was not touched is read."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.files.block_file import BlockFile
from curation.pages.archives.containers import records
from curation.pages.archives.records import ArchiveRecord, DamagedRange

Make = Callable[..., bytes]
Found = list[ArchiveRecord | DamagedRange]


def in_steps(path: Path, step: int) -> Found:
    with BlockFile(str(path)) as source:
        size = max(1, source.size_bytes)
        return [
            record
            for start in range(0, size, step)
            for record in records(source, start, min(start + step, size))
        ]


def whole(path: Path) -> Found:
    return in_steps(path, max(1, path.stat().st_size))


def numbers(found: Found) -> list[int]:
    ids = [record.headers.get("warc-record-id", "") for record in found if isinstance(record, ArchiveRecord)]
    return [int(name[10:-1]) for name in ids if re.fullmatch(r"<urn:uuid:\d+>", name)]


def damages(found: Found) -> list[str]:
    return [record.detail for record in found if isinstance(record, DamagedRange)]


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def same(data: bytes) -> bytes:
    return data


def skippable(content: bytes, kind: int = 0) -> bytes:
    return struct.pack("<II", 0x184D2A50 + kind, len(content)) + content


def dictionary_file(parts: list[bytes], packed: bool) -> bytes:
    words = zstandard.train_dictionary(2000, [part + bytes([n]) for n, part in enumerate(parts * 20)])
    stored = zstandard.compress(words.as_bytes()) if packed else words.as_bytes()
    pack = zstandard.ZstdCompressor(dict_data=words, write_checksum=True).compress
    return skippable(stored, 13) + b"".join(map(pack, parts))


def wacz(parts: list[bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("datapackage.json", "{}")
        for name, chosen in (("data-0", parts[:5]), ("data-1", parts[5:])):
            content = b"".join(gzip.compress(part, mtime=0) for part in chosen)
            archive.writestr(f"archive/{name}.warc.gz", content, method)
        archive.writestr("indexes/index.cdx.gz", gzip.compress(b"an index"))
        archive.writestr("pages/pages.jsonl", "{}")
    return file.getvalue()


FORMS: dict[str, Callable[[list[bytes]], bytes]] = {
    "a.warc": b"".join,
    "a.warc.gz": lambda parts: b"".join(gzip.compress(part, mtime=0) for part in parts),
    "a.warc.zst": lambda parts: b"".join(map(zstd, parts)),
    "frames of two.zst": lambda parts: b"".join(zstd(b"".join(parts[n : n + 2])) for n in range(0, len(parts), 2)),
    "pzstd": lambda parts: b"".join(skippable(b"1234") + zstd(part) for part in parts),
    "one frame": lambda parts: zstd(b"".join(parts)),
    "dictionary": lambda parts: dictionary_file(parts, False),
    "packed dictionary": lambda parts: dictionary_file(parts, True),
    "a.bz2": lambda parts: bz2.compress(b"".join(parts)),
    "misnamed.warc": lambda parts: lzma.compress(b"".join(parts)),
    "a.wacz": wacz,
    "deflated.wacz": lambda parts: wacz(parts, zipfile.ZIP_DEFLATED),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_every_packing_gives_the_same_records_by_any_split(
    tmp_path: Path, make_record: Make, name: str
) -> None:
    parts = [make_record(number) for number in range(12)]
    path = tmp_path / name
    path.write_bytes(FORMS[name](parts))
    found = whole(path)
    assert numbers(found) == list(range(12))
    assert damages(found) == []
    for step in (100, 777, 3000):
        assert in_steps(path, step) == found


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz", "a.warc.zst", "a.wacz", "dictionary"])
def test_a_record_is_found_again_by_its_offset(tmp_path: Path, make_record: Make, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(FORMS[name]([make_record(number) for number in range(12)]))
    with BlockFile(str(path)) as source:
        for record in whole(path):
            assert list(records(source, record.offset, record.offset + 1)) == [record]


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (lambda parts: dictionary_file(parts, False)[2008:], "no zstd frame that starts"),
        (lambda parts: skippable(b"\x28\xb5\x2f\xfd\xff", 13), "its zstd dictionary cannot be read: the file ends"),
        (lambda parts: wacz([])[:200], "the zip file's directory cannot be read: File is not a zip file"),
        (lambda parts: b"Rar!\x1a\x07", "it is a rar archive; expected WARC, ARC or WACZ, compressed or not"),
        (lambda parts: b" \r\n\n", "the file is empty"),
        (lambda parts: bz2.compress(b"".join(parts))[:-9], "the records from here on are lost: the file ends inside"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said(
    tmp_path: Path, make_record: Make, data: Callable[[list[bytes]], bytes], detail: str
) -> None:
    path = tmp_path / "a"
    path.write_bytes(data([make_record(number) for number in range(3)]))
    found = whole(path)
    assert any(said.startswith(detail) for said in damages(found)), damages(found)
    assert in_steps(path, 40) == found


def test_a_zip_archive_without_archives_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "a text")
    assert damages(whole(path)) == ["a zip archive without WARC files (archive/*.warc.gz), so no WACZ"]


def test_a_wacz_whose_directory_lies_says_so(tmp_path: Path, make_record: Make) -> None:
    path = tmp_path / "a.wacz"
    data = bytearray(wacz([make_record(number) for number in range(12)]))
    place = data.rindex(b"PK\x05\x06") + 16  # of the directory, from which those of all members follow
    data[place : place + 4] = struct.pack("<I", struct.unpack_from("<I", data, place)[0] + 900)
    path.write_bytes(bytes(data))
    found = whole(path)
    assert damages(found) == [
        f"archive/data-{number}.warc.gz: the zip file's directory names a place where it is not"
        for number in (0, 1)
    ]
    assert in_steps(path, 400) == found


def test_a_wacz_cut_before_its_directory_keeps_its_records(tmp_path: Path, make_record: Make) -> None:
    path = tmp_path / "a.wacz"
    data = wacz([make_record(number) for number in range(12)])
    path.write_bytes(data[: data.index(b"PK\x01\x02")])
    found = whole(path)
    assert numbers(found) == list(range(12))
    assert in_steps(path, 500) == found


def test_a_record_survives_a_file_cut_anywhere_in_the_next_member(tmp_path: Path, make_record: Make) -> None:
    for name, pack in (("a.warc.gz", lambda data: gzip.compress(data, mtime=0)), ("a.zst", zstd)):
        first, second = pack(make_record(0)), pack(make_record(1))
        path = tmp_path / name
        for cut in range(1, len(second)):
            path.write_bytes(first + second[:cut])
            found = whole(path)
            assert numbers(found) == [0], (name, cut)
            assert [(record.offset, record.length) for record in found[1:]] == [(len(first), cut)]


def test_records_of_a_member_that_fails_its_checksum_are_in_doubt(tmp_path: Path, make_record: Make) -> None:
    parts = [make_record(number, block=random.Random(number).randbytes(900)) for number in range(6)]
    member = bytearray(gzip.compress(b"".join(parts), 0, mtime=0))
    member[member.index(parts[1][-500:-400])] ^= 1  # stored bytes: nothing but the checksum shows it
    path = tmp_path / "a.warc.gz"
    path.write_bytes(gzip.compress(make_record(7)) + bytes(member) + gzip.compress(make_record(8)))
    found = whole(path)
    doubts = {
        record.headers["warc-record-id"]: record.doubt
        for record in found
        if isinstance(record, ArchiveRecord)
    }
    wrong = "its gzip member is damaged, so it may be too: Error -3 while decompressing data: incorrect data check"
    assert [doubts[f"<urn:uuid:{number}>"] for number in (7, *range(6), 8)] == [None, *[wrong] * 6, None]
    assert damages(found) == []  # nothing is lost
    assert in_steps(path, 1000) == found


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: b"\r\n\r\n \t\n" + data,
        lambda data: data + b"\r\n" * 500,
        lambda data: data.replace(b"WARC/1.0", b"warc/1.0"),
        lambda data: data.replace(b"\r\nWARC-", b"\r\r\nWARC-").replace(b"\r\nContent-L", b"\r\r\nContent-L"),
        lambda data: data.replace(b"\r\n\r\nHTTP", b"\r\r\n\r\r\nHTTP"),
        lambda data: data.replace(b"\r\nWARC-Date", b"\r\nX-Long: " + b"a" * 300_000 + b"\r\nWARC-Date"),
    ],
)
@pytest.mark.parametrize("pack", [same, gzip.compress, zstd])
def test_records_as_tools_left_them_are_read(
    tmp_path: Path, make_record: Make, change: Callable[[bytes], bytes], pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(b"".join(pack(change(make_record(number))) for number in range(3)))
    found = whole(path)
    assert numbers(found) == [0, 1, 2]
    assert damages(found) == []
    assert in_steps(path, 4096) == found


def test_a_length_above_the_cap_in_a_member_of_many_costs_no_record_after_it(
    tmp_path: Path, make_record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curation.pages.archives.records.MAX_BODY_BYTES", 1000)
    after = [make_record(number) for number in range(2, 12)]
    data = b"".join([make_record(0), make_record(1, length=1500), *after])
    path = tmp_path / "a.warc.gz"
    for pack in (gzip.compress, zstd):
        path.write_bytes(pack(data))
        found = whole(path)
        assert numbers(found) == [0, *range(2, 12)]
        assert damages(found) == ["Content-Length is 1500, and no record ends there"]


def spoil(data: bytes, kind: str, at: int, noise: random.Random) -> bytes:
    """One part of a file, damaged."""
    if kind == "cut":
        return data[:at]
    if kind == "flip":
        return data[:at] + bytes([data[at] ^ 1 << noise.randrange(8)]) + data[at + 1 :]
    if kind == "zero":
        return data[:at] + bytes(min(64, len(data) - at)) + data[at + 64 :]
    return data[:at] + noise.randbytes(200) + data[at:]  # junk, which is in the way


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pack=st.sampled_from([gzip.compress, zstd]),
    together=st.sampled_from([1, 1, 3]),
    kinds=st.lists(st.sampled_from(["good", "good", "good", "cut", "flip", "zero", "junk"]), min_size=1, max_size=8),
    step=st.integers(50, 5000),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_damage_of_one_member_costs_no_record_of_another(
    tmp_path: Path, make_record: Make, pack: Callable[[bytes], bytes], together: int,
    kinds: list[str], step: int, seed: int,
) -> None:  # fmt: skip
    noise = random.Random(seed)
    intact, data = [], b""
    for number, kind in enumerate(kinds):
        inside = range(number * together, (number + 1) * together)
        part = pack(
            b"".join(make_record(n, block=b"HTTP/1.1 200 OK\r\n\r\n" + noise.randbytes(300)) for n in inside)
        )
        if kind == "good":
            intact += inside
        data += part if kind == "good" else spoil(part, kind, noise.randrange(len(part)), noise)
    path = tmp_path / "a.warc.gz"
    path.write_bytes(data)
    found = whole(path)
    assert set(numbers(found)) >= set(intact)
    assert in_steps(path, step) == found


@pytest.mark.usefixtures("hours_are_a_fault")
def test_starts_without_an_end_are_read_in_linear_time(tmp_path: Path) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(b"WARC/1.0\r\nA: " * 20_000)
    found = whole(path)
    assert len(found) == 20_000
    assert set(damages(found)) == {
        "the headers are cut off, another record starts in them",
        "the headers are cut off",
    }
    path.write_bytes(gzip.compress(b"WARC/1.0\r\nContent-Length: 99999999\r\n\r\n" * 20_000))
    assert len(whole(path)) == 20_000


def test_the_raw_form_of_deflate_is_no_gzip(tmp_path: Path, make_record: Make) -> None:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(zlib.compress(make_record(0)))
    assert damages(whole(path)) == ["no gzip member that starts with a WARC record"]
