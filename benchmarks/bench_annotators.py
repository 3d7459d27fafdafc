"""What the annotators find and what they cost: languages, sites, privacy, evaluation sets, lines, models.

    python benchmarks/bench_annotators.py [--only NAME ...] [--quick]

Each bench below prints its tables and returns its figures and its bars (value, least allowed). Times are processor
seconds of this process. Writes build/bench/annotators.json, of some by name build/bench/annotators_NAME….json.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping

import annotators_contamination
import annotators_language
import annotators_likeness
import annotators_lines
import annotators_privacy
import annotators_quality
import annotators_sites
from recording import record

Figures = Mapping[str, object]
Bars = Mapping[str, tuple[float, float]]
#: Whether to be quick (smaller inputs, the same code) -> (figures, bars).
Bench = Callable[[bool], tuple[Figures, Bars]]

#: Name -> bench, in the order they run. A bench lives in a module annotators_NAME.py beside this one.
BENCHES: dict[str, Bench] = {
    "language": annotators_language.bench,
    "sites": annotators_sites.bench,
    "privacy": annotators_privacy.bench,
    "contamination": annotators_contamination.bench,
    "lines": annotators_lines.bench,
    "likeness": annotators_likeness.bench,
    "quality": annotators_quality.bench,
}


def main() -> int:
    """Run the benches, print, write, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(BENCHES), default=list(BENCHES))
    parser.add_argument("--quick", action="store_true", help="smaller inputs")
    options = parser.parse_args()
    figures: dict[str, Figures] = {}
    bars: dict[str, tuple[float, float]] = {}
    chosen = [name for name in BENCHES if name in options.only]
    for name in chosen:
        print(f"\n{name}", flush=True)
        start = time.time()
        found_figures, found = BENCHES[name](options.quick)
        figures[name] = {**found_figures, "seconds": time.time() - start}
        print(f"({time.time() - start:.0f} s)")
        bars |= {f"{name}_{bar}": each for bar, each in found.items()}
    print()
    whole = "annotators" if chosen == list(BENCHES) else f"annotators_{'_'.join(chosen)}"
    return record(whole, figures, bars, ("numpy", "pycld2", "xxhash", "fasttext-numpy2-wheel"))


if __name__ == "__main__":
    sys.exit(main())
