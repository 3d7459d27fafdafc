"""What a bad page, a damaged file and a long run may cost: one row, nothing intact, no memory.

    python benchmarks/bench_extract_faults.py [--pages N] [--floor NAME=VALUE [--lower]]

Four parts: every container with truth or with another reader's count; the pages that are known to hang or fell
extractors, under the limits a recipe has by default; the crawl again and again through the guarded stage until
N records went in, its child recycled as in a run; the same with one child for all. Deadlines are processor time
(see `curation.extract.guard`), so they are judged by it; the clock is shown. Writes
build/bench/extract_faults.json; ends with status 1 where a floor of extract_faults_gate.json is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean, linear_regression, quantiles
from typing import Any

import floors
import pyarrow as pa
from extract_corpus import CRAWL, DATA
from recording import ROOT, record

from curation.accounting.ledger import Ledger
from curation.accounting.settle import settle
from curation.accounting.tally import tally
from curation.document import PAGE
from curation.extract.child import RETRY_TIMEOUT_S
from curation.extract.guard import Guard
from curation.extract.settings import Extract
from curation.extract.stage import extract_batch
from curation.files.block_file import BlockFile
from curation.files.digests import digest_file
from curation.pages.archives.records import ArchiveRecord, records
from curation.pages.formats import read, splits

sys.path.insert(0, str(ROOT / "tests" / "extract"))
from test_hazard_pages import BASE, HAZARDS

GATE_FILE = Path(__file__).with_name("extract_faults_gate.json")
SETTINGS = Extract()
ENGINES = ("trafilatura", "resiliparse")
#: A page's limit and what a second try may take.
DEADLINE_S = SETTINGS.timeout_s + RETRY_TIMEOUT_S
SAMPLE_EVERY = 250
#: The pathological pages are larger than a recipe allows by default: it is the guard that is tried.
HAZARD_MIB = 20.0
#: As `Guard` does where nobody says otherwise.
RECYCLE_PAGES = 5000


class Timed(Guard):
    """A guard that notes each page's processor and clock seconds, the start of a child taken off."""

    def __init__(self, engine: str, recycle_pages: int) -> None:
        super().__init__(replace(SETTINGS, engine=engine), recycle_pages)
        self.pages: list[tuple[float, float]] = []
        self._starting = (0.0, 0.0)

    def now(self) -> tuple[float, float]:
        """Return processor seconds of this process, its children dead and living, and the clock's."""
        used = sum(os.times()[:4])
        if self.child_pid is not None:
            stat = Path(f"/proc/{self.child_pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            used += (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
        return used, time.monotonic()

    def _start(self) -> None:
        before = self.now()
        super()._start()
        spent = zip(self.now(), before, self._starting, strict=True)
        used, clock = (now - then + held for now, then, held in spent)
        self._starting = (used, clock)

    def extract_or_retry(self, html: str | bytes) -> Any:
        """Extract, and note the seconds."""
        self._starting = (0.0, 0.0)
        before = self.now()
        found = super().extract_or_retry(html)
        used, clock = (
            now - then - start for now, then, start in zip(self.now(), before, self._starting, strict=True)
        )
        self.pages.append((used, clock))
        return found


def resident_mib(pid: int) -> float:
    """Return the resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


@dataclass(kw_only=True, slots=True)
class Passed:
    """Some records through the guarded stage: how many went in, what became of them, seconds, MiB at points."""

    records: int = 0
    ledger: Ledger = field(default_factory=lambda: Ledger("extract"))
    pages: list[tuple[float, float]] = field(default_factory=list)
    memory: list[tuple[int, float, float]] = field(default_factory=list)

    def take(self, batch: pa.RecordBatch, guard: Timed, max_page_mib: float = SETTINGS.max_page_mib) -> None:
        """Run one batch."""
        self.records += batch.num_rows
        rows = settle(extract_batch(batch, guard, max_page_mib=max_page_mib), 1.0)
        self.ledger.merge(tally("extract", rows))
        self.pages = guard.pages

    def sample(self, guard: Timed) -> None:
        """Note the resident memory of parent and child."""
        if guard.child_pid is not None:
            self.memory.append((self.records, resident_mib(os.getpid()), resident_mib(guard.child_pid)))

    def facts(self) -> dict[str, Any]:
        """Return figures: outcomes by reason, seconds of a page, and what memory did."""
        self.ledger.check()
        outcomes = sum(self.ledger.total.states[state].records for state in self.ledger.total.states)
        found: dict[str, Any] = {
            "records": self.records,
            "outcomes": outcomes,
            "states": {state: count.records for state, count in self.ledger.total.states.items()},
            "reasons": {
                name: reason.records for name, reason in self.ledger.total.ranked() if reason.records
            },
        }
        for name, seconds in zip(("processor", "clock"), zip(*self.pages, strict=True), strict=True):
            cuts = quantiles(seconds, n=100)  # between few values it goes on beyond the largest
            found[f"{name}_s"] = {"p50": cuts[49], "p99": min(cuts[98], max(seconds)), "max": max(seconds)}
        found["pages"] = len(self.pages)
        found["pages_within_deadline"] = sum(used <= DEADLINE_S for used, _ in self.pages)
        return found


def crawl(pages: int) -> Iterator[pa.RecordBatch]:
    """Yield batches of the crawl, read again and again, until so many records were yielded."""
    [split] = splits([(str(CRAWL), CRAWL.stat().st_size)], "warc", 2**40)
    left = pages
    while left > 0:
        for batch in read(split, source="crawl"):
            yield batch.slice(0, left)
            left -= batch.num_rows
            if left <= 0:
                return


def long_run(engine: str, pages: int, recycle_pages: int) -> tuple[Passed, dict[str, Any]]:
    """Return what a long run of the stage did, and its figures."""
    passed = Passed()
    with Timed(engine, recycle_pages) as guard:
        for batch in crawl(pages):
            before = passed.records // SAMPLE_EVERY
            passed.take(batch, guard)
            if passed.records // SAMPLE_EVERY > before:
                passed.sample(guard)
    facts = passed.facts() | {"memory_mib": passed.memory}
    for name, column in (("parent", 1), ("child", 2)):
        # From a quarter on: by then every page of the crawl, the largest too, was seen once.
        samples = [(each[0], each[column]) for each in passed.memory if each[0] >= pages / 4]
        thirds = len(samples) // 3
        facts[f"{name}_mib_per_1000_pages"] = 1000 * linear_regression(*zip(*samples, strict=True)).slope
        first, last = fmean(mib for _, mib in samples[:thirds]), fmean(mib for _, mib in samples[-thirds:])
        facts[f"{name}_flat"] = first / last
    return passed, facts


def show_memory(memory: list[tuple[int, float, float]]) -> None:
    """Print the resident memory at ten points."""
    step = max(1, len(memory) // 10)
    print(f"{'records':>10}{'parent MiB':>12}{'child MiB':>12}")
    for at, parent, child in memory[step - 1 :: step]:
        print(f"{at:>10,}{parent:>12.0f}{child:>12.0f}")


def hazards(engine: str) -> tuple[Passed, dict[str, Any]]:
    """Return what the pathological pages did, each for itself, and the figures of all."""
    passed = Passed()
    with Timed(engine, RECYCLE_PAGES) as guard:
        for name, html in HAZARDS.items():
            body = f"<html><body>{html}</body></html>".encode()
            passed.take(pa.RecordBatch.from_pylist([BASE | {"body": body}], schema=PAGE), guard, HAZARD_MIB)
            if guard.pages:
                used, clock = guard.pages[-1]
                print(
                    f"  {engine:12} {name:22}{used:>8.2f} s of processor{clock:>8.2f} s by the clock",
                    flush=True,
                )
    return passed, passed.facts()


def containers() -> dict[str, dict[str, int]]:
    """Return for each damaged container how many intact responses it has by its truth, and how many were read."""
    truth = json.loads((DATA / "broken" / "truth.json").read_text(encoding="utf-8"))
    found = {}
    for name, facts in truth.items():
        path = DATA / name
        with BlockFile(str(path)) as source:
            kinds = Counter(
                each.headers.get("warc-type") if isinstance(each, ArchiveRecord) else "damage"
                for each in records(source, 0, max(1, source.size_bytes))
            )
        found[name] = {
            "intact": facts["intact_response_records"], "read": kinds["response"], "damage": kinds["damage"],
        }  # fmt: skip
    return found


def corpus() -> str:
    """Return what names the pages and containers: the crawl's digest and that of the containers' truth."""
    return f"{digest_file(str(CRAWL))} {digest_file(str(DATA / 'broken' / 'truth.json'))}"


def measured(pages: int) -> tuple[dict[str, Any], dict[str, float]]:
    """Return every figure, and the values to judge."""
    found: dict[str, Any] = {"containers": containers()}
    for name, facts in found["containers"].items():
        print(
            f"  {name:52}{facts['read']:>5} of {facts['intact']} intact responses, {facts['damage']} damaged"
        )
    parts = []
    for engine in ENGINES:
        passed, found[f"hazards, {engine}"] = hazards(engine)
        parts.append(found[f"hazards, {engine}"])
    flat = {}
    for name, recycle in (("recycled", RECYCLE_PAGES), ("one child", sys.maxsize)):
        passed, facts = long_run("trafilatura", pages, recycle)
        found[f"crawl, {name}"] = facts
        parts.append(facts)
        flat[name] = facts
        show_memory(passed.memory)
        slopes = (f"{each} {facts[f'{each}_mib_per_1000_pages']:+.2f}" for each in ("parent", "child"))
        print(f"  {name}: MiB per 1,000 records: {', '.join(slopes)}")
    for name, facts in found.items():
        if "processor_s" in facts:
            used = ", ".join(f"{key} {value:.3f}" for key, value in facts["processor_s"].items())
            print(f"  {name}: {facts['records']} records, {facts['states']}; seconds of a page: {used}")
    boxes = found["containers"].values()
    return found, {
        "intact_read_fraction": sum(min(each["read"], each["intact"]) for each in boxes)
        / sum(each["intact"] for each in boxes),
        "outcomes_per_record": sum(each["outcomes"] for each in parts)
        / sum(each["records"] for each in parts),
        "pages_within_deadline_fraction": sum(each["pages_within_deadline"] for each in parts)
        / sum(each["pages"] for each in parts),
        "parent_flat": flat["recycled"]["parent_flat"],
        "child_flat": flat["one child"]["child_flat"],
    }


def main() -> int:
    """Measure, print, write, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--pages", type=int, default=20_000, help="records of the long runs (default: 20,000)"
    )
    parser.add_argument("--floor", metavar="NAME=VALUE", help="move a floor of the gate file and end")
    parser.add_argument("--lower", action="store_true", help="allow --floor to lower it")
    options = parser.parse_args()
    least = floors.read(GATE_FILE)
    if options.floor:
        changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        floors.write(GATE_FILE, floors.moved(least, options.floor, lower=options.lower, changelog=changelog))
        return 0
    if corpus() != least.corpus:
        raise SystemExit(f"the floors are for another corpus: {least.corpus}, found {corpus()}")
    found, values = measured(options.pages)
    bars = {name: (values[name], bar) for name, bar in least.least.items()}
    return record(
        "extract_faults", found | {"corpus": least.corpus}, bars, ("trafilatura", "resiliparse", "lxml")
    )


if __name__ == "__main__":
    sys.exit(main())
