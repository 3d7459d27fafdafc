"""The demo's input: enough pages, the same bytes every time, damage where it is meant, nobody's paths."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.slow


def records(path: Path) -> Iterator[bytes | None]:
    """Every gzip member's content, None where a member is damaged."""
    data, at = path.read_bytes(), 0
    while 0 <= at < len(data):
        reader = zlib.decompressobj(31)
        try:
            content = reader.decompress(data[at:])
            whole = reader.eof
        except zlib.error:
            whole = False
        yield content if whole else None
        at = len(data) - len(reader.unused_data) if whole else data.find(b"\x1f\x8b\x08", at + 1)


def responses(path: Path) -> list[bytes]:
    return [r for r in records(path) if r is not None and b"\r\nWARC-Type: response\r\n" in r[:200]]


def test_the_same_bytes_every_time(demo_pages: Path, tmp_path: Path) -> None:
    command = [sys.executable, "jobs/demo/pages.py", "--out", str(tmp_path)]
    other = {**os.environ, "PYTHONHASHSEED": "2"}
    done = subprocess.run(command, cwd=ROOT, env=other, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"(\S+/(docs|web)\.warc\.gz: \d+ captures\n){2}", done.stdout)
    for name in ("docs.warc.gz", "web.warc.gz"):
        assert (tmp_path / name).read_bytes() == (demo_pages / name).read_bytes()


def test_enough_pages_in_two_sources(demo_pages: Path) -> None:
    docs, web = responses(demo_pages / "docs.warc.gz"), responses(demo_pages / "web.warc.gz")
    assert len(docs) + len(web) >= 500
    assert min(len(docs), len(web)) >= 150


def test_only_the_web_source_is_damaged(demo_pages: Path) -> None:
    assert None not in list(records(demo_pages / "docs.warc.gz"))
    assert list(records(demo_pages / "web.warc.gz")).count(None) >= 3


def test_records_are_what_a_crawler_writes(demo_pages: Path) -> None:
    for name in ("docs.warc.gz", "web.warc.gz"):
        whole = [record for record in records(demo_pages / name) if record is not None]
        kinds = Counter(re.search(rb"WARC-Type: (\w+)", r)[1].decode() for r in whole)  # type: ignore[index]
        assert kinds["warcinfo"] == 1
        assert abs(kinds["request"] - kinds["response"]) <= 5
        for record in whole:
            head, _, block = record.partition(b"\r\n\r\n")
            declared = int(re.search(rb"Content-Length: (\d+)", head)[1])  # type: ignore[index]
            assert record.startswith(b"WARC/1.1\r\n")
            assert block[declared:] == b"\r\n\r\n"


def test_every_kind_of_trouble_is_there(demo_pages: Path) -> None:
    web = responses(demo_pages / "web.warc.gz")
    statuses = {int(re.search(rb"HTTP/1.1 (\d+)", r)[1]) for r in web}  # type: ignore[index]
    assert {200, 301, 403, 404, 503} <= statuses
    text = b"".join(web)
    for sign in (b"image/png", b"Content-Encoding: gzip", b"Transfer-Encoding: chunked", b"windows-1251"):
        assert sign in text
    bodies = Counter(r.partition(b"\r\n\r\n")[2].partition(b"\r\n\r\n")[2] for r in web)
    assert any(count > 1 and len(body) > 2000 for body, count in bodies.items())  # exact copies


def test_no_page_names_this_machine(demo_pages: Path) -> None:
    for name in ("docs.warc.gz", "web.warc.gz"):
        content = b"".join(r for r in records(demo_pages / name) if r is not None)
        for path in {str(ROOT), sys.prefix, str(Path.home())} - {"/", "/root", "/usr"}:
            assert path.encode() not in content
