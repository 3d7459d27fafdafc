"""How long people wait who look at a run: the report and its first screen, each notebook, `curate why`.

python benchmarks/bench_look.py [RUN]     # build/demo, which `make demo` makes; or any other run directory

Each on the clock, from the start of the process to its end, as people wait; processor seconds stand beside it,
for a machine that does other work. The first screen is the browser's own first contentful paint of the report,
the slowest of three openings.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from recording import ROOT, record

from curation.accounting.manifest import MissingManifest
from curation.look import frames
from curation.look.run import open_run

sys.path.insert(0, str(ROOT / "tests" / "look"))
from browser import chromium, opened

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
#: Most seconds allowed.
BARS = {"report": 60.0, "first_screen": 1.0, "why": 3.0, **{path.stem: 60.0 for path in NOTEBOOKS}}
OPENINGS = 3


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that work took, on the clock and of the processes that it started."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, busy


def curate(*words: str) -> None:
    """Run one command to its end."""
    subprocess.run(
        [sys.executable, "-m", "curation.cli", *words], check=True, cwd=ROOT, stdout=subprocess.DEVNULL
    )


def execute(path: Path) -> None:
    """Run a notebook top to bottom in a kernel of its own."""
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(ROOT / "notebooks")}}
    client = NotebookClient(notebook, timeout=600, resources=where)
    with tempfile.TemporaryDirectory() as sockets:  # over files, as the tests do: no port is lost
        client.create_kernel_manager().transport = "ipc"
        client.km.ip = f"{sockets}/kernel"
        client.execute()


def first_screen(report: Path) -> float:
    """Return after how many seconds the browser painted something of the page, the slowest time."""
    asked = "return performance.getEntriesByName('first-contentful-paint')[0].startTime"
    found = []
    with chromium() as driver:
        for _ in range(OPENINGS):
            opened(driver, report.as_uri())
            found.append(driver.execute_script(asked) / 1000)
    return max(found)


def measure(run: str) -> dict[str, tuple[float, float | None]]:
    """Return name -> (seconds on the clock, of processors)."""
    out = ROOT / "build" / "bench" / "look.html"
    out.parent.mkdir(parents=True, exist_ok=True)
    found: dict[str, tuple[float, float | None]] = {}
    found["report"] = timed(lambda: curate("report", run, "--out", str(out)))
    found["first_screen"] = first_screen(out), None
    ends = [(stage, state) for stage in ("extract", "filter") for state in ("dropped", "kept")]
    pages = [frames.documents(run, *end, wanted=100, columns=["url"]).head(1)["id"].tolist() for end in ends]
    found["why"] = max(timed(lambda id=id: curate("why", run, id)) for ids in pages for id in ids)  # type: ignore[misc]
    os.environ["CURATION_RUN"] = run
    for path in NOTEBOOKS:
        found[path.stem] = timed(lambda path=path: execute(path))  # type: ignore[misc]
    return found


def main() -> int:
    """Measure, print a table, write build/bench/look.json."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", nargs="?", default=str(ROOT / "build" / "demo"), help="run directory")
    run = os.path.abspath(parser.parse_args().run)
    try:
        held = open_run(run).ledger("extract")["in"]["records"]
    except (MissingManifest, KeyError):
        sys.exit(f"{run}: no run with pages is there; `make demo` makes build/demo, or name another")
    found = measure(run)
    print(f"{run}: {held:,} pages")
    print(f"{'seconds':26}{'clock':>9}{'busy':>9}{'bar':>7}")
    for name, (clock, busy) in found.items():
        told = "" if busy is None else f"{busy:.1f}"
        print(f"{name:26}{clock:>9.2f}{told:>9}{BARS[name]:>7.0f}")
    figures = {"pages": held, "seconds": {name: clock for name, (clock, _) in found.items()}}
    bars = {f"{name}, times under": (BARS[name] / clock, 1.0) for name, (clock, _) in found.items()}
    return record("look", figures, bars, ("pyarrow", "pandas", "matplotlib", "nbclient"))


if __name__ == "__main__":
    sys.exit(main())
