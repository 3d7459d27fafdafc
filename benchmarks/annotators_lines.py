"""Repeated lines: what is found of planted menus and notices, what else goes, and documents a second of each pass.

The crawl's pages are given sites of twenty; on each site three menu lines are planted in 70 % of its pages, and four
notices in 5 % of all pages. The stage itself runs over them (curation/spark/stages/lines.py). A line that goes is planted, or
the crawl's own and on so many pages that it should (counted here, as text, not by hash), or wrong. The settings leave
some of what is planted on purpose: a page that would be left with fewer words than `min_words_left` stays whole, and
chance puts the menu of some sites on fewer than half of their pages. Recall is told of all and of what they ask for.
"""

from __future__ import annotations

import random
import re
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

import filter_corpus
import pyarrow as pa
import pyarrow.dataset as ds

from curation.accounting.manifest import join
from curation.dedup.lines import Table, hashed, parts
from curation.document import DOCUMENT
from curation.files.mapped import opened
from curation.recipe.sections.lines import Lines
from curation.spark.scratch import Scratch
from curation.spark.session import start
from curation.spark.stages.lines import _lines, mark, write
from curation.spark.store import SCRATCH

SETTINGS = Lines(min_documents=10, site_fraction=0.5, site_pages=10, min_characters=20, min_words_left=50)
SITE_PAGES, BATCH_ROWS = 20, 512
MENUS, NOTICES, OWN, WRONG = "menus", "notices", "the crawl's own", "wrong"
NAMES = ("one", "two", "three", "four")


@dataclass(frozen=True, slots=True)
class Page:
    """A page with what was planted in it: line -> kind."""

    id: str
    site: str
    text: str
    planted: dict[str, str]


def planted() -> list[Page]:
    """Return every page of the crawl, with menus and notices."""
    rng = random.Random(9)
    notices = [f"this notice, number {name}, stands on many pages of the web" for name in NAMES]
    found = []
    for i, page in enumerate(filter_corpus.texts("text", None)):
        where = f"site{i // SITE_PAGES}.org"
        menu = [f"home and products and contact of the firm {hashed(where + str(j)):x}" for j in range(3)]
        menu = [line.translate(str.maketrans("0123456789-", "ghijklmnopq")) for line in menu]
        added = menu if rng.random() < 0.7 else []
        noted = [notice for notice in notices if rng.random() < 0.05]
        kinds = dict.fromkeys(added, MENUS) | dict.fromkeys(noted, NOTICES)
        found.append(Page(page.id, where, "\n".join([*added, page.text, *noted]), kinds))
    return found


def normal(line: str) -> str:
    """Return a line as two are the same: but for case, digits and white space."""
    return " ".join(re.sub(r"\d", "0", line.casefold()).split())


def expected(pages: list[Page]) -> dict[str, set[str]]:
    """Return site ("" for the corpus) -> the lines that the settings take out there, as text."""
    held: Counter[tuple[str, str]] = Counter()
    for page in pages:
        lines = {normal(line) for line in page.text.split("\n") if len(line) >= SETTINGS.min_characters}
        held.update((where, line) for line in lines for where in ("", page.site))
    sizes = Counter(page.site for page in pages)
    found: dict[str, set[str]] = defaultdict(set)
    for (where, line), count in held.items():
        least = SETTINGS.min_documents if not where else (SETTINGS.site_fraction or 1) * sizes[where]
        if count >= (least or 0) and (not where or sizes[where] >= SETTINGS.site_pages):
            found[where].add(line)
    return found


def judged(pages: list[Page], left: dict[str, str]) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Return kind -> characters: planted, of these what the settings ask for, removed."""
    listed = expected(pages)
    there, asked, removed = (Counter[str]() for _ in range(3))
    kept: set[str] = set()  # of each notice one document keeps it
    for page in pages:
        wanted = listed[""] | listed[page.site]
        gone = Counter(page.text.split("\n")) - Counter(left[page.id].split("\n"))
        rest = [line for line in page.text.split("\n") if line not in page.planted]
        stays = len(" ".join(rest).split()) < SETTINGS.min_words_left
        for line, kind in page.planted.items():
            if kind == NOTICES and not stays and line not in gone and line not in kept:
                kept.add(line)
                continue
            there[kind] += len(line)
            asked[kind] += 0 if stays or normal(line) not in wanted else len(line)
        for line, count in gone.items():
            known = normal(line) in wanted or not line
            removed[page.planted.get(line) or (OWN if known else WRONG)] += count * len(line)
    return there, asked, removed


def batches(pages: list[Page]) -> list[pa.RecordBatch]:
    """Return the pages as documents."""
    blank = dict.fromkeys(DOCUMENT.names) | {"source": "crawl", "reasons": [], "edits": []}
    rows: list[dict[str, Any]] = [
        blank | {"id": page.id, "url": f"https://{page.site}/{i}", "file": "f", "offset": i}
        | {"text": page.text, "characters": len(page.text)}
        for i, page in enumerate(pages)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=DOCUMENT).to_batches(max_chunksize=BATCH_ROWS)


def ran(made: list[pa.RecordBatch], folder: str) -> tuple[dict[str, str], float, float]:
    """Run the stage; return id -> what is left, and documents a second a core of its two passes."""
    ds.write_dataset(made, f"{folder}/in", format="parquet")
    spark = start("bench", master="local[2]")
    tables = Scratch(spark, f"{folder}/out/_scratch/tables")
    write(spark.read.parquet(f"{folder}/in"), SETTINGS, tables, f"{folder}/out", 1.0)
    rows = ds.dataset(f"{folder}/out/rows", partitioning="hive").to_table(columns=["id", "text"])
    table, count = Table(opened(join(f"{folder}/out", SCRATCH, "lines"))), sum(map(len, made))
    begin = time.process_time()
    for batch in made:
        _lines(batch, SETTINGS)
    counted = time.process_time()
    for batch in made:
        mark(batch, table, SETTINGS)
    edited = time.process_time()
    spark.stop()
    left = dict(zip(*(rows[name].to_pylist() for name in ("id", "text")), strict=True))
    return left, count / (counted - begin), count / (edited - counted)


def bench(quick: bool) -> tuple[dict[str, object], dict[str, tuple[float, float]]]:
    """Measure; see the module."""
    pages = planted()[: 600 if quick else None]
    with tempfile.TemporaryDirectory() as folder:
        left, counted_per_s, edited_per_s = ran(batches(pages), folder)
    there, asked, removed = judged(pages, left)
    total = sum(removed.values())
    recall = {kind: removed[kind] / there[kind] for kind in (MENUS, NOTICES)}
    recall_asked = {kind: removed[kind] / asked[kind] for kind in (MENUS, NOTICES)}
    right = 1 - removed[WRONG] / total
    print(
        f"{len(pages):,} pages, {sum(len(part) for page in pages for part in parts(page.text, 'line')):,} characters"
    )
    for kind in (MENUS, NOTICES):
        print(
            f"{kind:16}{there[kind]:8,} characters planted, {recall[kind]:.4f} of them removed; "
            f"{recall_asked[kind]:.4f} of what the settings ask for"
        )
    print(
        f"{total:,} characters removed: "
        + ", ".join(f"{removed[kind] / total:.4f} {kind}" for kind in (MENUS, NOTICES, OWN, WRONG))
    )
    print(f"{counted_per_s:,.0f} documents/s/core counted, {edited_per_s:,.0f} edited")
    figures: dict[str, object] = {
        "documents": len(pages),
        "planted_characters": dict(there),
        "removed_characters": dict(removed),
        "recall": recall,
        "recall_of_what_is_asked": recall_asked,
        "precision": right,
        "counted_per_s": counted_per_s,
        "edited_per_s": edited_per_s,
    }
    bars = {f"{kind}_found": (recall[kind], 0.9) for kind in recall}
    bars |= {f"{kind}_asked_found": (recall_asked[kind], 0.999) for kind in recall_asked}
    return figures, bars | {"removed_rightly": (right, 0.999)}
