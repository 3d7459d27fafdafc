from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace as Namespace
from typing import Any

import pytest

from curation.extract.stage import page_id
from curation.files.block_file import BlockFile
from curation.look.run import Original, open_run, read_originals, visible_texts
from curation.look.run.originals import MOVED, NOT_THERE, WAS_TEXT
from curation.pages.archives.containers import records
from curation.pages.formats import read
from curation.pages.page import FileSplit

HTML = "<html><head><title>t</title></head><body><nav>menu</nav><p>Café text</p><script>x()</script></body></html>"


def record(number: int) -> bytes:
    body = f"<html><body><p>page {number}</p>{HTML}</body></html>".encode()
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:{number}>\r\nWARC-Target-URI: http://a/{number}\r\n"
        f"WARC-Date: 2025-01-01T00:00:00Z\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(http)}\r\n\r\n"
    ).encode()
    return head + http + b"\r\n\r\n"


@pytest.fixture(params=["web.warc.gz", "web.warc"])
def crawl(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, list[dict[str, Any]]]:
    """A crawl of three pages, and the rows that point at them."""
    path = tmp_path / request.param
    parts = [record(n) for n in range(3)]
    path.write_bytes(b"".join(gzip.compress(each) if path.suffix == ".gz" else each for each in parts))
    split = FileSplit(file=str(path), start=0, end=path.stat().st_size, format="warc")
    pages = [page for batch in read(split, source="web") for page in batch.to_pylist()]
    rows = [page | {"id": page_id(page), "engine": "trafilatura"} for page in pages]
    assert len(rows) == 3
    return path, rows


@pytest.fixture
def run(judging: Namespace, tmp_path: Path) -> str:
    inputs = {"web": {"format": "warc"}, "news": {"format": "jsonl"}}
    judging.publish(tmp_path / "run", "extract", [], config={"inputs": inputs})
    return str(tmp_path / "run")


def test_each_page_is_found_where_it_lies(run: str, crawl: tuple[Path, list[dict[str, Any]]]) -> None:
    _, rows = crawl
    found = read_originals(open_run(run), reversed(rows))
    for number, page in zip((2, 1, 0), found, strict=True):
        assert page.html is not None
        assert f"<p>page {number}</p>" in page.html
    text = next(visible_texts(found)).html
    assert text is not None
    assert "menu" in text
    assert "Café text" in text
    assert "x()" not in text


def test_a_page_that_is_gone_is_said_to_be(run: str, crawl: tuple[Path, list[dict[str, Any]]]) -> None:
    path, rows = crawl
    other = rows[0] | {"id": "0" * 32}
    beyond = rows[0] | {"offset": path.stat().st_size + 10}
    elsewhere = rows[0] | {"file": str(path) + ".gone"}
    written = rows[0] | {"source": "news", "engine": None}
    found = read_originals(open_run(run), [other, beyond, elsewhere, written])
    assert [each.html for each in found] == [None] * 4
    assert found[0].missing == MOVED
    assert found[1].missing == NOT_THERE
    assert found[2].missing.startswith("its file cannot be read: ")
    assert found[3].missing == WAS_TEXT
    assert list(visible_texts([Original(missing="x")])) == [Original(missing="x")]


def test_a_file_that_fails_midway_costs_the_pages_from_there_on(
    run: str, crawl: tuple[Path, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(source: BlockFile, begin: int, end: int, **options: int) -> Iterator[object]:
        if begin == crawl[1][1]["offset"]:
            raise OSError(5, "Input/output error")
        return records(source, begin, end, **options)

    monkeypatch.setattr("curation.pages.warc.records", cut)
    first, *others = read_originals(open_run(run), crawl[1])
    assert first.html is not None
    assert [each.missing for each in others] == ["its file cannot be read: [Errno 5] Input/output error"] * 2
