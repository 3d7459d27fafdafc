"""The pages of the extraction bench: the development crawl, and those of its pages with strict truth."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from recording import ROOT
from scoring import main_cells

from curation.files.digests import digest_file
from curation.pages.charset import decode
from curation.pages.formats import read, splits

DATA = ROOT.parent / "shared" / "data"
CRAWL, TRUTH, RECORDS = DATA / "crawl_dev.warc.gz", DATA / "truth_dev.jsonl.gz", DATA / "records_dev.jsonl"
STRICT = ("human", "human_reviewed_llm", "site_parser")


def digest() -> str:
    """Return what names the corpus: digests of the crawl and of its truth."""
    return f"{digest_file(str(CRAWL))} {digest_file(str(TRUTH))}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """One page, its main text as people or reviewed tools wrote it, and its data tables' cells.

    set: the data set that it is from, CleanEval's parts as one.
    """

    html: str
    text: str
    cells: list[str]
    url: str
    set: str
    language: str


def by_hash(row: dict[str, Any]) -> str:
    """Return what orders records, so that any number of them is a fair sample."""
    return hashlib.sha1(row["record_id"].encode()).hexdigest()


def crawl() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return (page row, label) of every response of the crawl but the odd ones, in an order by hash."""
    labels = {row["record_id"].strip("<>"): row for row in map(json.loads, RECORDS.open(encoding="utf-8"))}
    found = []
    for split in splits([(str(CRAWL), CRAWL.stat().st_size)], "warc", 2**40):
        for batch in read(split, source="crawl"):
            for row in batch.to_pylist():
                label = labels.get(row["record_id"])
                if label and label["kind"] != "odd":
                    found.append((row, label))
    return sorted(found, key=lambda pair: by_hash(pair[0]))


def strict(pages: list[tuple[dict[str, Any], dict[str, Any]]]) -> Iterator[Truth]:
    """Yield the pages with strict truth."""
    with gzip.open(TRUTH, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    truths = {
        row["id"]: row
        for row in rows
        if row["truth_kind"] in STRICT and row["truth_text"] and not row.get("note")
    }
    for row, label in pages:
        if label["kind"] == "page" and label["page_id"] in truths:
            html = decode(row["body"], row["content_type"]).text
            truth = truths[label["page_id"]]
            text = truth["truth_text"]
            yield Truth(
                html=html,
                text=text,
                cells=main_cells(html, text),
                url=truth["url"],
                set=_set(truth["source_set"]),
                language=truth["lang"] or "",
            )


def _set(name: str) -> str:
    name = name.rpartition(":")[2]
    return "cleaneval" if name.startswith(("cleaneval", "CleanPortalEval")) else name
