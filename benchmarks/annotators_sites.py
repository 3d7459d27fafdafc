"""Addresses on lists: how long a list of domains takes to compile, its memory, and addresses a second a core.

Domains are drawn by a seed, as many as the lists of the University of Toulouse have; a tenth of the addresses asked
for stand on the list, all with `www.` before and a path behind.
"""

from __future__ import annotations

import random
import resource
import tempfile
import time
from pathlib import Path

from curation.signals import blocklist
from curation.signals.urls import blocked_entry_count, url_word_count
from curation.text.text import Text

DOMAINS, ADDRESSES = 4_558_940, 200_000
RATE_BAR, MOST_MIB = 150_000.0, 40.0
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def _domain(rng: random.Random) -> str:
    name = "".join(rng.choices(LETTERS, k=rng.randint(6, 18)))
    return f"{name}.{rng.choice(('com', 'net', 'org', 'de', 'ru', 'co.uk', 'info'))}"


def bench(quick: bool) -> tuple[dict[str, object], dict[str, tuple[float, float]]]:
    """Print and return seconds to compile, bytes, memory a worker adds, and rates."""
    rng, count = random.Random(8), 300_000 if quick else DOMAINS
    with tempfile.TemporaryDirectory() as folder:
        kept, tempfile.tempdir = tempfile.tempdir, folder
        try:
            return _measured(rng, count, Path(folder, "ut1", "adult"))
        finally:
            tempfile.tempdir = kept
            blocklist.load.cache_clear()


def _measured(
    rng: random.Random, count: int, folder: Path
) -> tuple[dict[str, object], dict[str, tuple[float, float]]]:
    folder.mkdir(parents=True)
    listed = [_domain(rng) for _ in range(50_000)]
    with (folder / "domains").open("w") as out:
        out.writelines(f"{each}\n" for each in listed)
        out.writelines(f"{_domain(rng)}\n" for _ in range(count - len(listed)))
    (folder / "urls").write_text("".join(f"{_domain(rng)}/a/{i}\n" for i in range(19_586)))
    lists = (str(folder.parent),)
    start = time.process_time()
    blocklist.compiled(lists)
    compile_s = time.process_time() - start
    (compiled,) = Path(tempfile.gettempdir()).rglob("hashes.u64")
    texts = [
        Text(
            "",
            url=f"https://www.{rng.choice(listed) if rng.random() < 0.1 else _domain(rng)}/news/{i}/x.html?q={i}",
        )
        for i in range(ADDRESSES)
    ]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    hits = sum(blocked_entry_count(text, lists=lists) > 0 for text in texts)
    rate = len(texts) / (time.process_time() - start)
    added_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    words = tuple(_domain(rng)[:6] for _ in range(134))
    start = time.process_time()
    for text in texts:
        url_word_count(text, words=words)
    word_rate = len(texts) / (time.process_time() - start)
    size_mib = compiled.stat().st_size / 2**20
    print(
        f"{count + 19_586:,} entries: compiled once a host in {compile_s:.1f} s, {size_mib:.1f} MiB, mapped by all its workers"
    )
    print(
        f"{rate:12,.0f} addresses/s/core, {hits / len(texts):.3f} of them on the list; {added_mib:.0f} MiB more at the peak"
    )
    print(f"{word_rate:12,.0f} addresses/s/core for 134 words")
    figures = {
        "entries": count,
        "compile_s": compile_s,
        "mib": size_mib,
        "added_mib": added_mib,
        "addresses_per_s": rate,
        "words_per_s": word_rate,
    }
    return dict(figures), {
        "addresses_per_s": (rate, RATE_BAR),
        "mib_below_40": (MOST_MIB - size_mib, 0.0),
    }
