"""JSON as people store it: in UTF-16, as an array, over several lines, compressed by anything."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.pages.formats import read, splits
from curation.pages.page import ReadOptions

ROWS = [{"id": n, "text": f"text {n} [é, \u4e2d] {{}}"} for n in range(30)]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


def rows(path: Path, split_bytes: int = 2**30) -> list[dict[str, Any]]:
    options = ReadOptions(text="text", id="id")
    cut = splits([(str(path), path.stat().st_size)], "jsonl", split_bytes)
    return [row for split in cut for batch in read(split, options, source="s") for row in batch.to_pylist()]


def texts(found: list[dict[str, Any]]) -> list[str]:
    return [row["body"].decode() for row in found if not row["failure"]]


@pytest.mark.parametrize(
    "data",
    [
        LINES.encode("utf-16"),
        LINES.encode("utf-16-le"),
        b"\xfe\xff" + LINES.encode("utf-16-be"),
        LINES.encode("utf-32"),
        LINES.encode("utf-8-sig"),
        json.dumps(ROWS).encode(),
        json.dumps(ROWS, indent=2).encode("utf-8-sig"),
        json.dumps(ROWS, indent=2).encode("utf-16"),
        "".join(json.dumps(row, indent=1) + "\r\n" for row in ROWS).encode(),
        (json.dumps(ROWS[:9]) + "\n" + json.dumps(ROWS[9:])).encode(),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_every_form_gives_the_same_texts(tmp_path: Path, data: bytes, pack: Any) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(pack(data))
    found = rows(path)
    assert texts(found) == [row["text"] for row in ROWS]
    assert len(found) == len(ROWS)
    for step in (97, 1500):
        assert rows(path, step) == found


@pytest.mark.parametrize(
    ("data", "count", "detail"),
    [
        (json.dumps(ROWS).encode()[:-1], 30, "the values from here on are lost: the file ends inside a JSON array"),
        (json.dumps(ROWS).encode()[:-2], 29, "the values from here on are lost: not JSON: Expecting ',' delimiter"),
        (b'[{"text": "a"}, {"text": b}]', 1, "the values from here on are lost: not JSON: Expecting value"),
        (b"PK\x03\x04 and more", 0, "it is a zip archive; expected lines of JSON, compressed or not"),
        (b"PAR1 and\nmore\n", 0, "it is a Parquet file; expected lines of JSON, compressed or not"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_failure_in_words(
    tmp_path: Path, data: bytes, count: int, detail: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(data)
    found = rows(path)
    assert len(texts(found)) == count
    assert [row["detail"] for row in found[count:]] == [detail]
    assert rows(path, 7) == found


def test_values_that_are_no_objects_fail_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'[{"text": "a"}, 12345, "b", {"text": "c"}]')
    assert [row["detail"] for row in rows(path)] == [
        "no column 'id'; found: text", "not a JSON object, but int", "not a JSON object, but str",
        "no column 'id'; found: text",
    ]  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 300), step=st.integers(1, 200))
def test_a_cut_array_keeps_its_whole_values_by_any_split(tmp_path: Path, cut: int, step: int) -> None:
    data = json.dumps([{"text": "a" * n} for n in range(1, 12)], indent=1).encode()[:cut]
    path = tmp_path / "a.json"
    path.write_bytes(data)
    found = rows(path)
    assert texts(found) == ["a" * n for n in range(1, len(texts(found)) + 1)]
    assert rows(path, step) == found
