"""What the annotators find and what they cost: languages, sites, privacy, labels, and further ones beside them.

    python tests/bench/bench_annotators.py [--only NAME ...] [--quick]

Each bench below prints its tables and returns its figures and its bars (value, least allowed). Times are processor
seconds of this process. Writes build/bench/annotators.json.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping

import annotators_contamination
import annotators_language
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
    "quality": annotators_quality.bench,
}


def main() -> int:
    """Run the benches, print, write, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=sorted(BENCHES), default=sorted(BENCHES))
    parser.add_argument("--quick", action="store_true", help="smaller inputs")
    options = parser.parse_args()
    figures: dict[str, Figures] = {}
    bars: dict[str, tuple[float, float]] = {}
    for name, bench in BENCHES.items():
        if name in options.only:
            print(f"\n{name}")
            figures[name], found = bench(options.quick)
            bars |= {f"{name}_{bar}": each for bar, each in found.items()}
    print()
    record("annotators", figures, bars, ("numpy", "pycld2", "xxhash"))
    return int(any(value < bar for value, bar in bars.values()))


if __name__ == "__main__":
    sys.exit(main())
