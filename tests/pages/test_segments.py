"""Records that a writer cut into segments."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from curation.pages.formats import FORMATS
from curation.pages.page import FileSplit, Page, ReadOptions

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
BODY = b"<html><body>" + b"".join(b"<p>paragraph %d</p>" % n for n in range(300)) + b"</body></html>"
Make = Callable[..., bytes]


def segments(make: Make, *, total: int | None = None) -> list[bytes]:
    """One record in three segments, as warc-tools of its time and the standard's example have them."""
    whole = HEAD + BODY
    blocks = whole[:900], whole[900:2000], whole[2000:]
    parts = [make(1, block=blocks[0]).replace(b"WARC-Date:", b"WARC-Segment-Number: 1\r\nWARC-Date:")]
    for number, block in enumerate(blocks[1:], start=2):
        fields = b"WARC-Segment-Origin-ID: <urn:uuid:1>\r\nWARC-Segment-Number: %d\r\n" % number
        if number == 3:
            fields += b"WARC-Segment-Total-Length: %d\r\n" % (len(whole) if total is None else total)
        record = make(number, kind="continuation", block=block)
        parts.append(record.replace(b"WARC-Date:", fields + b"WARC-Date:"))
    return parts


def pages(path: Path, step: int) -> list[Page]:
    size = path.stat().st_size
    return [
        page
        for start in range(0, size, step)
        for page in FORMATS["warc"].read(
            FileSplit(file=str(path), start=start, end=min(start + step, size), format="warc"), ReadOptions()
        )
    ]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("together", [True, False])
def test_segments_of_one_file_are_one_page_by_any_split(
    tmp_path: Path, make_record: Make, pack: Callable[[bytes], bytes], together: bool
) -> None:
    first, second, third = segments(make_record)
    parts = [make_record(0), first, make_record(7), third, second, make_record(8)]
    path = tmp_path / "a.warc"
    path.write_bytes(pack(b"".join(parts)) if together else b"".join(map(pack, parts)))
    found = pages(path, 10**9)
    assert [page.kind for page in found] == ["html", "html", "html", "continuation", "continuation", "html"]
    assert (found[1].body, found[1].truncated, found[1].detail) == (BODY, None, None)
    for step in (500, 1700):
        assert pages(path, step) == found


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_segment_whose_others_are_elsewhere_says_so(
    tmp_path: Path, make_record: Make, missing: int
) -> None:
    parts = segments(make_record) if missing else segments(make_record, total=9)
    path = tmp_path / "a.warc"
    path.write_bytes(b"".join(part for number, part in enumerate(parts) if number != (missing or 99)))
    page = pages(path, 10**9)[0]
    assert (page.truncated, page.detail) == (
        "segmented",
        "WARC-Segment-Number: 1, and not all of its continuations are in this file",
    )
    assert page.body == (HEAD + BODY)[:900].removeprefix(HEAD)


def test_the_last_segment_alone_is_no_whole_record(tmp_path: Path, make_record: Make) -> None:
    path = tmp_path / "a.warc"
    path.write_bytes(b"".join(segments(make_record)).replace(b"Segment-Number: 1\r", b"Segment-Number: 2\r"))
    page = pages(path, 10**9)[0]
    assert page.truncated == "segmented"
