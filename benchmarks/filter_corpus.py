"""The texts of the filter benches: what the extract stage makes of the shared crawl, made once and kept.

`texts(form)` reads build/bench/texts-FORM-DIGEST.jsonl.gz, and writes it first where it is not there. The name
holds the crawl's digest and the extractor's version, so that no bench measures stale texts.
"""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

import pyarrow as pa
import xxhash
from extract_corpus import crawl, digest
from recording import ROOT

from curation.document import PAGE
from curation.extract.guard import Guard
from curation.extract.settings import Extract
from curation.extract.stage import extract_batch

Form = Literal["text", "markdown"]
BATCH, MAX_PAGE_MIB = 64, 10.0


@dataclass(frozen=True, slots=True)
class Page:
    """One text of the crawl: its document id, its language by CLD2, and the text, in an order by hash."""

    id: str
    language: str
    text: str


def texts(form: Form = "text", language: str | None = "en") -> list[Page]:
    """Return the texts of the crawl's pages (odd records left out), of one language or (None) of all."""
    name = xxhash.xxh3_64_hexdigest(f"{digest()} {version('trafilatura')} {version('pycld2')}".encode())
    path = ROOT / "build" / "bench" / f"texts-{form}-{name}.jsonl.gz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        with gzip.open(part, "wt", encoding="utf-8", compresslevel=5) as out:
            out.writelines(json.dumps(row) + "\n" for row in _extracted(form))
        part.replace(path)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        pages = [Page(**json.loads(line)) for line in lines]
    return [page for page in pages if language in (None, page.language)]


def _extracted(form: Form) -> list[dict[str, str]]:
    """Return id, language and text of every page that has a text."""
    rows = [row for row, _ in crawl()]
    batches = pa.Table.from_pylist(rows, schema=PAGE).to_batches(max_chunksize=BATCH)
    found = []
    with Guard(Extract(format=form)) as guard:
        for batch in batches:
            documents = extract_batch(batch, guard, max_page_mib=MAX_PAGE_MIB)
            found += documents.select(["id", "language", "text"]).to_pylist()
    return [row for row in found if row["text"]]
