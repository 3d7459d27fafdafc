from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brotli
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.document import PAGE
from curation.files import decoders, members
from curation.pages.formats import read, splits
from curation.pages.page import ReadOptions

Row = dict[str, Any]


def rows(path: Path, format: str, split_bytes: int = 2**30, **columns: str | None) -> list[Row]:
    options = ReadOptions(**{"text": "text", "html": None, "id": "id", "url": "url"} | columns)
    found = []
    for split in splits([(str(path), path.stat().st_size)], format, split_bytes):
        for batch in read(split, options, source="s"):
            assert batch.schema.equals(PAGE)
            found += batch.to_pylist()
    return found


def jsonl(*values: object) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


GOOD = [{"id": n, "url": f"http://e/{n}", "text": f"text {n}"} for n in range(20)]


def test_a_line_is_a_page(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl(GOOD[0]) + b"\n" + jsonl(GOOD[1]).strip())
    first, second = rows(path, "jsonl")
    assert first["body"] == b"text 0"
    assert (first["kind"], first["content_type"]) == ("text", "text/plain; charset=utf-8")
    assert (first["record_id"], first["url"]) == ("0", "http://e/0")
    length = len(jsonl(GOOD[0]))
    assert (first["offset"], first["length"], second["offset"]) == (0, length, length + 1)


@pytest.mark.parametrize(
    ("line", "name", "detail"),
    [
        (b'{"text": "a"', "pages.unreadable", "not JSON: Expecting ',' delimiter"),
        (b"\xff\xfe\xfd", "pages.unreadable", "not JSON: "),
        (b"[" * 200_000, "pages.unreadable", "not JSON: "),
        (b'["a"]', "pages.unreadable", "not a JSON object, but list"),
        (b'{"body": "a", "id": 1}', "pages.no_text", "no column 'text'; found: body, id"),
        (b"{}", "pages.no_text", "no column 'text'; found: none"),
        (b'{"\\ud800": 1}', "pages.no_text", "no column 'text'; found: \ufffd"),
        (b'{"text": 7}', "pages.no_text", "column 'text' holds int, not text"),
    ],
)
def test_a_bad_line_is_one_failure(tmp_path: Path, line: bytes, name: str, detail: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl(GOOD[0]) + line + b"\n" + jsonl(GOOD[1]))
    before, bad, after = rows(path, "jsonl")
    assert (before["body"], after["body"]) == (b"text 0", b"text 1")
    assert bad["failure"] == name
    assert bad["detail"].startswith(detail)
    assert (bad["offset"], bad["length"], bad["body"]) == (len(jsonl(GOOD[0])), len(line) + 1, None)


def test_lone_surrogates_and_nulls_do_not_stop_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "a\\ud800b", "url": "\\udfff"}\n{"text": null}\n')
    first, second = rows(path, "jsonl")
    assert (first["body"].decode(), first["url"], second["body"]) == ("a\ufffdb", "\ufffd", b"")


def test_a_line_above_the_cap_is_one_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curation.pages.jsonl.MAX_BODY_BYTES", 1000)
    path = tmp_path / "a.jsonl"
    large = jsonl({"text": "x" * 600_000})
    path.write_bytes(jsonl(GOOD[0]) + large + jsonl(GOOD[1]))
    assert [row["failure"] for row in rows(path, "jsonl")] == [None, "pages.too_large", None]
    assert rows(path, "jsonl")[1]["length"] == len(large)
    assert rows(path, "jsonl", 1000) == rows(path, "jsonl")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(st.sampled_from([b"", b'{"text": "a"}', b"bad", b'{"text": "\xc3\xa9"}', b" "])),
    ends=st.booleans(),
    step=st.integers(1, 60),
)
def test_any_split_size_gives_the_same_lines_once(
    tmp_path: Path, lines: list[bytes], ends: bool, step: int
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join(lines) + (b"\n" if ends else b""))
    found = rows(path, "jsonl")
    assert rows(path, "jsonl", step) == found
    assert len(found) == sum(bool(line.strip()) for line in lines)


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("zst", zstandard.compress)])
def test_compressed_lines_are_located_by_number(
    tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / f"a.jsonl.{suffix}"
    path.write_bytes(pack(jsonl(*GOOD[:2])) + pack(jsonl(*GOOD[2:4])))
    found = rows(path, "jsonl", 10)
    assert [row["body"] for row in found] == [b"text 0", b"text 1", b"text 2", b"text 3"]
    assert [(row["offset"], row["length"]) for row in found] == [(1, 1), (2, 1), (3, 1), (4, 1)]
    path.write_bytes(pack(jsonl(*GOOD[:2])) + pack(jsonl(*GOOD[2:4]))[:-3])
    cut = rows(path, "jsonl", 10)
    assert cut[-1]["failure"] == "pages.unreadable"
    assert cut[-1]["detail"].startswith("the lines from here on are lost: the file ends inside a ")
    misnamed = tmp_path / "b.jsonl"
    misnamed.write_bytes(pack(jsonl(*GOOD)))
    assert len(rows(misnamed, "jsonl", 7)) == len(GOOD)


def parquet(path: Path, table: pa.Table, group_rows: int = 7) -> Path:
    pq.write_table(table, path, row_group_size=group_rows)
    return path


def test_a_parquet_row_is_a_page_whatever_the_split(tmp_path: Path) -> None:
    table = pa.table({"id": range(50), "text": [f"text {n}" for n in range(50)], "other": [1.5] * 50})
    path = parquet(tmp_path / "a.parquet", table)
    found = rows(path, "parquet")
    assert [row["body"] for row in found] == [f"text {n}".encode() for n in range(50)]
    assert [row["offset"] for row in found] == list(range(50))
    assert (found[3]["record_id"], found[3]["url"]) == ("3", "")
    second_group = pq.ParquetFile(path).metadata.row_group(1).column(0).dictionary_page_offset
    for step in (second_group, second_group + 1, 50, 200):  # it starts a split, or is a split's last byte
        assert rows(path, "parquet", step) == found


def test_html_columns_of_bytes_and_text_both_work(tmp_path: Path) -> None:
    table = pa.table({"html": pa.array([b"<p>caf\xe9", None], pa.binary())})
    path = parquet(tmp_path / "a.parquet", table)
    first, second = rows(path, "parquet", text=None, html="html")
    assert (first["kind"], first["content_type"], first["body"]) == ("html", "text/html", b"<p>caf\xe9")
    assert second["body"] == b""


def test_what_belongs_to_a_parquet_file_as_a_whole_is_reported_once(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", pa.table({"body": ["a"] * 30}))
    [missing] = rows(path, "parquet", 10)
    assert (missing["failure"], missing["detail"]) == (
        "pages.no_text",
        "no column 'text'; found: body",
    )
    path.write_bytes(b"this is no Parquet file, but it is long enough")
    [unreadable] = rows(path, "parquet", 10)
    assert unreadable["failure"] == "pages.unreadable"
    assert unreadable["detail"].startswith("not readable as Parquet: ")
    for data, words in (
        (gzip.compress(b"PAR1"), "it is compressed by gzip as a whole; expected Parquet, compressed inside or not at all"),
        (zstandard.compress(b"PAR1" * 9), "it is compressed by zstd as a whole; expected Parquet, compressed inside or not at all"),
        (b"PK\x03\x04" + b"\0" * 99, "it is a zip archive; expected Parquet"),
    ):  # fmt: skip
        path.write_bytes(data)
        assert [row["detail"] for row in rows(path, "parquet", 10)] == [words]


def test_a_damaged_row_group_is_one_failure_that_says_what_it_held(tmp_path: Path) -> None:
    table = pa.table({"text": [f"a text that differs {n * 7919}" for n in range(40)]})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, row_group_size=20, use_dictionary=False, compression="zstd")
    data = bytearray(path.read_bytes())
    start = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    data[start + 30 : start + 90] = b"\xff" * 60
    path.write_bytes(bytes(data))
    found = rows(path, "parquet")
    assert len(found) == 21
    assert (found[20]["failure"], found[20]["offset"], found[20]["length"]) == ("pages.unreadable", 20, 20)
    assert found[20]["detail"].startswith("row group 1 is damaged, 20 of its 20 rows are lost: ")
    assert rows(path, "parquet", 100) == found


@pytest.mark.parametrize("format", ["warc", "jsonl", "parquet"])
def test_a_missing_file_is_one_failure(tmp_path: Path, format: str) -> None:
    gone = str(tmp_path / "gone.warc.gz")
    options = ReadOptions(text=None if format == "warc" else "text")
    found = [
        row
        for split in splits([(gone, 100)], format, 30)
        for batch in read(split, options, source="s")
        for row in batch.to_pylist()
    ]
    assert [row["failure"] for row in found] == ["pages.unreadable"]
    assert "gone.warc.gz" in found[0]["detail"]


def test_the_columns_must_be_said(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl(GOOD[0]))
    with pytest.raises(ValueError, match="column to read") as caught:
        rows(path, "jsonl", text="a", html="b")
    assert str(caught.value) == "jsonl needs either 'text' or 'html', the column to read"


def test_a_text_that_is_no_utf8_costs_no_other_row(tmp_path: Path) -> None:
    bad = "caf\u00e9 ".encode("latin-1") * 3
    values = [b"text 0", bad, None, b"text 3"]
    binary = pa.array(values, pa.binary())
    text = pa.Array.from_buffers(pa.string(), len(values), binary.buffers())
    table = pa.table({"text": text, "id": text, "url": pa.array(["u"] * 4)})
    found = rows(parquet(tmp_path / "a.parquet", table), "parquet")
    assert [row["failure"] for row in found] == [None] * 4
    assert [row["body"] for row in found] == [b"text 0", bad, b"", b"text 3"]
    assert [row["content_type"] for row in found][:2] == ["text/plain; charset=utf-8", "text/plain"]
    assert [row["record_id"] for row in found] == ["text 0", "caf\ufffd " * 3, "", "text 3"]


def test_an_id_of_bytes_is_their_text(tmp_path: Path) -> None:
    table = pa.table({"text": ["a"], "id": pa.array([b"doc 1"]), "url": pa.array([b"http://e/1"])})
    (row,) = rows(parquet(tmp_path / "a.parquet", table), "parquet")
    assert (row["record_id"], row["url"]) == ("doc 1", "http://e/1")


@pytest.mark.parametrize("split_bytes", [100, 2**30])
def test_row_groups_said_to_lie_outside_the_file_are_failures(tmp_path: Path, split_bytes: int) -> None:
    text = [f"{n} {'words ' * 200}" for n in range(20)]
    path = parquet(tmp_path / "a.parquet", pa.table({"text": text, "id": text, "url": text}))
    data = path.read_bytes()
    footer = 8 + int.from_bytes(data[-8:-4], "little")
    path.write_bytes(data[:20] + data[-footer:])  # a hole: of the rows nothing is left
    found = rows(path, "parquet", split_bytes)
    assert {row["failure"] for row in found} == {"pages.unreadable"}
    assert sum(row["length"] for row in found) == len(text)


def test_padding_behind_packed_lines_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(jsonl(*GOOD[:2])) + b"\0" * 600_000)
    assert [row["failure"] for row in rows(path, "jsonl")] == [None, None]


def test_a_bomb_is_never_held_whole() -> None:
    bomb = zstandard.compress(b"\0" * 2**26)
    assert max(map(len, members.unzstd([bomb]))) <= 2**25
    assert max(map(len, members.inflated([gzip.compress(b"\0" * 2**25)]))) <= 2**23
    assert max(map(len, decoders.unbrotli([brotli.compress(b"\0" * 2**25, quality=1)]))) <= 2**23
