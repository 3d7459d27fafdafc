"""Pages whose main text is known: from JSON lines, or from marks that people gave to documents of a crawl."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from curation.extract.stage import page_id
from curation.files.packed_file import open_unpacked
from curation.pages.charset import decode
from curation.pages.formats import read, splits

_FIELDS = ("html", "text", "url", "set")
_MARKED = ("id", "text", "label", "source", "url")
_WHOLE_FILE = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPage:
    """One page, its main text as people wrote or reviewed it, its address, and the data set it is from."""

    html: str
    text: str
    url: str
    set: str


class BadPages(ValueError):
    """A file from which no training pages can be read; says where."""


def read_pages(path: str) -> Iterator[TrainingPage]:
    """Yield the pages of JSON lines with `html`, `text`, `url` and `set`, compressed or not.

    Raises:
        BadPages: a line is no JSON object with these fields as strings.
    """
    for row in _rows(path, _FIELDS):
        yield TrainingPage(**{name: row[name] for name in _FIELDS})


def read_marked(path: str, crawl: Sequence[str]) -> Iterator[TrainingPage]:
    """Yield the pages of documents that `curate label --export FILE.jsonl` wrote as marked `keep`.

    A mark says that the extracted text is what the page should give. The pages are found by their ids in
    archives; the data set's name is the source's.

    Raises:
        BadPages: a line has other fields, or a marked document is in none of the archives.
    """
    marked = {row["id"]: row for row in _rows(path, _MARKED) if row["label"] == "keep"}
    sources = sorted({row["source"] for row in marked.values()})
    for page in _pages(crawl):
        for source in sources:
            row = marked.pop(page_id(page | {"source": source}), None)
            if row:
                html = decode(page["body"], page["content_type"]).text
                yield TrainingPage(html=html, text=row["text"], url=row["url"], set=row["source"])
    if marked:
        raise BadPages(
            f"{path}: {len(marked):,} marked documents are in none of {', '.join(crawl)}; the first is"
            f" {next(iter(marked))}; expected the archives that the run read"
        )


def _pages(crawl: Sequence[str]) -> Iterator[dict[str, Any]]:
    for split in splits([(path, os.path.getsize(path)) for path in crawl], "warc", _WHOLE_FILE):
        for batch in read(split, source=""):
            yield from (page for page in batch.to_pylist() if page["kind"] == "html" and page["body"])


def _rows(path: str, fields: Sequence[str]) -> Iterator[dict[str, Any]]:
    with open_unpacked(path) as stream:
        for number, line in enumerate(stream, 1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise BadPages(f"{path}, line {number}: is no JSON: {error}") from None
            lacking = [
                name for name in fields if not isinstance(row, dict) or not isinstance(row.get(name), str)
            ]
            if lacking:
                raise BadPages(
                    f"{path}, line {number}: has no {', '.join(lacking)}; expected {', '.join(fields)}"
                )
            yield row
