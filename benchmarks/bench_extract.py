"""Pages a second and core, and how much of the truth each engine keeps, beside stock trafilatura and datatrove.

    python benchmarks/bench_extract.py [--pages N] [--peer-pages N] [--floor NAME=VALUE [--lower]]

Engines take turns on each page, so that they meet the same machine; times are CPU seconds, a child's included.
datatrove's Trafilatura step runs in an environment of its own (build/bench/venv-datatrove), made on first use.
Scores are over the strict truth: human, reviewed or site-parsed text, without notes. Those of `blocks` are of a
model that has learned from these pages; how it chooses on others stands in docs/extraction.md. Writes
build/bench/extract.json; ends with status 1 where a floor of extract_gate.json is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import floors
import peers
import pyarrow as pa
from extract_corpus import Truth, crawl, digest, strict
from recording import ROOT, record
from scoring import kept, score

from curation.document import PAGE
from curation.extract import trees
from curation.extract.engines import ENGINES
from curation.extract.extraction import BatchEngine, Engine, Extraction
from curation.extract.gate import refuse_record
from curation.extract.guard import Guard
from curation.extract.settings import Extract, Gate
from curation.extract.stage import extract_batch
from curation.extract.visible import judge
from curation.pages.charset import decode
from curation.text.language import shares

GATE_FILE = Path(__file__).with_name("extract_gate.json")
OUT = ROOT / "build" / "bench"
ENGLISH = Gate(languages=("en",), min=0.3)
MAX_PAGE_MIB = 10.0
TURNS = 4


def stock(html: str) -> Extraction:
    """Return what trafilatura makes of a page out of the box."""
    import trafilatura

    return Extraction(text=trafilatura.extract(html) or "", title="", engine="stock")


_TURN = 32
_LEFT = (trees._clean, trees.resiliparse_tree)  # what they hold is of the last page
CONTENDERS: dict[str, Engine] = {"stock": stock, **ENGINES}


def in_process(pages: list[str]) -> tuple[dict[str, list[str]], dict[str, float]]:
    """Return texts and pages a CPU second by engine.

    The engines take turns at `_TURN` pages, each first as often as the others, and none finds a tree or bytes
    that another left: in a run there is one engine.
    """
    used = dict.fromkeys(CONTENDERS, 0.0)
    texts: dict[str, list[str]] = {name: [] for name in CONTENDERS}
    for engine in CONTENDERS.values():
        engine(pages[0])  # loads what it needs
    for turn, first in enumerate(range(0, len(pages), _TURN)):
        names = list(CONTENDERS)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            for left in _LEFT:
                left.cache_clear()
            start = time.process_time()
            texts[name] += together(CONTENDERS[name], pages[first : first + _TURN])
            used[name] += time.process_time() - start
    return texts, {name: len(pages) / seconds for name, seconds in used.items()}


def together(engine: Engine, pages: list[str]) -> list[str]:
    """Return the texts of some pages, read together by an engine that can."""
    if isinstance(engine, BatchEngine):
        found = engine.extract_all([(html, engine.source(html)) for html in pages])
        return [extraction.text for extraction in found]
    return [engine(html).text for html in pages]


def cpu_s(guard: Guard) -> float:
    """Return CPU seconds of this process, of children that ended, and of the guard's living one."""
    total = sum(os.times()[:4])
    if guard.child_pid is not None:
        fields = Path(f"/proc/{guard.child_pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def seconds_of(guard: Guard, pages: list[str], work: Callable[[Guard], object]) -> float:
    """Return the CPU seconds of some work with a guard, parent and child together, but for what starting takes."""
    guard.extract(pages[0])
    start = cpu_s(guard)
    work(guard)
    return cpu_s(guard) - start


def guarded(engine: str, pages: list[str]) -> float:
    """Return pages a CPU second, given to a guard as the stage does."""
    data = [html.encode("utf-8", "replace") for html in pages]
    with Guard(Extract(engine=engine)) as guard:
        return len(pages) / seconds_of(guard, pages, lambda guard: guard.extract_all(data))


def whole_stage(rows: list[dict[str, Any]]) -> Callable[[Guard], object]:
    """Return the work of the stage on page rows: gates, decoding, extraction, language, metadata."""
    batches = pa.Table.from_pylist(rows, schema=PAGE).to_batches(max_chunksize=64)
    return lambda guard: [extract_batch(batch, guard, max_page_mib=MAX_PAGE_MIB) for batch in batches]


def datatrove(pages: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Return the texts and the rate of datatrove's step; no texts and the reason where it cannot run."""
    source, target = OUT / "extract_pages.jsonl", OUT / "extract_texts.jsonl"
    try:
        python = peers.environment("datatrove", peers.DATATROVE)
        source.write_text("".join(json.dumps({"html": html}) + "\n" for html in pages), encoding="utf-8")
        program = Path(__file__).with_name("peer_datatrove.py")
        ran = subprocess.run([python, program, source, target], check=True, stdout=subprocess.PIPE, text=True)
    except (OSError, subprocess.CalledProcessError, peers.Unavailable) as error:
        return [], {"skipped": f"datatrove could not be run: {error}"}
    with target.open(encoding="utf-8") as lines:
        texts = [json.loads(line) for line in lines]
    facts = json.loads(ran.stdout.splitlines()[-1])
    return texts, {"guarded_pages_per_s": facts.pop("pages_per_s"), "versions": facts}


def quality(texts: Sequence[str], pages: Sequence[Truth]) -> dict[str, float]:
    """Return mean precision, recall and F1, how many pages have F1 below a half, and the share of cells kept."""
    scores = [score(text, page.text) for text, page in zip(texts, pages, strict=True)]
    cells = sum(len(page.cells) for page in pages)
    held = sum(kept(text, page.cells) for text, page in zip(texts, pages, strict=True) if page.cells)
    return {
        "precision": fmean(each.precision for each in scores),
        "recall": fmean(each.recall for each in scores),
        "f1": fmean(each.f1 for each in scores),
        "pages_below_half": sum(each.f1 < 0.5 for each in scores),
        "cells": cells,
        "cells_kept": held / max(1, cells),
    }


def gate_kept(pages: list[str], texts: list[str]) -> tuple[float, float]:
    """Return the share of English documents that an English gate keeps, and the share of pages it drops.

    An English document: one whose main text a later rule of `language_probability` >= 0.65 would keep.
    """
    refused = [judge(html, ENGLISH)[1] is not None for html in pages]
    english = [shares(text).get("en", 0.0) >= 0.65 for text in texts]
    lost = sum(gone and wanted for gone, wanted in zip(refused, english, strict=True))
    return 1 - lost / max(1, sum(english)), sum(refused) / len(refused)


#: Column of the table -> (figure, how it is written).
COLUMNS = {
    "P": ("precision", ".3f"),
    "R": ("recall", ".3f"),
    "F1": ("f1", ".3f"),
    "F1<.5": ("pages_below_half", "d"),
    "cells": ("cells_kept", ".3f"),
    "pages/s": ("pages_per_s", ".0f"),
    "guarded": ("guarded_pages_per_s", ".0f"),
}


def show(figures: dict[str, dict[str, Any]]) -> None:
    """Print the table of engines, and what is no column."""
    print(f"{'engine':34}" + "".join(f"{each:>9}" for each in COLUMNS))
    for engine, found in figures.items():
        cells = (format(found[name], form) if name in found else "" for name, form in COLUMNS.values())
        print(f"{engine:34}" + "".join(f"{cell:>9}" for cell in cells) + found.get("skipped", ""))
    gate = figures["English gate"]
    print(
        f"gate: drops {gate['dropped_fraction']:.3f} of the pages, keeps {gate['english_kept_fraction']:.4f} of the English"
    )


def allowed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the page rows that pass the record gate: those any extractor would see."""
    return [
        row
        for row in rows
        if not refuse_record(
            row["kind"], row["status"], row["content_type"], row["body"], max_page_mib=MAX_PAGE_MIB
        )
    ]


def over_the_crawl(rows: list[dict[str, Any]]) -> tuple[dict[str, dict[str, Any]], dict[str, float]]:
    """Return figures and ratios of the whole stage beside datatrove's step, on pages of any language.

    They take turns, so that a minute in which the machine has other work is not one contender's alone.
    """
    theirs: dict[str, Any] = {}
    used: Counter[str] = Counter()
    modes = {"stage": Extract(), "gated_stage": Extract(gate=ENGLISH)}
    with ExitStack() as stack:
        guards = {
            f"{engine}_{name}": stack.enter_context(Guard(replace(settings, engine=engine)))
            for engine in ("trafilatura", "blocks", "resiliparse")
            for name, settings in modes.items()
        }
        for turn in range(TURNS):
            part = rows[turn::TURNS]
            html = [decode(row["body"], row["content_type"]).text for row in part]
            theirs = theirs if "skipped" in theirs else datatrove(html)[1]
            if "skipped" not in theirs:
                used["datatrove"] += len(part) / theirs["guarded_pages_per_s"]
            for name, guard in guards.items():
                used[name] += seconds_of(guard, html, whole_stage(part))
    rates = {name: len(rows) / seconds for name, seconds in used.items()}
    whole = {**theirs, "guarded_pages_per_s": rates.pop("datatrove", None)}
    found = {
        f"{name.replace('_', ' ')}, crawl": {"guarded_pages_per_s": rate} for name, rate in rates.items()
    }
    if "skipped" in theirs:
        return {"datatrove, crawl": theirs, **found}, {}
    per_theirs = {
        f"{name}_times_datatrove": rate / whole["guarded_pages_per_s"] for name, rate in rates.items()
    }
    return {"datatrove, crawl": whole, **found}, per_theirs


def measured(options: argparse.Namespace) -> tuple[dict[str, dict[str, Any]], dict[str, float]]:
    """Return every figure by row of the table, and the ratios."""
    whole = crawl()
    pages = list(strict(whole))[: options.pages]
    texts, rates = in_process([page.html for page in pages])
    found: dict[str, dict[str, Any]] = {
        name: {"pages": len(pages), **quality(texts[name], pages), "pages_per_s": rates[name]}
        for name in CONTENDERS
    }
    ratios = {f"{name}_times_stock": rates[name] / rates["stock"] for name in ENGINES}
    sample = pages[: options.peer_pages]
    html = [page.html for page in sample]
    for name in CONTENDERS:
        engine = name if name in ENGINES else f"bench_extract:{name}"
        rate = guarded(engine, html)
        found[name]["guarded_pages_per_s"] = rate
        ratios[f"{name}_guarded_times_stock"] = rate / found["stock"]["guarded_pages_per_s"]
    theirs, facts = datatrove(html)
    found["datatrove, sample"] = {
        "pages": len(sample),
        **(quality(theirs, sample) if theirs else {}),
        **facts,
    }
    found["trafilatura, sample"] = {
        "pages": len(sample),
        **quality(texts["trafilatura"][: len(sample)], sample),
    }
    rows, more = over_the_crawl(allowed([row for row, _ in whole[: options.peer_pages]]))
    share, dropped = gate_kept([page.html for page in pages], texts["trafilatura"])
    found["English gate"] = {"english_kept_fraction": share, "dropped_fraction": dropped}
    return found | rows, ratios | more


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=1_000_000, help="pages to score (default: all)")
    parser.add_argument("--peer-pages", type=int, default=400, help="pages for guarded runs and datatrove")
    parser.add_argument("--floor", metavar="NAME=VALUE", help="move a floor of the gate file and end")
    parser.add_argument("--lower", action="store_true", help="allow --floor to lower it")
    return parser.parse_args()


def main() -> int:
    """Measure, print, write, judge."""
    options = arguments()
    least = floors.read(GATE_FILE)
    if options.floor:
        changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        floors.write(GATE_FILE, floors.moved(least, options.floor, lower=options.lower, changelog=changelog))
        return 0
    corpus = digest()
    if corpus != least.corpus:
        raise SystemExit(f"the floors are for another corpus: {least.corpus}, found {corpus}")
    figures, ratios = measured(options)
    show(figures)
    for name, ratio in ratios.items():
        print(f"{name:44}{ratio:8.2f}")
    default, gate = figures["trafilatura"], figures["English gate"]
    values = ratios | {
        "f1": default["f1"],
        "pages_above_half_fraction": 1 - default["pages_below_half"] / default["pages"],
        "cells_kept": default["cells_kept"],
        "pages_per_s": default["pages_per_s"],
        "guarded_pages_per_s": default["guarded_pages_per_s"],
        "gate_english_kept_fraction": gate["english_kept_fraction"],
    }
    bars = {name: (values[name], bar) for name, bar in least.least.items() if name in values}
    for name in least.least.keys() - values.keys():
        print(f"not judged: {name}: {figures['datatrove, crawl']['skipped']}")
    return record(
        "extract", figures | {"corpus": corpus}, bars, ("trafilatura", "resiliparse", "lxml"), ratios
    )


if __name__ == "__main__":
    sys.exit(main())
