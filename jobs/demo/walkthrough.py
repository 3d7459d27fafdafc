"""Walkthrough: the embedded default, end to end: pages, recipe, training, report.

    python jobs/demo/walkthrough.py [DIR]

Each step is a command that people use, run in a process of its own.
"""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

CURATE = (sys.executable, "-m", "curation.cli")


def step(name: str, *command: str) -> None:
    """Run one step in its own process; the demo ends where a step fails."""
    print(f"\n== {name}: {' '.join(command[1:])}", flush=True)
    began = time.monotonic()
    code = subprocess.run(command, check=False).returncode
    if code:
        sys.exit(f"the demo's step '{name}' ended with exit status {code}")
    print(f"== {name}: {time.monotonic() - began:.0f} s", flush=True)


def main(directory: str) -> None:
    """Make the pages, run the recipe, train, write the report, and say where to look."""
    pages = f"{directory}/input"
    step("pages", sys.executable, "jobs/demo/pages.py", "--out", pages)
    inputs = [f"inputs.{name}.path={pages}/{name}.warc.gz" for name in ("web", "docs")]
    sets = [word for each in inputs for word in ("--set", each)]
    step("curate", *CURATE, "run", "curation/recipe/starters/demo.yaml", "--out", directory, *sets)
    shutil.rmtree(Path(directory, "train"), ignore_errors=True)  # a run of other shards would be refused
    train = ("--set", f"data.0={directory}", "--set", f"out={directory}/train")
    step("train", sys.executable, "-m", "training.train", "training/configs/demo.yaml", *train)
    step("report", *CURATE, "report", directory)
    step("ledger", *CURATE, "ledger", directory)
    summary = json.loads(Path(directory, "train", "summary.json").read_text())
    print(f"\nloss     first {summary['first_loss']:.3f}, last {summary['last_loss']:.3f}")
    print(f"report   {directory}/report.html")
    print(f"why      .venv/bin/curate why {directory} ID_OR_URL")
    print("look     notebooks/1_look_at_documents.ipynb (in Jupyter, with the .venv kernel)")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "build/demo")
