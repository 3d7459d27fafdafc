"""Write shards while what writes them dies: `killed_shards.py MASTER OUT ROWS LAYOUTS WAYS`.

Each way of dying writes to a directory of its own below OUT; a task dies once, at its first attempt, when
part of its shards are written. Under `twin` nothing dies: a task waits for its speculative copy.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark import TaskContext

from curation.shards.pack import Layout
from curation.spark.session import start
from curation.spark.sinks import write_shards
from curation.spark.store import SCRATCH

WAIT_S = 240
DIES_AT_ROW = 9


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
    if way == "executor":
        executor = int(Path(f"/proc/{daemon}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(executor, signal.SIGKILL)


def wait(condition: Callable[[], bool]) -> None:
    """Wait until something is so; a test that finds it was not so in time fails by what it looks at."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline and not condition():
        time.sleep(0.02)


def first(mark: str, text: str) -> bool:
    """Make a mark with a text, at once; tell whether there was none."""
    try:
        os.symlink(text, mark)
    except FileExistsError:
        return False
    return True


def meet(mark: str, task: int) -> None:
    """Let the slow task and its twin go on when both have come here."""
    if os.readlink(mark) == str(task):
        Path(f"{mark}.{os.getpid()}").touch()
        wait(lambda: len(list(Path(mark).parent.glob(f"{Path(mark).name}.*"))) > 1)


def rows_of(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Batches of one row."""
    return (batch.slice(n, 1) for batch in batches for n in range(batch.num_rows))


def faulty(way: str, out: str) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """What hands a task's rows on, and does to it what `way` says."""
    attempts, mark = Path(out, way, SCRATCH, "attempts"), f"{out}/{way}.mark"

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        context = TaskContext.get()
        assert context
        for number, row in enumerate(rows_of(batches)):
            yield row
            if number == DIES_AT_ROW and first(mark, str(context.partitionId())) and way != "twin":
                wait(lambda: any(attempts.glob("*/*/*.mds")))
                Path(f"{mark}.written").write_text(str(len(list(attempts.glob("*/*/*.mds")))))
                die(way)
        if way == "twin":
            meet(mark, context.partitionId())

    return run


def main(master: str, out: str, rows: str, layouts: str, ways: str) -> None:
    spark = start("killed", master)
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "1")  # no row waits for others
    known = {name: Layout(**each) for name, each in json.loads(layouts).items()}
    table = pq.read_table(rows)
    for way in ways.split():
        frame = (
            spark.createDataFrame(table)
            .repartition(4, "shard")
            .sortWithinPartitions("stream", "shard", "start")
        )
        write_shards(frame.mapInArrow(faulty(way, out), frame.schema), known, f"{out}/{way}")
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
