"""Write shards while workers die: `killed_shards.py OUT ROWS LAYOUTS WAYS`.

Each way of dying writes to a directory of its own below OUT; a task dies once, at its first attempt.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curation.shards.pack import Layout
from curation.spark.session import start
from curation.spark.sinks import write_shards


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def die(way: str) -> None:
    """Kill, with a signal that nobody can catch, what runs this task."""
    daemon = os.getppid()
    if way == "worker":
        os.kill(os.getpid(), signal.SIGKILL)
    if way == "writer":  # the Python process that writes the shards of this task
        for pid in set(children(daemon)) - {os.getpid()}:
            os.kill(pid, signal.SIGKILL)


def main(out: str, rows: str, layouts: str, ways: str) -> None:
    spark = start("killed", "local-cluster[2,1,1024]")
    known = {name: Layout(**each) for name, each in json.loads(layouts).items()}
    table = pq.read_table(rows)
    for way in ways.split():
        once = f"{out}/{way}.died"

        def run(
            batches: Iterator[pa.RecordBatch], way: str = way, once: str = once
        ) -> Iterator[pa.RecordBatch]:
            rows = (batch.slice(n, 1) for batch in batches for n in range(batch.num_rows))
            for number, row in enumerate(rows):
                yield row
                if number == 2:
                    try:
                        os.close(os.open(once, os.O_CREAT | os.O_EXCL))
                    except FileExistsError:
                        continue
                    die(way)

        frame = (
            spark.createDataFrame(table)
            .repartition(4, "shard")
            .sortWithinPartitions("stream", "shard", "start")
        )
        write_shards(frame.mapInArrow(run, frame.schema), known, f"{out}/{way}")
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
