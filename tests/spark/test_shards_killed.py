"""Workers and executors really killed while they write shards, and a twin: the same bytes, nothing beside."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyspark
import pytest

from curation.spark.sinks import ShardWriter
from curation.spark.store import SCRATCH

from .test_shards import files, work

DEATHS = ("worker", "writer", "executor")
SETTINGS = {
    "spark.executor.cores": "1",
    "spark.executor.memory": "512m",
    "spark.buffer.size": "256",  # of the pipes between Python and the JVM: rows go on one by one
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}
SPECULATION = {
    "spark.speculation": "true",
    "spark.speculation.interval": "100ms",
    "spark.speculation.quantile": "0.5",
    "spark.speculation.multiplier": "1",
    "spark.speculation.minTaskRuntime": "100ms",
}


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, bytes]:
    """The files of an undisturbed run; its rows lie in `rows.parquet`."""
    layouts, tasks = work("concat")
    rows = sorted([row for task in tasks for row in task], key=lambda row: (row["shard"], row["start"]))
    writer = ShardWriter(str(tmp_path / "whole"), layouts)
    writer.commit([writer.write(iter(pa.Table.from_pylist(rows).to_batches()))])
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    for folder in ("out", "scratch"):
        (tmp_path / folder).mkdir()
    return files(tmp_path / "whole")


def write(master: str, ways: tuple[str, ...], tmp_path: Path, root: Path, settings: dict[str, str]) -> None:
    """Write the rows once for each way, in a process of its own."""
    conf = " ".join(f"--conf {name}={value}" for name, value in settings.items())
    script, layouts = root / "tests" / "spark" / "killed_shards.py", work("concat")[0]
    places = [str(tmp_path / "out"), str(tmp_path / "rows.parquet")]
    plain = json.dumps({name: asdict(each) for name, each in layouts.items()})
    done = subprocess.run(
        [sys.executable, str(script), master, *places, plain, " ".join(ways)],
        cwd=tmp_path,
        env=os.environ
        | {
            "PYTHONPATH": str(root),
            "TMPDIR": str(tmp_path / "scratch"),
            "PYSPARK_SUBMIT_ARGS": f"{conf} pyspark-shell",
        },
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]


def check(way: str, whole: dict[str, bytes], tmp_path: Path) -> None:
    """The output is the undisturbed run's, and nothing else is left."""
    assert files(tmp_path / "out" / way) == whole
    assert not (tmp_path / "out" / way / SCRATCH / "attempts").exists()
    assert [
        path for path in (tmp_path / "scratch").iterdir() if path.name.startswith(("tmp", ".shard"))
    ] == []


@pytest.mark.spark
@pytest.mark.long
def test_what_is_killed_leaves_the_same_bytes_and_nothing_else(
    whole: dict[str, bytes], tmp_path: Path, root: Path
) -> None:
    write("local-cluster[2,1,1024]", DEATHS, tmp_path, root, SETTINGS)
    for way in DEATHS:
        assert int((tmp_path / "out" / f"{way}.mark.written").read_text()) > 0  # died between two shards
        check(way, whole, tmp_path)


def answers(port: int) -> None:
    """Wait until a server on this machine takes connections."""
    deadline = time.monotonic() + 240
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A standalone cluster of two hosts, since Spark starts no twin on the host of a task."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    master, deploy = f"spark://127.0.0.1:{port}", "org.apache.spark.deploy"
    spark = Path(pyspark.__file__).parent
    commands = {"127.0.0.1": [f"{deploy}.master.Master", "--port", str(port)]}
    for host in ("127.0.0.2", "127.0.0.3"):
        commands[host] = [f"{deploy}.worker.Worker", "-c", "1", "-m", "1G", "-d", str(folder / host), master]
    processes = [
        subprocess.Popen(
            [str(spark / "bin" / "spark-class"), *command, "--host", host, "--webui-port", "0"],
            env=os.environ
            | {"SPARK_HOME": str(spark), "SPARK_LOCAL_IP": host, "SPARK_DAEMON_MEMORY": "256m"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for host, command in commands.items()
    ]
    try:
        yield master
    finally:
        for process in processes[::-1]:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(120)


@pytest.mark.spark
@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="needs 127.0.0.2")
def test_a_speculative_twin_leaves_the_same_bytes_and_nothing_else(
    whole: dict[str, bytes], tmp_path: Path, root: Path
) -> None:
    with cluster(tmp_path / "work") as master:
        write(master, ("twin",), tmp_path, root, SETTINGS | SPECULATION)
    assert len(list((tmp_path / "out").glob("twin.mark.*"))) == 2  # both came to the end of their rows
    check("twin", whole, tmp_path)
