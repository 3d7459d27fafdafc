"""Archives as they lie about, damaged in one way each: every record that was not touched is read, once."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import re
import struct
import tarfile
import zlib
from collections.abc import Callable, Collection
from pathlib import Path

import pytest
import zstandard

from curation.files.block_file import BlockFile
from curation.pages.archives.containers import records
from curation.pages.archives.records import ArchiveRecord, DamagedRange

from .conftest import record

COUNT = 8
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"


def number(n: int) -> bytes:
    return record(n, block=HEAD + b"<p>%d</p>" % n + random.Random(n).randbytes(200).hex().encode())


R = [number(n) for n in range(COUNT)]
ALL = range(COUNT)


def but(*lost: int) -> list[int]:
    return [n for n in ALL if n not in lost]


def gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def zst(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def with_fields(data: bytes) -> bytes:
    """A gzip member with every optional field, as the Internet Archive's and bgzip's have some."""
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    extra = b"sl\x08\0" + struct.pack("<II", len(data), 0)
    head = b"\x1f\x8b\x08\x1e\0\0\0\0\0\x03" + struct.pack("<H", len(extra)) + extra + b"a.warc\0comment\0"
    head += struct.pack("<H", zlib.crc32(head) & 0xFFFF)
    return head + raw.compress(data) + raw.flush() + struct.pack("<II", zlib.crc32(data), len(data))


def blocks(data: bytes) -> list[bytes]:
    """As bgzip packs: members that end anywhere in a record."""
    return [with_fields(data[at : at + 500]) for at in range(0, len(data), 500)]


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def length(data: bytes, declared: Callable[[int], bytes]) -> bytes:
    return re.sub(
        rb"Content-Length: (\d+)", lambda match: b"Content-Length: " + declared(int(match[1])), data
    )


def line_feeds(data: bytes) -> bytes:
    head, body = data.split(b"\r\n\r\n", 1)
    return head.replace(b"\r\n", b"\n") + b"\n\n" + body


def tar(data: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo("a.warc.gz")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def joined(pack: Callable[[bytes], bytes], parts: list[bytes] = R) -> bytes:
    return b"".join(map(pack, parts))


def spoiled(pack: Callable[[bytes], bytes], change: Callable[[bytes], bytes]) -> bytes:
    return b"".join(change(pack(part)) if n == 3 else pack(part) for n, part in enumerate(R))


BGZF = blocks(b"".join(R))
HTML = b"<html><body>502 Bad Gateway</body></html>"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/warc\r\n\r\n"
FALSE_MAGIC = b"\x1f\x8b\x08\0\0\0\0\0\0\3" + random.Random(9).randbytes(40)

CASES: dict[str, tuple[bytes, Collection[int]]] = {
    "members with every field": (joined(with_fields), ALL),
    "blocks": (b"".join(BGZF), ALL),
    "a block flipped": (b"".join([*BGZF[:7], flip(BGZF[7], 200), *BGZF[8:]]), but(5, 6)),
    "a block without its magic": (b"".join([*BGZF[:7], b"\0\0\0" + BGZF[7][3:], *BGZF[8:]]), but(5, 6)),
    "blocks whose beginning is gone": (b"".join(BGZF)[40:], but(0)),
    "empty members between": (b"".join(gz(part) + gz(b"") for part in R), ALL),
    "a cut file and another": (joined(gz, R[:4])[:-30] + joined(gz, R[4:]), but(3)),
    "a cut zstd file and another": (joined(zst, R[:4])[:-30] + joined(zst, R[4:]), but(3)),
    "no blank lines at the end": (joined(lambda part: gz(part[:-4])), ALL),
    "one line end between": (joined(lambda part: part[:-2]), ALL),
    "too short a length": (spoiled(bytes, lambda part: length(part, lambda n: b"%d" % (n - 7))), but(3)),
    "too long a length": (spoiled(bytes, lambda part: length(part, lambda n: b"%d" % (n + 300))), but(3)),
    "too long a length in a member": (joined(gz, [*R[:3], length(R[3], lambda n: b"%d" % (n + 300)), *R[4:]]), but(3)),
    "a length of 17 digits": (spoiled(bytes, lambda part: length(part, lambda _: b"9" * 17)), but(3)),
    "a negative length": (spoiled(bytes, lambda part: length(part, lambda _: b"-5")), but(3)),
    "no length": (spoiled(bytes, lambda part: part.replace(b"Content-Length", b"X-Length")), but(3)),
    "heads with line feeds": (joined(line_feeds), ALL),
    "a tape's padding": (joined(lambda part: part + b"\0" * (-len(part) % 512)), ALL),
    "zeros between members": (joined(lambda part: gz(part) + b"\0" * 100), ALL),
    "an error page behind": (joined(gz) + HTML, ALL),
    "an answer's headers in front": (ANSWER + joined(gz), ALL),
    "false magics between": (joined(lambda part: gz(part) + FALSE_MAGIC), ALL),
    "in a tar": (tar(joined(gz)), ALL),
    "a beginning lost": (joined(gz)[37:], but(0)),
    "a bad head in a member of all": (flip(gzip.compress(b"".join(R), 0), 15 + sum(map(len, R[:3])) + 3), but(3)),
    "a bad checksum of a member of all": (flip(gz(b"".join(R)), -6), ALL),
    "an xz stream flipped": (spoiled(lzma.compress, lambda part: flip(part, 200)), but(3)),
    "a bz2 stream flipped": (spoiled(bz2.compress, lambda part: flip(part, 100)), but(3)),
    "a line without a colon": (joined(lambda part: part.replace(b"WARC-Date", b"no field\r\nWARC-Date")), ALL),
    "spaces around the version": (joined(lambda part: b"  " + part.replace(b"/1.0\r", b"/1.0  \r")), ALL),
    "an older version": (joined(lambda part: part.replace(b"WARC/1.0", b"WARC/0.17")), ALL),
    "two lengths": (joined(lambda part: re.sub(rb"(Content-Length: \d+)", rb"\1\r\n\1", part)), ALL),
    "junk of a megabyte in front": (random.Random(1).randbytes(1_000_000) + joined(gz), ALL),
}  # fmt: skip


def read(source: BlockFile, step: int) -> list[ArchiveRecord | DamagedRange]:
    size = source.size_bytes
    return [
        item for start in range(0, size, step) for item in records(source, start, min(start + step, size))
    ]


@pytest.mark.parametrize("name", CASES)
def test_every_record_that_was_not_touched_is_read_once(tmp_path: Path, name: str) -> None:
    data, intact = CASES[name]
    path = tmp_path / "a.warc.gz"
    path.write_bytes(data)
    with BlockFile(str(path)) as source:
        found = read(source, source.size_bytes)
        if source.size_bytes < 100_000:
            assert read(source, 300) == read(source, 2000) == found
    ids = [item.headers["warc-record-id"] for item in found if isinstance(item, ArchiveRecord)]
    assert len(ids) == len(set(ids))
    assert set(ids) >= {f"<urn:uuid:{n}>" for n in intact}
    assert len(ids) == COUNT or any(isinstance(item, DamagedRange) for item in found)
