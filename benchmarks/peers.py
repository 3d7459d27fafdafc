"""Peers in virtual environments of their own, so that nothing they need comes near this project's.

    python = peers.environment("datatrove", peers.DATATROVE)
    subprocess.run([python, "benchmarks/peer_datatrove.py", ...], check=True)

An environment is made on first use, at build/bench/venv-NAME, and kept while it is asked for the same packages.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from recording import ROOT

FOLDER = ROOT / "build" / "bench"

#: What the benches ask of datatrove: its extractor, its filters, the English splitter these use, its MinHash
#: and a reader of JSON lines.
DATATROVE = ("datatrove[processing]==0.10.1", "spacy", "lxml_html_clean", "orjson")

#: What Dolma asks for together, of boto3's hundreds of versions: pip would try them all.
DOLMA = ("dolma==1.2.1", "boto3==1.26.76")

#: NeMo Curator's text filters alone: its own dependencies are torch, Ray and CUDA, which they do not use.
NEMO = ("--no-deps", "nemo-curator==1.4.0", "regex", "loguru", "beautifulsoup4", "soupsieve", "typing_extensions",
        "comment_parser", "python-magic", "sentencepiece", "pyyaml")  # fmt: skip


class Unavailable(Exception):
    """A peer cannot be installed here; the message says which and what pip said."""


def environment(name: str, packages: Sequence[str]) -> Path:
    """Return the interpreter of build/bench/venv-NAME, which has `packages` (as pip names them) installed.

    Two programs that ask at the same time wait for each other. Other packages than last time are installed
    over those that are there.

    Raises:
        Unavailable: the packages could not be installed; the next call tries again.
    """
    folder = FOLDER / f"venv-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    python, ready = folder / "bin" / "python", folder / "packages.txt"
    wanted = "".join(f"{package}\n" for package in packages)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if ready.exists() and ready.read_text(encoding="utf-8") == wanted:
            return python
        if not python.exists():
            _run(name, [sys.executable, "-m", "venv", str(folder)])
        _run(name, [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages])
        ready.write_text(wanted, encoding="utf-8")
    return python


def _run(name: str, command: Sequence[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise Unavailable(f"{name} could not be installed (`{' '.join(command[1:])}`):\n{said}")
