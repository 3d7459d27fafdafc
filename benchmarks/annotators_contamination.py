"""Decontamination: what is found of planted items, what is found in clean text, rate, and a million items.

The items are GSM8K's test questions (the shared math_eval). They are planted in pages of other corpora: verbatim,
with a tenth of their words replaced, dropped or joined by others, set otherwise, with both, short ones, and one in a
page of 20,000 words. Clean text is every other corpus and the crawl, in pieces of about 400 words. GSM8K's
training problems are the hard case, shown apart: written by the same people to the same pattern.
"""

from __future__ import annotations

import gzip
import json
import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

from filter_corpus import texts
from recording import ROOT

from curation.contamination.index import Item, write
from curation.contamination.search import Index, MatchCriteria

CORPORA = ROOT.parent / "shared" / "corpora"
CLEAN = ("reviews", "speeches", "news", "wiki", "docs", "code")
PIECE_WORDS = 400
BARS = {"verbatim": 0.98, "a tenth edited": 0.9, "short": 0.98, "set otherwise": 0.98, "in a long page": 0.98}

#: A worker of its own: what mapping the index adds to its resident memory, after looking up some texts.
WORKER = """
import random, resource, sys, time
from curation.contamination.search import MatchCriteria, Index
def resident(): return int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize() / 2**20
rng = random.Random(5)
pages = [' '.join(f'w{int(rng.paretovariate(0.7)) % 200_000}' for _ in range(400)) for _ in range(1000)]
index = Index(sys.argv[1], MatchCriteria())
index.find(pages[0])
before, start = resident(), time.process_time()
for page in pages: index.find(page)
print(resident() - before, resident(), len(pages) / (time.process_time() - start))
"""


def corpus(name: str) -> Iterator[str]:
    """Yield the texts of one of the shared corpora."""
    with gzip.open(CORPORA / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["text"]


def pieces(documents: Iterator[str]) -> Iterator[str]:
    """Yield texts cut at line ends into pieces of about 400 words, as web pages are long."""
    for text in documents:
        held: list[str] = []
        words = 0
        for line in text.split("\n"):
            held.append(line)
            words += len(line.split())
            if words >= PIECE_WORDS:
                yield "\n".join(held)
                held, words = [], 0
        if words:
            yield "\n".join(held)


def questions() -> list[str]:
    """Return GSM8K's test questions, without those whose text stands twice."""
    problems = [part for text in corpus("math_eval") for part in text.split("\n\n")]
    return list(dict.fromkeys(problem.split("\n")[0] for problem in problems))


def edited(rng: random.Random, text: str, vocabulary: list[str]) -> str:
    """Replace, drop or put in a word at each tenth word, chosen by chance."""
    words = text.split()
    for place in sorted(rng.sample(range(len(words)), max(1, round(len(words) / 10))), reverse=True):
        kind = rng.randrange(3)
        words[place : place + (kind < 2)] = [] if kind == 1 else [rng.choice(vocabulary)]
    return " ".join(words)


def otherwise(rng: random.Random, text: str) -> str:
    """Set a text otherwise: case, quotes, emphasis, broken lines, an enumeration."""
    words = [f"*{word}*" if rng.random() < 0.1 else word for word in text.split()]
    lines = [" ".join(words[i : i + 7]) for i in range(0, len(words), 7)]
    text = "\n> ".join(lines).replace("'", "’").replace(",", " —").replace(".", " …")
    return text.upper() if rng.random() < 0.5 else f"1) {text}"


Kind = Callable[[random.Random, str], str]


def recall(index: Index, items: list[str], pages: list[str], long_page: str) -> dict[str, float]:
    """Return kind of planting -> share of the items found, by their number."""
    vocabulary = sorted({word for page in pages[:200] for word in page.split()})
    plain: Kind = lambda rng, text: text  # noqa: E731
    kinds: dict[str, tuple[Kind, list[int]]] = {
        "verbatim": (plain, list(range(len(items)))),
        "short": (plain, [i for i, text in enumerate(items) if len(text.split()) <= 20]),
        "a tenth edited": (lambda rng, text: edited(rng, text, vocabulary), list(range(len(items)))),
        "set otherwise": (otherwise, list(range(len(items)))),
        "both": (lambda rng, text: otherwise(rng, edited(rng, text, vocabulary)), list(range(len(items)))),
        "in a long page": (plain, list(range(0, len(items), 20))),
    }
    found = {}
    for name, (change, chosen) in kinds.items():
        hits = 0
        for number in chosen:
            rng = random.Random(f"{name} {number}")
            page = long_page if name == "in a long page" else rng.choice(pages)
            cut = rng.randrange(len(page))
            planted = f"{page[:cut]}\n{change(rng, items[number])}\n{page[cut:]}"
            hits += any(match.item == number for match in index.find(planted))
        found[name] = hits / len(chosen)
        print(f"{name:20}{found[name]:8.4f} of {len(chosen):,} items found")
    return found


def flagged(index: Index, documents: Iterator[str]) -> tuple[int, int, float]:
    """Return (documents, those with a match, processor seconds)."""
    pages = list(documents)
    start = time.process_time()
    hits = sum(bool(index.find(page)) for page in pages)
    return len(pages), hits, time.process_time() - start


def at_most(hits: int, count: int) -> float:
    """Return the share that so many hits do not exclude, with 95 % confidence (Clopper and Pearson, one side)."""
    low, high = hits / count, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        terms = (
            math.comb(count, k) * math.exp(k * math.log(middle) + (count - k) * math.log1p(-middle))
            for k in range(hits + 1)
        )
        low, high = (middle, high) if sum(terms) > 0.05 else (low, middle)
    return high


def a_million(count: int) -> dict[str, float]:
    """Build an index of so many items of 45 words; return its size and what a worker pays to use it."""
    rng = random.Random(4)
    words = [f"w{i}" for i in range(200_000)]
    items = (
        Item(set="s", id=str(i), place=str(i), texts=(" ".join(rng.choices(words, k=45)),))
        for i in range(count)
    )
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        write(items, folder, MatchCriteria())
        built = time.process_time() - start
        ran = subprocess.run(
            [sys.executable, "-c", WORKER, folder], check=True, capture_output=True, text=True, cwd=ROOT
        )
        sizes = subprocess.run(["du", "-sm", folder], check=True, capture_output=True, text=True)
    added, resident, rate = map(float, ran.stdout.split())
    found = {"items": count, "built_s": built, "files_mib": float(sizes.stdout.split()[0])}
    found |= {"worker_added_mib": added, "worker_mib": resident, "documents_per_s": rate}
    print(
        f"{count:,} items: built in {built:.0f} s, {found['files_mib']:,.0f} MiB of files, which all workers of a "
        f"host map; after 1,000 pages a worker has {resident:,.0f} MiB resident ({added:,.0f} of them of the index), "
        f"{rate:,.0f} pages/s"
    )
    return found


def bench(quick: bool) -> tuple[dict[str, object], dict[str, tuple[float, float]]]:
    """Measure; see the module."""
    items = questions()
    with tempfile.TemporaryDirectory() as folder:
        listed = [Item(set="gsm8k", id=str(i), place="", texts=(text,)) for i, text in enumerate(items)]
        write(listed, folder, MatchCriteria())
        index = Index(folder, MatchCriteria())
        clean = {name: pieces(corpus(name)) for name in CLEAN}
        clean["crawl"] = pieces(page.text for page in texts("text", None))
        pages = list(pieces(corpus("reviews")))[:2000]
        found = recall(index, items, pages, "\n".join(corpus("speeches"))[:120_000])
        table = {name: flagged(index, documents) for name, documents in clean.items()}
        hard = flagged(index, iter([part for text in corpus("math") for part in text.split("\n\n")]))
    for name, (documents, hits, seconds) in (table | {"GSM8K's training set": hard}).items():
        print(
            f"{name:20}{documents:8,} documents, {hits:3} flagged, {documents / seconds:8,.0f} documents/s/core"
        )
    documents, hits, seconds = (sum(each[i] for each in table.values()) for i in range(3))
    most = 10_000 * at_most(hits, documents)
    print(
        f"clean text: {hits} of {documents:,} flagged: with 95 % confidence fewer than {most:.2f} in 10,000; "
        "bar: fewer than 1 found in 10,000"
    )
    million = a_million(100_000 if quick else 1_000_000)
    figures: dict[str, object] = {
        "recall": found,
        "clean": {"documents": documents, "flagged": hits, "at_most_per_10000": most}
        | {"documents_per_s": documents / seconds},
        "training_set": {"documents": hard[0], "flagged": hard[1]},
        "index": million,
    }
    bars = {name.replace(" ", "_"): (found[name], bar) for name, bar in BARS.items()}
    bars["clean_per_10000_below_1"] = (1 - 10_000 * hits / documents, 1e-9)
    bars["worker_mib_below_2048"] = (2048 - million["worker_mib"], 0.0)
    return figures, bars
