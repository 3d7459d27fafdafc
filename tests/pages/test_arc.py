from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.pages.archives.grammar import arc_fields
from curation.pages.formats import read, splits

DESCRIPTION = b"1 1 InternetArchive\nURL IP-address Archive-date Content-type Archive-length\n"


def document(number: int, *, length: int | str | None = None, url: str = "", trailer: bytes = b"\n") -> bytes:
    page = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>Body {number}\nhttp://a.org/ is a link\n".encode()
    url = url or f"http://a.org/{number}"
    declared = len(page) if length is None else length
    return f"{url} 10.0.0.{number} 20080430204825 text/html {declared}\n".encode() + page + trailer


def description() -> bytes:
    head = f"filedesc://a.arc 0.0.0.0 20080430204825 text/plain {len(DESCRIPTION)}\n"
    return head.encode() + DESCRIPTION + b"\n"


def pages(path: Path, split_bytes: int = 2**30) -> list[dict[str, Any]]:
    cut = splits([(str(path), path.stat().st_size)], "warc", split_bytes)
    return [
        row for split in cut for batch in read(split, source="old") for row in batch.to_pylist()
    ]  # fmt: skip


def write(path: Path, parts: list[bytes]) -> Path:
    packed = path.suffix == ".gz"
    path.write_bytes(b"".join(gzip.compress(part, mtime=0) if packed else part for part in parts))
    return path


@pytest.mark.parametrize("name", ["a.arc", "a.arc.gz", "unnamed", "unnamed.gz"])
def test_records_come_with_their_place(tmp_path: Path, name: str) -> None:
    parts = [description(), document(1), document(2, url="dns:a.org"), document(3)]
    path = write(tmp_path / name, parts)
    first, second, third = pages(path)
    assert (first["url"], first["captured_at"]) == ("http://a.org/1", "2008-04-30T20:48:25Z")
    assert (first["status"], first["content_type"], first["kind"]) == (200, "text/html", "html")
    assert first["body"].startswith(b"<p>Body 1")
    assert (second["url"], third["url"]) == ("dns:a.org", "http://a.org/3")
    data = path.read_bytes()
    stored = data[first["offset"] : first["offset"] + first["length"]]
    assert (gzip.decompress(stored) if name.endswith("gz") else stored) == parts[1]
    for step in (1, 50, 1000):
        assert pages(path, step) == [first, second, third]


@pytest.mark.parametrize("name", ["a.arc", "a.arc.gz"])
@pytest.mark.parametrize(
    ("bad", "detail"),
    [
        (document(2, length=30), "the block goes on after its Content-Length, with "),
        (document(2, length=10_000_000), "Content-Length is 10000000, but only "),
        (document(2, length="many"), "no ARC record starts here, but b'http://a.org/2"),
    ],
)
def test_a_broken_record_costs_only_itself(tmp_path: Path, name: str, bad: bytes, detail: str) -> None:
    path = write(tmp_path / name, [description(), document(1), bad, document(3)])
    found = pages(path)
    assert [page["url"] for page in found if not page["failure"]] == ["http://a.org/1", "http://a.org/3"]
    [failure] = [page for page in found if page["failure"]]
    assert failure["failure"] == "pages.unreadable"
    assert failure["detail"].startswith(detail)
    assert failure["offset"] + failure["length"] == found[-1]["offset"]
    for step in (7, 333):
        assert pages(path, step) == found


def test_a_damaged_first_record_leaves_the_name_to_decide(tmp_path: Path) -> None:
    path = write(tmp_path / "a.arc", [b"\0" * 100, b"\n", document(1)])
    failure, page = pages(path)
    assert (failure["offset"], failure["length"], page["url"]) == (0, 101, "http://a.org/1")


PIECES = st.lists(st.sampled_from(["good", "good", "blank", "short", "long", "garbage", "cut"]), max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=PIECES, packed=st.booleans(), step=st.integers(1, 3000))
def test_any_split_size_gives_the_same_records_once(
    tmp_path: Path, pieces: list[str], packed: bool, step: int
) -> None:
    parts = [description()]
    good = []
    for number, piece in enumerate(pieces):
        if piece in ("good", "blank"):
            good.append(f"http://a.org/{number}")
        parts.append(
            {
                "good": document(number),
                "blank": document(number, trailer=b"\n\r\n\n"),
                "short": document(number, length=60),
                "long": document(number, length=9_999),
                "garbage": b"\xff\0" * 150 + b"\n",
                "cut": document(number)[:-30] + b"\n",
            }[piece]
        )
    path = write(tmp_path / ("a.arc.gz" if packed else "a.arc"), parts)
    found = pages(path)
    assert pages(path, step) == found
    assert [page["url"] for page in found if not page["failure"]] == good
    assert any(page["failure"] for page in found) == (len(good) < len(pieces))


@pytest.mark.parametrize(
    ("line", "url", "media"),
    [
        (b"http://a.org/a b 1.2.3.4 20080430204825 text/html 5", "http://a.org/a b", "text/html"),
        (b"http://a.org/ - 200804302048 no-type 5", "http://a.org/", "no-type"),
        (b"http://a.org/ ::1 20080430204825  5", "http://a.org/", ""),
        (b"http://a.org/ 1.2.3.4 20080430204825 text/html; charset=x 5", "http://a.org/", "text/html; charset=x"),
        (b"http://a.org/ 1.2.3.4 20080430204825 text/html 200 - - 77 a.arc 5", "http://a.org/", "text/html"),
    ],
)  # fmt: skip
def test_lines_are_read_tolerantly(line: bytes, url: str, media: str) -> None:
    found = arc_fields(line)
    assert (found["warc-target-uri"], found["content-type"], found["content-length"]) == (url, media, "5")


@pytest.mark.shared
def test_a_real_archive_is_read_whole_by_any_split(shared: Path) -> None:
    [path] = (shared / "data/real_warcs").glob("*.arc.gz")
    found = pages(path)
    assert len(found) == 299  # warcio finds these and the file's description, byte for byte
    assert not [page for page in found if page["failure"]]
    for step in (10_001, 2**18):
        assert pages(path, step) == found
