"""Python workers really killed while they write shards: the same bytes, and nothing left beside them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.spark.sinks import ShardWriter
from curation.spark.store import SCRATCH

from .test_shards import files, work

WAYS = ("worker", "writer")


@pytest.mark.spark
@pytest.mark.slow
def test_killed_workers_leave_the_same_bytes_and_nothing_else(tmp_path: Path, root: Path) -> None:
    layouts, tasks = work("concat")
    rows = sorted([row for task in tasks for row in task], key=lambda row: (row["shard"], row["start"]))
    writer = ShardWriter(str(tmp_path / "whole"), layouts)
    writer.commit([writer.write(iter(pa.Table.from_pylist(rows).to_batches()))])
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    for folder in ("out", "scratch"):
        (tmp_path / folder).mkdir()
    settings = {
        "spark.executor.cores": "1",
        "spark.task.maxFailures": "4",
    }
    conf = " ".join(f"--conf {name}={value}" for name, value in settings.items())
    done = subprocess.run(
        [
            sys.executable,
            str(root / "tests" / "spark" / "killed_shards.py"),
            str(tmp_path / "out"),
            str(tmp_path / "rows.parquet"),
            json.dumps({name: asdict(each) for name, each in layouts.items()}),
            " ".join(WAYS),
        ],
        cwd=tmp_path,
        env=os.environ
        | {
            "PYTHONPATH": str(root),
            "TMPDIR": str(tmp_path / "scratch"),
            "PYSPARK_SUBMIT_ARGS": f"{conf} pyspark-shell",
        },
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    whole = files(tmp_path / "whole")
    for way in WAYS:
        assert (tmp_path / "out" / f"{way}.died").exists()
        assert files(tmp_path / "out" / way) == whole
        assert not (tmp_path / "out" / way / SCRATCH / "attempts").exists()
    assert [path for path in (tmp_path / "scratch").iterdir() if path.name.startswith("tmp")] == []
