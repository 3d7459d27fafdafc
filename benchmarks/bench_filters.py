"""Documents a second on one core: the FineWeb chain with all scores, beside datatrove's own, in the same rounds.

    python benchmarks/bench_filters.py [--pages N] [--rounds N]

Texts are the English pages of the shared crawl as the extract stage has them. Two chains of ours: `pinned`, the
presets that say what datatrove says (Gopher repetition and quality, C4 without its rule of end marks, FineWeb),
and `house`, Gopher by the paper's letter and FineWeb as released. Both measure every rule on every text.
datatrove runs in an environment of its own, as its pipelines do (a dropped document is not looked at again) and
with every filter on every document. All take turns; times are processor seconds, figures medians. The stage that
runs the pinned chain inside Spark is set beside the same judging without Spark (`--spark`), and with `--hostile` five
texts that are long and hard are measured one by one. Writes build/bench/filters.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import filters_in_spark
import peers
from filter_corpus import texts
from recording import ROOT, record

from curation.filters.judge import judge_text
from curation.recipe.config import Reader
from curation.recipe.nodes import parse
from curation.recipe.sections.passes import decode_pass

CHAINS = {
    "pinned": ("datatrove_gopher_repetition", "datatrove_gopher_quality", "fineweb_c4", "datatrove_fineweb"),
    "house": ("gopher", "fineweb_c4", "fineweb"),
}
BAR = 20.0  # times datatrove's chain as it runs
SPARK_BAR = 0.7  # of the rate without Spark

HOSTILE = {
    "a sentence, again and again": "'One sentence is here repeated. ' * 1_600_000",
    "a full stop and quotes": "'.' + '\"' * 10_000_000",
    "brackets": "'[' * 10_000_000",
    "words joined by commas": "'abc,' * 12_500_000",
    "quoted letters": "'\"a \"' * 5_000_000",
}
#: A child judges one text and prints characters, processor seconds, and the MiB it added to its peak.
HOSTILE_PROGRAM = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from bench_filters import CHAINS, ours
peak_mib = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
ours(["a text that loads what is loaded once, “quotes” too. And more."], CHAINS["pinned"])()
text = eval(sys.argv[2])
before = peak_mib()
seconds, _ = ours([text], CHAINS["pinned"])()
print(len(text), seconds, peak_mib() - before)
"""

Round = Callable[[], tuple[float, int]]


def passes(presets):
    """Return the passes of some presets, named after them."""
    reader = Reader()
    return [decode_pass(reader, parse(f"{{name: {name}, preset: {name}}}", "bench")) for name in presets]


def ours(documents: list[str], presets) -> Round:
    """Return a round of one chain: processor seconds, and how many documents break no rule."""
    chain = passes(presets)

    def run() -> tuple[float, int]:
        start = time.process_time()
        verdicts = [judge_text(text, "bench", chain, measure_all=True) for text in documents]
        return time.process_time() - start, sum(not verdict.reasons for verdict in verdicts)

    return run


@contextmanager
def datatrove(documents: list[str]):
    """Yield the rounds of datatrove's chain and its versions, from a process that stays loaded."""
    source = ROOT / "build" / "bench" / "filter_texts.jsonl"
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in documents), encoding="utf-8")
    program = Path(__file__).with_name("peer_datatrove_filters.py")
    command = [peers.environment("datatrove", peers.DATATROVE), program, source]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peer:
        versions = json.loads(peer.stdout.readline())

        def asked(mode: str) -> Round:
            def run() -> tuple[float, int]:
                peer.stdin.write(f"{mode}\n")
                peer.stdin.flush()
                answer = json.loads(peer.stdout.readline())
                return answer["seconds"], answer["kept"]

            return run

        yield {"datatrove, as run": asked("run"), "datatrove, all filters": asked("all")}, versions


def hostile() -> dict[str, dict[str, float]]:
    """Print and return what the pinned chain takes for texts of hostile size and shape."""
    found = {}
    for name, text in HOSTILE.items():
        command = [sys.executable, "-c", HOSTILE_PROGRAM, str(Path(__file__).parent), text]
        ran = subprocess.run(command, check=True, capture_output=True, text=True)
        characters, seconds, mib = map(float, ran.stdout.split())
        found[name] = {"characters": characters, "seconds": seconds, "peak_mib": mib}
        print(f"{name:32}{characters / 1e6:6.1f} M characters{seconds:8.1f} s{mib:8,.0f} MiB")
    return found


def inside_spark(documents: list[str], rounds: int) -> tuple[dict[str, float], float]:
    """Print and return rates of the pinned chain with and without Spark, and the share of the one in the other."""
    run, pure = ours(documents, CHAINS["pinned"]), []
    run()
    costs = filters_in_spark.cost_s(
        documents, passes(CHAINS["pinned"]), rounds, lambda: pure.append(run()[0] / len(documents))
    )
    rates = {"without Spark": 1 / median(pure), "stage inside Spark": 1 / median(costs)}
    for name, rate in rates.items():
        print(f"{name:26}{rate:10,.1f} documents/s/core")
    return rates, rates["stage inside Spark"] / rates["without Spark"]


def main() -> int:
    """Measure in turns, print, write, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=300, help="pages a round (datatrove: 40 ms each)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hostile", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--spark", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    documents = [page.text for page in texts("text")][: options.pages]
    words = sum(len(text.split()) for text in documents) / len(documents)
    rounds = {name: ours(documents, presets) for name, presets in CHAINS.items()}
    for run in rounds.values():
        run()  # fills caches, as a worker's are
    with datatrove(documents) as (theirs, versions):
        found: dict[str, list[tuple[float, int]]] = {name: [] for name in rounds | theirs}
        for _ in range(options.rounds):
            for name, run in (rounds | theirs).items():
                found[name].append(run())
    print(f"{len(documents)} English pages of {words:,.0f} words (mean), {options.rounds} rounds in turns")
    figures = {}
    for name, runs in found.items():
        rate = len(documents) / median(seconds for seconds, _ in runs)
        figures[name] = {"documents_per_s": rate, "kept": runs[0][1]}
        print(f"{name:26}{rate:10,.1f} documents/s/core   keeps {runs[0][1]}")
    rates = {name: each["documents_per_s"] for name, each in figures.items()}
    ratios = {
        f"{chain}_times_{peer}": rates[chain] / rates[f"datatrove, {told}"]
        for chain in CHAINS
        for peer, told in (("datatrove", "as run"), ("datatrove_all_filters", "all filters"))
    }
    for name, ratio in ratios.items():
        print(f"{name:44}{ratio:8.1f}")
    bars = {name: (ratio, BAR) for name, ratio in ratios.items() if not name.endswith("all_filters")}
    if options.spark:
        figures["spark"], share = inside_spark(documents, options.rounds)
        bars["share_of_rate_without_spark"] = (share, SPARK_BAR)
    if options.hostile:
        figures["hostile"] = hostile()
    corpus = {"pages": len(documents), "mean_words": words, "versions": versions}
    return record("filters", figures | {"corpus": corpus}, bars, ("numpy", "regex"), ratios)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except peers.Unavailable as error:
        sys.exit(f"skipped: {error}")
