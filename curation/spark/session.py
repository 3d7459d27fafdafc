"""One Spark session: the cluster's under spark-submit, else a small and quiet one inside this process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

_LOG = Path(__file__).with_name("log4j2.properties")
#: What every session needs, whoever started it.
_SETTINGS = {
    "spark.sql.execution.arrow.maxRecordsPerBatch": "512",
    "spark.sql.execution.arrow.maxBytesPerBatch": str(8 << 20),  # pages are large; 64 MiB is the default
    "spark.sql.execution.arrow.pyspark.validateSchema.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.files.maxPartitionBytes": str(32 << 20),  # Python is slow per byte: more, smaller tasks
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "spark.executorEnv.TOKENIZERS_PARALLELISM": "false",  # a task has one core
}
#: What a session inside this process needs besides.
_EMBEDDED = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": str(sys.stderr.isatty()).lower(),  # Spark's own bar of tasks
    "spark.driver.memory": "3g",
    "spark.sql.codegen.cache.maxEntries": "1000",  # one dedup stage makes 150; it would keep 100
    "spark.driver.extraJavaOptions": (
        "-XX:+UseParallelGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m "
        f"-Dlog4j2.configurationFile={_LOG}"
    ),
    "spark.sql.adaptive.coalescePartitions.parallelismFirst": "true",
}
#: What only a local master may have: executors elsewhere must find the driver.
_LOCAL = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}


def submitted() -> bool:
    """Tell whether spark-submit started this process (then master and memory are its business)."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def start(name: str, master: str | None = None) -> SparkSession:
    """Return the session, started if there is none; one that is there keeps its number of partitions.

    Args:
        name: shown in Spark's listings.
        master: a Spark master; None = spark-submit's own, or all local cores with four tries a task
            (plain `local[*]` never retries).
    """
    builder = SparkSession.builder.appName(name)
    settings = dict(_SETTINGS)
    if not submitted():
        cores = os.cpu_count() or 2
        master = master or f"local[{cores},4]"
        settings |= _EMBEDDED
        if SparkSession.getActiveSession() is None:
            settings["spark.sql.shuffle.partitions"] = str(2 * cores)
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        os.environ.setdefault("OBJC_DISABLE_INITIALIZE_FORK_SAFETY", "YES")  # forked workers on macOS
        if master.startswith("local"):
            settings |= _LOCAL
            os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        builder = builder.master(master)
    for key, value in settings.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()
