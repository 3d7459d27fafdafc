"""The filter stage inside Spark, Parquet to Parquet on one core: what a document more costs.

The stage runs in a warm session on two sizes; what one document more costs is the difference, so that starting is
in no figure. Times are processor seconds of the JVM and its Python workers together (Linux only: they are read from
/proc).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curation.document import DOCUMENT
from curation.spark.rows import write_rows
from curation.spark.session import start
from curation.spark.stages.filter import filter_documents

COPIES = 4  # of the texts, in the larger run


def cpu_s() -> float:
    """Return processor seconds of this process's descendants, those that ended and were waited for included."""
    stats = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        stats[int(path.parent.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    total, parents = 0, {os.getpid()}
    while parents:
        parents = {pid for pid, (parent, _) in stats.items() if parent in parents}
        total += sum(stats[pid][1] for pid in parents)
    return total / os.sysconf("SC_CLK_TCK")


def table(documents: list[str], copies: int) -> pa.Table:
    """Return DOCUMENT rows of the texts, so many times over."""
    blank = dict.fromkeys(DOCUMENT.names) | {"source": "bench", "reasons": []}
    rows = [
        blank | {"id": f"{copy:08x}{number:024x}", "text": text, "characters": len(text)}
        for copy in range(copies)
        for number, text in enumerate(documents)
    ]
    return pa.Table.from_pylist(rows, schema=DOCUMENT)


def cost_s(documents: list[str], chain, rounds: int, between: Callable[[], None]) -> list[float]:
    """Return processor seconds a document of the stage, round by round; `between` runs in each."""
    found: list[float] = []
    spark = start("bench", master="local[1]")
    with tempfile.TemporaryDirectory() as folder:
        for name, copies in (("small", 1), ("large", 1 + COPIES)):
            pq.write_table(table(documents, copies), f"{folder}/{name}.parquet")

        def spent(name: str, turn: int) -> float:
            frame, out = spark.read.parquet(f"file:{folder}/{name}.parquet"), f"{folder}/{name}-{turn}"
            begun = cpu_s()
            write_rows(filter_documents(frame, chain, True, 1.0), out, "filter")
            return cpu_s() - begun

        spent("small", -1)
        for turn in range(rounds):
            small, large = spent("small", turn), spent("large", turn)
            found.append((large - small) / (COPIES * len(documents)))
            between()
    spark.stop()
    return found
