from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curation.document import PAGE
from curation.pages.formats import joined, read, splits
from curation.pages.page import FileSplit, ReadOptions

Make = Callable[..., bytes]


def pages(path: Path, split_bytes: int = 2**30) -> list[dict[str, Any]]:
    found = []
    for split in splits([(str(path), path.stat().st_size)], "warc", split_bytes):
        for batch in read(split, source="crawl"):
            assert batch.schema.equals(PAGE)
            found += batch.to_pylist()
    return found


def test_splits_cover_every_file_once() -> None:
    found = splits([("a.warc", 25), ("empty.warc", 0)], "warc", 10)
    assert [(split.file, split.start, split.end) for split in found] == [
        ("a.warc", 0, 10), ("a.warc", 10, 20), ("a.warc", 20, 25), ("empty.warc", 0, 1),
    ]  # fmt: skip
    whole = splits([("a.jsonl.gz", 25), ("b.jsonl.zst", 25)], "jsonl", 10)
    assert [(split.start, split.end) for split in whole] == [(0, 25), (0, 25)]


@pytest.mark.parametrize(
    ("format", "split_bytes", "message"),
    [
        ("arc", 10, "expected one of warc, jsonl, parquet, found 'arc' (did you mean 'warc'?)"),
        ("warc", 0, "a split has 0 bytes; expected a positive number"),
    ],
)
def test_splits_say_what_is_wrong(format: str, split_bytes: int, message: str) -> None:
    with pytest.raises(ValueError, match=r"expected") as caught:
        splits([], format, split_bytes)
    assert str(caught.value) == message


def test_records_become_pages(tmp_path: Path, make_member: Make) -> None:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(
        make_member(0, kind="warcinfo")
        + make_member(1)
        + make_member(2, kind="request")
        + make_member(3, kind="metadata")
        + make_member(4, kind="revisit", block=b"HTTP/1.1 200 OK\r\n\r\n")
        + make_member(5, kind="conversion", block=b"plain text")
        + make_member(6, kind="resource", block=b"<p>resource")
        + make_member(7, kind="continuation", block=b"the rest")
        + b"junk"
    )
    found = pages(path)
    assert [(page["record_id"], page["kind"], page["failure"]) for page in found] == [
        ("urn:uuid:1", "html", None),
        ("urn:uuid:3", "metadata", None),
        ("urn:uuid:4", "revisit", None),
        ("urn:uuid:5", "text", None),
        ("urn:uuid:6", "html", None),
        ("urn:uuid:7", "continuation", None),
        ("", "html", "pages.unreadable"),
    ]
    first = found[0]
    assert (first["source"], first["url"]) == ("crawl", "http://example.org/1")
    assert (first["status"], first["content_type"]) == (200, "text/html; charset=utf-8")
    assert first["captured_at"] == "2026-01-01T00:00:00Z"
    assert first["body"].startswith(b"<html>")
    assert found[-1]["length"] == 4
    for step in (1, 97, 1000):
        assert pages(path, step) == found


PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"


@pytest.mark.parametrize(
    ("types", "kinds"),
    [
        (("html",), ["html", "html", "html", "html", "html"]),
        (("html", "text"), ["html", "text", "html", "html", "text"]),
        (("text",), ["unwanted", "text", "unwanted", "html", "text"]),
    ],
)
def test_the_input_says_whether_plain_text_is_kept(
    tmp_path: Path, make_member: Make, types: tuple[str, ...], kinds: list[str]
) -> None:
    path = tmp_path / "a.warc.gz"
    crawler = make_member(4, kind="resource", block=b"the text of a page")
    crawler = gzip.decompress(crawler).replace(b"URI: ", b"URI: urn:text:")
    crawler = crawler.replace(b"application/http; msgtype=resource", b"text/plain")
    path.write_bytes(
        make_member(0)
        + make_member(1, block=PLAIN + b"some words")
        + make_member(2, block=PLAIN + b"<!doctype html><p>a page that is called text")
        + make_member(3, block=PLAIN + b"%PDF-1.4 called text")
        + gzip.compress(crawler)
    )
    split = FileSplit(file=str(path), start=0, end=path.stat().st_size, format="warc")
    [batch] = read(split, ReadOptions(types=types), source="s")
    assert batch.column("kind").to_pylist() == kinds
    assert batch.column("url")[4].as_py() == "http://example.org/4"


@pytest.mark.parametrize(
    ("types", "kinds"),
    [
        (ReadOptions().records, ["html", "html", "text", "revisit"]),
        (("response",), ["html", "resource", "conversion", "revisit"]),
        (("response", "revisit"), ["html", "resource", "conversion", "html"]),
    ],
)
def test_the_input_says_which_records_are_pages(
    tmp_path: Path, make_member: Make, types: tuple[str, ...], kinds: list[str]
) -> None:
    path = tmp_path / "a.warc.gz"
    names = ("response", "resource", "conversion", "revisit")
    path.write_bytes(b"".join(make_member(number, kind=name) for number, name in enumerate(names)))
    split = FileSplit(file=str(path), start=0, end=path.stat().st_size, format="warc")
    [batch] = read(split, ReadOptions(records=types), source="s")
    assert batch.column("kind").to_pylist() == kinds


def test_a_truncated_record_says_so(tmp_path: Path, make_record: Make) -> None:
    path = tmp_path / "a.warc"
    cut = make_record(1).replace(b"WARC-Date:", b"WARC-Truncated: length\r\nWARC-Date:")
    path.write_bytes(make_record(0) + cut)
    whole, truncated = pages(path)
    assert (whole["truncated"], whole["detail"]) == (None, None)
    assert (truncated["truncated"], truncated["detail"]) == ("length", "WARC-Truncated: length")
    assert truncated["body"]


def test_batches_are_bounded_in_rows_and_bytes(tmp_path: Path, make_record: Make) -> None:
    path = tmp_path / "a.warc"
    small = b"".join(make_record(number) for number in range(600))
    large = make_record(1, block=b"HTTP/1.1 200\r\n\r\n" + b"a" * (5 * 2**20)) * 3
    path.write_bytes(small + large)
    split = FileSplit(file=str(path), start=0, end=path.stat().st_size, format="warc")
    assert [batch.num_rows for batch in read(split, source="s")] == [512, 89, 1, 1]


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_too_large_and_no_page_is_read_as_what_it_is(
    tmp_path: Path, make_record: Make, make_member: Make, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    """A film above the cap was never to be read: the extraction drops it by its type. A page has failed."""
    monkeypatch.setattr("curation.pages.archives.records.MAX_BODY_BYTES", 3000)
    make, path = make_member if packed else make_record, tmp_path / "a.warc"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n"
    kinds = (b"video/mp4", b"text/html", b"text/plain")
    path.write_bytes(b"".join(make(i, block=head % kind + b"x" * 4000) for i, kind in enumerate(kinds)))
    found = pages(path)
    assert [page["failure"] for page in found] == [None, "pages.too_large", None]
    assert [page["content_type"] for page in found] == ["video/mp4", "", "text/plain"]
    assert pages(path, 500) == found


def test_a_bomb_is_a_failure(tmp_path: Path, make_member: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from curation.pages import http

    monkeypatch.setattr(http, "MAX_BODY_BYTES", 5000)
    block = b"HTTP/1.1 200\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"a" * 5001)
    path = tmp_path / "a.warc.gz"
    path.write_bytes(make_member(0, block=block) + make_member(1))
    first, second = pages(path)
    assert (first["failure"], first["body"], first["url"]) == (
        "pages.too_large",
        None,
        "http://example.org/0",
    )
    assert first["detail"] == "the decoded body has more than 5000 bytes"
    assert second["failure"] is None


@pytest.mark.slow
@pytest.mark.shared
def test_the_development_crawl_is_read_whole_by_any_split(shared: Path) -> None:
    import hashlib
    import json

    path = shared / "data/crawl_dev.warc.gz"
    found = pages(path, 2**24)
    lines = (shared / "data/records_dev.jsonl").read_text().splitlines()
    truth = {row["record_id"].strip("<>"): row for row in map(json.loads, lines)}
    ids = [page["record_id"] for page in found]
    assert len(ids) == len(set(ids)) == 2839  # 2,575 responses, 4 revisits, 2 resources, 258 of metadata
    assert set(truth) <= set(ids)
    coded = ("gzip", "deflate", "chunked")
    for page in found:
        facts = truth.get(page["record_id"])
        if facts and not any(word in str(facts["variant"]) for word in coded):
            assert hashlib.sha1(page["body"]).hexdigest() == facts["payload_sha1"]
            assert page["status"] in (facts["http_status"], None)
    assert [page["record_id"] for page in pages(path, 2**22 + 1)] == ids


@pytest.mark.parametrize("format", ["warc", "jsonl", "parquet"])
def test_any_fsspec_url_is_read(format: str, make_member: Make) -> None:
    import io

    import fsspec
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = io.BytesIO()
    pq.write_table(pa.table({"text": ["a"] * 3}), table)
    data = {
        "warc": b"".join(map(make_member, range(3))),
        "jsonl": b'{"text": "a"}\n' * 3,
        "parquet": table.getvalue(),
    }[format]
    url = f"memory://pages/a.{format}"
    options = ReadOptions(text=None if format == "warc" else "text")
    with fsspec.open(url, "wb") as file:
        file.write(data)
    found = [
        row
        for split in splits([(url, len(data))], format, 100)
        for batch in read(split, options, source="s")
        for row in batch.to_pylist()
    ]
    assert [(row["file"], row["failure"]) for row in found] == [(url, None)] * 3


def test_a_failure_says_how_much_was_lost(tmp_path: Path, make_record: Make) -> None:
    path = tmp_path / "a.warc.gz"

    def loss(data: bytes) -> dict[str, Any]:
        path.write_bytes(data)
        [lost] = [page["loss"] for page in pages(path) if page["failure"]]
        return dict(lost)

    records = b"".join(make_record(n, block=random.Random(n).randbytes(9000)) for n in range(40))
    packed = gzip.compress(records, 0)  # in blocks that begin with their lengths
    second = 10 + 5 + int.from_bytes(packed[11:13], "little")
    many = gzip.compress(make_record(0)) + packed[:second] + b"\0\xff\xff\xff\xff" + packed[second + 5 :]
    lost = loss(many)  # what follows the damage, but not what precedes it
    assert len(packed) - second - 9 < lost.pop("lost_bytes") <= len(packed) - second
    assert lost == {"records": 1, "whole_file": False}
    bad_checksum = gzip.compress(make_record(1))[:-8] + b"\0" * 8
    exact = {"records": 1, "lost_bytes": None, "whole_file": False}
    assert loss(gzip.compress(make_record(0)) + bad_checksum) == exact
    assert loss(gzip.compress(make_record(0) + make_record(1, length=9999) + make_record(2))) == exact
    assert loss(b"Rar!" + b"\0" * 96) == {"records": 1, "lost_bytes": 100, "whole_file": True}
    assert loss(gzip.compress(make_record(0)) + b"\0" * 70) == exact | {"lost_bytes": 70}


def test_a_record_in_doubt_is_a_damaged_page(tmp_path: Path, make_record: Make) -> None:
    path = tmp_path / "a.warc.gz"
    member = gzip.compress(make_record(0) + make_record(1) + make_record(2))
    path.write_bytes(member[:-8] + b"\0\0\0\0" + member[-4:])
    found = [(page["damaged"], page["failure"]) for page in pages(path)]
    assert found == [(True, None)] * 3
    wrong = "its gzip member is damaged, so it may be too: Error -3 while decompressing data: incorrect data check"
    assert pages(path)[0]["detail"] == wrong


def test_a_body_that_ends_too_soon_is_said_to_be_damaged(tmp_path: Path, make_record: Make) -> None:
    packed = gzip.compress(b"<p>" + b"text " * 2000)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n"
    path = tmp_path / "a.warc"
    path.write_bytes(make_record(0, block=head + packed) + make_record(1, block=head + packed[:-10]))
    whole, cut = pages(path)
    assert (whole["damaged"], whole["failure"]) == (False, None)
    assert (cut["damaged"], cut["failure"]) == (True, None)
    assert cut["detail"] == "the gzip body is damaged or cut off"


def test_small_files_are_read_together_in_order() -> None:
    small = splits([(f"{i:03}", 10) for i in range(130)], "jsonl", 6400)
    together = joined(small, 6400)
    assert [len(group) for group in together] == [64, 64, 2]
    assert [split for group in together for split in group] == small
    mixed = splits([("a", 2000), ("b", 15_000), ("c", 3000), ("d", 3400), ("e", 0)], "jsonl", 6400)
    assert [[(split.file, split.start) for split in group] for group in joined(mixed, 6400)] == [
        [("a", 0)], [("b", 0)], [("b", 6400)], [("b", 12_800), ("c", 0)], [("d", 0), ("e", 0)],
    ]  # fmt: skip
    assert joined([], 10) == []
