"""Columns of an input: nested by dots, from the path's partitions, carried along, and missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.cli import main
from curation.document import DOCUMENT
from curation.filters.judge import judge_batch
from curation.filters.rules import Label, Pass, Rule
from curation.pages.formats import read, splits
from curation.pages.lacking import lacking_files
from curation.pages.page import ReadOptions

ROWS: list[dict[str, Any]] = [
    {"content": {"text": "first", "by": {"name": "ann"}}, "stars": 3, "licence": "cc0", "tags": ["a", "b"]},
    {"content": {"text": "second", "by": None}, "stars": None, "licence": "ünfree", "tags": []},
    {"content": None, "stars": 5, "licence": None, "tags": None},
]
OPTIONS = ReadOptions(
    text="content.text", id="content.by.name", url="day", columns=("licence", "stars", "tags", "lang")
)


def pages(path: Path, options: ReadOptions = OPTIONS, split_bytes: int = 2**30) -> list[dict[str, Any]]:
    format = "parquet" if path.suffix == ".parquet" else "jsonl"
    cut = splits([(str(path), path.stat().st_size)], format, split_bytes)
    return [row for split in cut for batch in read(split, options, source="s") for row in batch.to_pylist()]


def written(folder: Path, format: str, rows: list[dict[str, Any]] = ROWS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"a.{format}"
    if format == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_a_name_leads_into_nested_fields_and_partitions(tmp_path: Path, format: str) -> None:
    found = pages(written(tmp_path / "lang=pt%2Dbr" / "day=2024-01-01", format))
    assert [row["body"] for row in found] == [b"first", b"second", b""]
    assert [row["record_id"] for row in found] == ["ann", "", ""]
    assert {row["url"] for row in found} == {"2024-01-01"}
    assert [row["columns"] for row in found] == [
        [("licence", "cc0"), ("stars", "3"), ("tags", '["a", "b"]'), ("lang", "pt-br")],
        [("licence", "ünfree"), ("tags", "[]"), ("lang", "pt-br")],
        [("stars", "5"), ("lang", "pt-br")],
    ]
    assert [row["missing"] for row in found] == [[], [], []]


@pytest.mark.parametrize("format", ["parquet", "jsonl"])
def test_a_column_that_is_not_there_is_said_to_be_missing(tmp_path: Path, format: str) -> None:
    options = ReadOptions(text="content.text", id="content.key", url="licence.url", columns=("date",))
    first, *_ = pages(written(tmp_path, format), options)
    assert (first["record_id"], first["url"], first["columns"]) == ("", "", [])
    assert first["missing"] == ["content.key", "licence.url", "date"]
    assert first["detail"] == (
        "no column 'content.key', 'licence.url', 'date'; found: content, licence, stars, tags"
    )
    lost, *_ = pages(written(tmp_path, format), ReadOptions(text="content.body"))
    assert lost["failure"] == "pages.no_text"
    assert lost["detail"] == "no column 'content.body'; found: content, licence, stars, tags"
    assert lost["loss"]["records"] == (3 if format == "parquet" else 1)


def test_a_column_whose_name_has_a_dot_is_meant_first(tmp_path: Path) -> None:
    row = {"content.text": "whole", "content": {"text": "nested"}}
    for format in ("jsonl", "parquet"):
        assert (
            pages(written(tmp_path, format, [row]), ReadOptions(text="content.text"))[0]["body"] == b"whole"
        )


def test_nested_text_that_is_no_utf8_stays_as_it_is(tmp_path: Path) -> None:
    bad = pa.Array.from_buffers(pa.string(), 1, pa.array([b"caf\xe9"]).buffers())
    table = pa.table({"content": pa.StructArray.from_arrays([bad], ["text"])})
    pq.write_table(table, tmp_path / "a.parquet")
    [row] = pages(tmp_path / "a.parquet", ReadOptions(text="content.text"))
    assert (row["body"], row["failure"]) == (b"caf\xe9", None)


def test_rules_go_by_columns_and_labels_alike() -> None:
    columns: dict[str, Any] = {name: [None, None] for name in DOCUMENT.names}
    columns |= {"text": ["one two", "one two"], "language": ["en", "en"], "reasons": [[], []]}
    columns["metadata"] = [[("column.licence", "cc0"), ("site", "x")], [("column.licence", "none")]]
    batch = pa.RecordBatch.from_pydict(columns, schema=DOCUMENT)
    rule = Rule(name="many", signal="word_count", min=9)
    passes = [
        Pass(name="p", edits=(), rules=(rule,), when={"licence": ("cc0", "cc-by")}),
        Pass(name="q", edits=(), rules=(), labels=(Label(name="script", labeller="script"),)),
    ]
    judged = judge_batch(batch, passes, measure_all=True)
    assert [[reason["name"] for reason in reasons] for reasons in judged["reasons"].to_pylist()] == [
        ["p.many"],
        [],
    ]
    assert judged["metadata"].to_pylist()[0] == [
        ("column.licence", "cc0"), ("site", "x"), ("label.script", "Latn"),
    ]  # fmt: skip


def test_files_are_looked_at_for_columns_that_they_lack(tmp_path: Path) -> None:
    paths = [written(tmp_path / name, "parquet", [{"text": "a", name: 1}]) for name in ("one", "two")]
    empty = tmp_path / "empty.parquet"
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), empty)
    files = [(str(path), path.stat().st_size) for path in (*paths, empty, tmp_path / "one" / "a.parquet")]
    options = ReadOptions(text="text", id="one", url="three")
    some, every = lacking_files(
        [*files[:2], ("s3://bucket/x", 9), (str(tmp_path / "gone"), 9)], "parquet", options
    )
    assert (some.option, some.column, some.files, some.everywhere) == ("id", "one", [str(paths[1])], False)
    assert str(every) == (
        f"url names the column 'three', but 2 of the 2 files that were looked at lack it: {paths[0]}: "
        "no column 'three'; found: one, text"
    )
    assert not every.everywhere, "two files were not looked at"
    [only] = lacking_files(files[:1], "parquet", ReadOptions(text="text", url="three"))
    assert only.everywhere
    assert str(only).startswith("url names the column 'three', but its only file lacks it: ")
    [line] = lacking_files(
        [(str(written(tmp_path, "jsonl", [{"text": "a"}])), 9)],
        "jsonl",
        options=ReadOptions(text="text", id="key"),
    )
    assert not line.everywhere, "a later line may have it"


def test_check_refuses_a_column_that_a_file_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "jsonl", [{"text": "a", "key": "k"}])
    (tmp_path / "t.json").write_text("{}")
    recipe = tmp_path / "r.yaml"
    source = "{format: jsonl, path: %s, text: text, id: %s, columns: [date]}"
    tail = f"shard: {{tokenizer: {tmp_path}/t.json}}\n"
    recipe.write_text(f"name: n\ninputs:\n  rows: {source % (path, 'name')}\n{tail}")
    assert main(["check", str(recipe)]) == 2
    column = len(f"  rows: {source % (path, '')}".partition("id: ")[0]) + 5
    assert capsys.readouterr().err == (
        f"{recipe}:3:{column}: id names the column 'name', but its only file lacks it: {path}: "
        "no column 'name', 'date'; found: key, text\n"
    )
    recipe.write_text(f"name: n\ninputs:\n  rows: {source % (path, 'key')}\n{tail}")
    assert main(["check", str(recipe)]) == 0
    assert capsys.readouterr().out.endswith(
        f"{recipe}: warning: inputs.rows: columns names the column 'date', but its only file lacks it: "
        f"{path}: no column 'date'; found: key, text\n"
    )
