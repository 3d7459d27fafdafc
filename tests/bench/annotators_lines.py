"""Repeated lines: what is found of planted menus and notices, what else goes, and documents a second of each pass.

The crawl's pages are given sites of twenty; on each site three menu lines are planted in 70 % of its pages, and four
notices in 5 % of all pages. Counting is by Python's own counters, as Spark does it by groups.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter

import filter_corpus
import numpy as np

from curation.dedup.lines import NOBODY, Table, hashed, line_hash, on_site, parts, write_table
from curation.recipe.lines import Lines

SETTINGS = Lines(min_documents=10, site_fraction=0.5, site_pages=10, min_characters=20, min_words_left=50)
SITE_PAGES = 20


def planted() -> list[tuple[str, str, str, int, int]]:
    """Return (id, site, text, characters of planted menus, of planted notices) of every page."""
    rng = random.Random(9)
    notices = [
        f"this notice, number {name}, stands on many pages of the web"
        for name in ("one", "two", "three", "four")
    ]
    rows = []
    for i, page in enumerate(filter_corpus.texts("text", None)):
        where = f"site{i // SITE_PAGES}.org"
        menu = [f"home and products and contact of the firm {hashed(where + str(j)):x}" for j in range(3)]
        menu = [line.translate(str.maketrans("0123456789-", "ghijklmnopq")) for line in menu]
        added = menu if rng.random() < 0.7 else []
        noted = [notice for notice in notices if rng.random() < 0.05]
        text = "\n".join([*added, page.text, *noted])
        rows.append((page.id, where, text, sum(len(x) + 1 for x in added), sum(len(x) + 1 for x in noted)))
    return rows


def bench(quick: bool) -> tuple[dict[str, object], dict[str, tuple[float, float]]]:
    """Measure; see the module."""
    rows = planted()[: 600 if quick else None]
    start = time.process_time()
    everywhere: Counter[int] = Counter()
    on_sites: Counter[tuple[str, int]] = Counter()
    first: dict[int, int] = {}
    for name, where, text, _, _ in rows:
        own = hashed(name)
        lines = {line_hash(line, SETTINGS.min_characters) for line in parts(text, SETTINGS.unit)} - {None}
        found = np.array(list(lines), np.int64)
        everywhere.update(lines)
        on_sites.update((where, line) for line in on_site(found, np.full_like(found, hashed(where))).tolist())
        first |= {line: min(own, first.get(line, own)) for line in lines}
    counting = time.process_time() - start
    pages = Counter(where for _, where, *_ in rows)
    least, share = SETTINGS.min_documents or 0, SETTINGS.site_fraction or 1.0
    gone = [(line, first[line]) for line, count in everywhere.items() if count >= least]
    gone += [
        (line, NOBODY)
        for (where, line), count in on_sites.items()
        if pages[where] >= SETTINGS.site_pages and count >= share * pages[where]
    ]
    with tempfile.TemporaryDirectory() as folder:
        write_table(folder, *(np.array(column, np.int64) for column in zip(*gone, strict=True)))
        table = Table(folder)
        start = time.process_time()
        options = {"unit": SETTINGS.unit, "least": SETTINGS.min_characters, "min_words_left": 50}
        names, sites, texts, *_ = zip(*rows, strict=True)
        found = table.without(texts, [*map(hashed, names)], [*map(hashed, sites)], **options)
        removing = time.process_time() - start
    menus, notes = (sum(row[i] for row in rows) for i in (3, 4))
    site_found = sum(each.boilerplate for each in found.values())
    repeated = sum(each.repeated for each in found.values())
    characters = sum(len(row[2]) for row in rows)
    figures: dict[str, object] = {
        "documents": len(rows),
        "lines_to_take_out": len(gone),
        "planted_characters": {"menus": menus, "notices": notes},
        "removed_characters": {"site": site_found, "corpus": repeated},
        "counted_per_s": len(rows) / counting,
        "edited_per_s": len(rows) / removing,
    }
    print(f"{len(rows):,} pages, {characters:,} characters; {len(gone):,} lines to take out")
    print(
        f"menus: {menus:,} characters planted, {site_found:,} removed; notices: {notes:,}, {repeated:,} removed"
    )
    print(f"{len(rows) / counting:,.0f} documents/s/core counted, {len(rows) / removing:,.0f} edited")
    return figures, {"menus_found": (min(1.0, site_found / menus), 0.8)}
