"""Progress of a long step from Spark's status tracker: a bar in a terminal, nothing elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_PERIOD_S = 0.5


@contextmanager
def shown(spark: SparkSession, label: str) -> Iterator[None]:
    """Show the tasks done of every Spark job started inside, while it runs.

    Quiet when standard error is no terminal, and where there is no status tracker (Connect).
    """
    tracker = _tracker(spark) if sys.stderr.isatty() else None
    if tracker is None:
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=_watch, args=(tracker, label, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _tracker(spark: SparkSession) -> object | None:
    try:
        return spark.sparkContext.statusTracker()
    except (AttributeError, NotImplementedError):
        return None


def _watch(tracker: object, label: str, stop: threading.Event) -> None:
    from rich.console import Console

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("tasks"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        while not stop.wait(_PERIOD_S):
            stages = [tracker.getStageInfo(i) for i in tracker.getActiveStageIds()]  # type: ignore[attr-defined]
            stages = [stage for stage in stages if stage is not None]
            if stages:
                done = sum(stage.numCompletedTasks for stage in stages)
                bar.update(task, completed=done, total=sum(stage.numTasks for stage in stages))
