"""A format is one value: a reader and an entry in `FORMATS` are all that it takes."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from curation.cli import main
from curation.pages.formats import FORMATS, Format, read, splits
from curation.pages.page import FileSplit, Page, ReadOptions, undivided
from curation.pages.rows import row_page
from curation.recipe.recipe import read_recipe


def csv_pages(split: FileSplit, options: ReadOptions) -> Iterator[Page]:
    """Yield a page for each row of a CSV file, located by its number."""
    with fsspec.open(split.file, "rt", newline="") as stream:
        for number, row in enumerate(csv.DictReader(stream)):
            yield row_page(split.file, number, 1, row, options)


@pytest.fixture(autouse=True)
def csv_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMATS, "csv", Format(undivided, csv_pages, columns=True))  # type: ignore[arg-type]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_text('name,body\nfirst,"some words, quoted"\nsecond,more words\n')
    return path


def test_its_rows_are_pages(file: Path) -> None:
    options = ReadOptions(text="body", id="name")
    [split] = splits([(str(file), file.stat().st_size)], "csv", 10)
    [batch] = read(split, options, source="s")
    assert batch["record_id"].to_pylist() == ["first", "second"]
    assert batch["body"].to_pylist() == [b"some words, quoted", b"more words"]


def test_a_missing_file_is_one_failure(tmp_path: Path) -> None:
    split = FileSplit(file=str(tmp_path / "missing.csv"), start=0, end=1, format="csv")
    [batch] = read(split, ReadOptions(text="body"), source="s")
    assert batch["failure"].to_pylist() == ["pages.unreadable"]


def test_a_recipe_takes_it(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.json").write_text("{}")
    recipe = tmp_path / "r.yaml"
    source = "{format: csv, path: %s, text: body, id: name}"
    text = f"name: n\ninputs: {{rows: {source % file}}}\nshard: {{tokenizer: {tmp_path}/t.json}}\n"
    recipe.write_text(text)
    assert read_recipe(str(recipe)).inputs["rows"].named == ["body", "name"]
    assert main(["check", str(recipe)]) == 0
    recipe.write_text(text.replace("csv,", "cvs,"))
    assert main(["check", str(recipe)]) != 0
    wrong = "expected one of warc, jsonl, parquet, csv, found 'cvs' (did you mean 'csv'?)"
    assert f"{recipe}:2:25: {wrong}\n" in "".join(capsys.readouterr())
    recipe.write_text(text.replace("text: body, ", ""))
    assert main(["check", str(recipe)]) != 0
    assert "csv needs either 'text' or 'html', the column to read" in "".join(capsys.readouterr())
