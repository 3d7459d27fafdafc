"""What the fuzzer begins with: small whole files of every kind, and words of their grammars."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from curation.shards.mds import write_shard


def warc_record(number: int, kind: str = "response", extra: str = "") -> bytes:
    block = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><body><p>Page %d</p></body></html>" % number
    )
    return (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{number}>\r\nWARC-Target-URI: http://a.org/"
        f"{number}\r\n{extra}Content-Type: application/http\r\nContent-Length: {len(block)}\r\n\r\n"
    ).encode() + block + b"\r\n\r\n"  # fmt: skip


def arc_record(number: int) -> bytes:
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>Body %d</p>" % number
    return f"http://a.org/{number} 1.2.3.4 20080430204825 text/html {len(page)}\n".encode() + page + b"\n"


def wacz() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("archive/a.warc.gz", gzip.compress(warc_record(0)) + gzip.compress(warc_record(1)))
        packed.writestr("archive/b.warc", warc_record(2), zipfile.ZIP_DEFLATED)
    return file.getvalue()


def chunked(*sizes: int) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (size, b"a" * size) for size in (*sizes, 0))


def parquet(**options: object) -> bytes:
    sink = io.BytesIO()
    rows = {
        "text": [f"text {n}" for n in range(40)],
        "id": list(range(40)),
        "lists": [[n] for n in range(40)],
    }
    pq.write_table(pa.table(rows), sink, row_group_size=15, **options)
    return sink.getvalue()


def mds() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write_shard(folder, 0, np.arange(64, dtype=np.uint16).reshape(4, 16))
        return next(Path(folder).glob("*.mds")).read_bytes()


ARCHIVE_WORDS = (
    *(
        b"WARC/1.0\r\n",
        b"WARC/1.0\r\nA: ",
        b"Content-Length: ",
        b"\r\n\r\n",
        b"\r\r\n",
        b"99999999",
        b"67108865",
    ),
    *(
        b"\x1f\x8b\x08",
        b"\x28\xb5\x2f\xfd",
        struct.pack("<II", 0x184D2A5D, 9),
        b"PK\x03\x04",
        b"\xef\xbb\xbf",
    ),
    *(b" 1.2.3.4 20080430204825 text/html 9\n", b"http://a.org/", b"\n", b"WARC-Segment-Number: 1\r\n"),
    b"WARC-Segment-Origin-ID: <urn:uuid:0>\r\nWARC-Segment-Total-Length: 400\r\n",
)


def lz4(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "lz4") as stream:
        stream.write(data)
    return bytes(sink.getvalue().to_pybytes())


#: Plain twice, as that is what mostly is.
PACKS = (bytes, bytes, gzip.compress, zstandard.compress, bz2.compress, lzma.compress, lz4)
ROWS = [{"id": n, "text": f"text {n} \u00e9"} for n in range(9)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
