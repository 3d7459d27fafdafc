"""Documents a second on one core: all Gopher, C4 and FineWeb signals on ~420-word English pieces, nothing skipped.

    python tests/bench/bench_filters.py [CORPORA_FOLDER]

Prints a table and writes build/bench/filters.json. The corpora are JSON lines, gzip, with a `text`.
"""

from __future__ import annotations

import gzip
import json
import sys
import time
from pathlib import Path

from recording import ROOT, record

from curation.filters.judge import judge_text
from curation.recipe.config import Reader
from curation.recipe.nodes import parse
from curation.recipe.passes import decode_pass

CORPORA = ("docs", "reviews", "wiki", "speeches")
PRESETS = ("gopher", "c4", "fineweb")
PIECES, WORDS, ROUNDS, BAR = 600, 420, 3, 1000


def pieces(path):
    """Return up to PIECES texts of about WORDS words, cut at line ends."""
    found, lines, words = [], [], 0
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        for row in stream:
            for line in json.loads(row)["text"].split("\n"):
                lines.append(line)
                words += len(line.split())
                if words >= WORDS:
                    found.append("\n".join(lines))
                    lines, words = [], 0
            if len(found) >= PIECES:
                break
    return found[:PIECES]


def rate(texts, passes):
    """Return the best of ROUNDS, in documents a second of processor time."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for text in texts:
            judge_text(text, "bench", passes, measure_all=True)
        best = min(best, time.process_time() - start)
    return len(texts) / best


def main(folder):
    reader = Reader()
    passes = [decode_pass(reader, parse(f"{{name: {name}, preset: {name}}}", "bench")) for name in PRESETS]
    figures = {}
    print(f"{'corpus':10} {'pieces':>6} {'words':>6} {'documents/s/core':>17}")
    for name in CORPORA:
        texts = pieces(folder / f"{name}.jsonl.gz")
        words = sum(len(text.split()) for text in texts) / len(texts)
        figures[name] = {"pieces": len(texts), "mean_words": words, "documents_per_s": rate(texts, passes)}
        print(f"{name:10} {len(texts):6} {words:6.0f} {figures[name]['documents_per_s']:17.0f}")
    least = min(each["documents_per_s"] for each in figures.values())
    bars = {"documents_per_s_core": (least, BAR)}
    record("filters", figures, bars, ("numpy", "regex", "pyarrow"))


if __name__ == "__main__":
    corpora = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "corpora"
    if not corpora.exists():
        sys.exit(
            f"skipped: needs a folder of corpora ({', '.join(CORPORA)}.jsonl.gz); {corpora} is not there"
        )
    main(corpora)
