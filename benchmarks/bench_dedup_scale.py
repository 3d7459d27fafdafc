"""What near deduplication costs by the million: rates, shuffle, spill and memory, and what that is at a billion.

    python benchmarks/bench_dedup_scale.py [--documents N]

Short synthetic documents (80 words) with clusters by a power law and one bucket of a third of them. The input is
made once, part by part, and kept; a run that was stopped goes on where it was, and the figures are those of all its
attempts together. CPU seconds and memory are those of all processes: this one, the JVM, its Python workers.
Writes build/bench/dedup_scale_N.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
from dedup_corpus import true_jaccard
from dedup_scale_corpus import WORDS, write
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema
from recording import ROOT, record

from curation.document import DOCUMENT
from curation.recipe.sections.dedup import Dedup, Near
from curation.spark.dedup.inputs import Preference
from curation.spark.session import start
from curation.spark.stages.dedup import Finder

FOLDER = ROOT / "build" / "bench" / "dedup_scale"
LIMIT_GIB = 16.0
JACCARD = 0.8
#: Removed documents whose similarity is computed once more, from the texts: those first by a hash of their ids.
SAMPLE_DOCUMENTS = 2_000
PROJECTIONS = (10**9, 10**10)
_THIN = pa.schema([DOCUMENT.field(name) for name in ("id", "file", "offset", "text", "characters")])


class Meter(threading.Thread):
    """Watches this process and all below it: seconds, CPU seconds, the greatest resident memory together.

    What it saw is written to a file at every look: a process that is killed cannot tell it any more.
    """

    def __init__(self, path: Path) -> None:
        """Begin with nothing used."""
        super().__init__(daemon=True)
        self.path, self._peak_bytes, self._done = path, 0, threading.Event()
        self._cpu_s: Counter[int] = Counter()
        self._began = time.monotonic()

    def run(self) -> None:
        """Look once a second until stopped."""
        while not self._done.wait(1):
            self._look()

    def stop(self) -> None:
        """Look once more."""
        self._done.set()
        self.join()
        self._look()

    def _look(self) -> None:
        found = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                text = path.read_text(encoding="utf-8", errors="replace")
            except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
                continue
            found[int(path.parent.name)] = text.rpartition(")")[2].split()
        family, more = set(), {os.getpid()}
        while more:
            family |= more
            more = {pid for pid, fields in found.items() if int(fields[1]) in family} - family
        ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
        for pid in family & found.keys():  # its own time; that of children it waited for is theirs
            self._cpu_s[pid] = max(self._cpu_s[pid], sum(map(int, found[pid][11:13])) / ticks)
        resident = sum(int(found[pid][21]) * page for pid in family & found.keys())
        self._peak_bytes = max(self._peak_bytes, resident)
        seen = {"wall_s": time.monotonic() - self._began, "cpu_s": float(sum(self._cpu_s.values()))}
        aside = self.path.with_suffix(".part")
        aside.write_text(
            json.dumps(seen | {"peak_memory_bytes": self._peak_bytes, "resident_bytes": resident})
        )
        aside.rename(self.path)


def session(events: Path) -> SparkSession:
    """Return a session that writes what its tasks did to `events`."""
    events.mkdir()
    settings = {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": f"file:{events}",
        "spark.eventLog.rolling.enabled": "false",
        "spark.eventLog.compress": "false",
        "spark.driver.memory": "6g",
        "spark.driver.extraJavaOptions": "'-XX:+UseParallelGC -XX:ReservedCodeCacheSize=256m'",
        "spark.sql.adaptive.coalescePartitions.initialPartitionNum": "128",
    }
    arguments = " ".join(f"--conf {key}={value}" for key, value in settings.items())
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"{arguments} pyspark-shell"
    return start("dedup scale")


def task_figures(attempts: list[Path]) -> Counter[str]:
    """Return what all tasks of some attempts together shuffled and spilled, in bytes."""
    total: Counter[str] = Counter(dict.fromkeys(("shuffle_bytes", "shuffle_rows", "spill_disk_bytes"), 0))
    for path in (path for attempt in attempts for path in (attempt / "events").iterdir()):
        for line in path.open(encoding="utf-8"):
            if line.startswith('{"Event":"SparkListenerTaskEnd"') and line.endswith("}\n"):
                metrics = json.loads(line).get("Task Metrics") or {}
                shuffled = metrics.get("Shuffle Write Metrics", {})
                total["shuffle_bytes"] += shuffled.get("Shuffle Bytes Written", 0)
                total["shuffle_rows"] += shuffled.get("Shuffle Records Written", 0)
                total["spill_disk_bytes"] += metrics.get("Disk Bytes Spilled", 0)
    return total


def documents_of(spark: SparkSession, folder: Path) -> DataFrame:
    """Return the synthetic documents in the DOCUMENT schema, all other columns null or empty."""
    read = spark.read.schema(from_arrow_schema(_THIN)).parquet(f"file:{folder}")
    wanted = from_arrow_schema(DOCUMENT)
    have = {"source": F.lit("scale"), "reasons": F.array()}
    columns = [
        F.col(each.name)
        if each.name in read.columns
        else have.get(each.name, F.lit(None)).cast(each.dataType).alias(each.name)
        for each in wanted
    ]
    return read.select(*columns)


def deduplicated(spark: SparkSession, documents: Path, scratch: Path) -> tuple[dict[str, int], DataFrame]:
    """Run the stage, its outputs written away; return how many were removed, by reason, violations, and clusters.

    A violation is a document that was merged into one that is removed itself, or that the stage's own column
    says to be less alike it than asked; `computed_again` does not trust that column.
    """
    settings = Dedup(near=Near(jaccard=JACCARD))
    finder = Finder(spark, settings, [Preference("characters", True)], str(scratch))
    marked, clusters = finder.mark(documents_of(spark, documents))
    marked.select("id", "text", "merged_into").write.format("noop").mode("overwrite").save()
    counts = clusters.groupBy("reason").agg(
        F.count("*").alias("count"), F.count_if(F.col("jaccard") < JACCARD).alias("unlike")
    )
    rows = counts.toArrow().to_pylist()
    gone = clusters.select(F.col("id").alias("kept_id"))
    broken = clusters.select("kept_id").distinct().join(gone, "kept_id", "left_semi").count()
    found = {f"removed_{row['reason']}": row["count"] for row in rows}
    return found | {"violations": broken + sum(row["unlike"] for row in rows)}, clusters


def computed_again(clusters: DataFrame, documents: DataFrame) -> dict[str, float]:
    """Return what the true Jaccard of a sample's texts says of the bound, and of the column `jaccard`."""
    seeded = F.xxhash64("id", F.lit("again"))
    sample = clusters.select("id", "kept_id", "jaccard").orderBy(seeded, "id").limit(SAMPLE_DOCUMENTS)
    rows = sample.toArrow().to_pylist()
    ids = sorted({row[name] for row in rows for name in ("id", "kept_id")})
    wanted = clusters.sparkSession.createDataFrame(pa.table({"id": pa.array(ids, pa.string())}))
    texts = documents.join(F.broadcast(wanted), "id", "left_semi").select("id", "text").toArrow()
    text_of = dict(zip(texts["id"].to_pylist(), texts["text"].to_pylist(), strict=True))
    true = [true_jaccard(text_of[row["id"]], text_of[row["kept_id"]]) for row in rows]
    apart = [abs(each - row["jaccard"]) for each, row in zip(true, rows, strict=True)]
    return {
        "again_documents": len(rows),
        "again_violations": sum(each < JACCARD for each in true),
        "again_least_jaccard": min(true, default=1.0),
        "again_largest_difference": max(apart, default=0.0),
    }


def measure(count: int) -> dict[str, float]:
    """Return the figures of one run on `count` documents: of all its attempts, if it was stopped before."""
    source, work = FOLDER / f"input-{count}", FOLDER / f"work-{count}"
    write(source, count)
    work.mkdir(exist_ok=True)
    before = sorted(work.glob("attempt-*"))
    for each in before:
        print(f"an earlier attempt was stopped: {(each / 'meter.json').read_text()}", flush=True)
    attempt = work / f"attempt-{len(before)}"
    attempt.mkdir()
    meter = Meter(attempt / "meter.json")
    meter.start()
    spark = session(attempt / "events")
    removed, clusters = deduplicated(spark, source, work / "scratch")
    meter.stop()
    again = computed_again(clusters, documents_of(spark, source))
    spark.stop()
    stored = sum(path.stat().st_size for path in (work / "scratch").rglob("*") if path.is_file())
    attempts = [*before, attempt]
    seen = [json.loads((each / "meter.json").read_text()) for each in attempts]
    figures = {"documents": count, "attempts": len(attempts), "scratch_bytes": stored}
    figures |= {name: sum(each[name] for each in seen) for name in ("wall_s", "cpu_s")}
    figures |= {"peak_memory_bytes": max(each["peak_memory_bytes"] for each in seen)}
    figures |= task_figures(attempts) | removed | again
    shutil.rmtree(work)
    return figures


def show(found: dict[str, float]) -> None:
    """Print the costs of a document, and what they are for more of them at the same rates."""
    count = found["documents"]
    rate = count / found["cpu_s"]
    print(
        f"{count:,.0f} documents of {WORDS} words, "
        + ", ".join(
            f"{name.removeprefix('removed_')} {value:,.0f}"
            for name, value in found.items()
            if name.startswith(("removed_", "violations", "attempts"))
        )
    )
    print(
        f"  {rate:,.0f} documents/s/core, {found['wall_s']:,.0f} s, {found['peak_memory_bytes'] / 2**30:.1f} GiB at most"
    )
    print(
        f"  computed again from the texts of {found['again_documents']:,} removed documents: "
        f"{found['again_violations']} below {JACCARD}, the least {found['again_least_jaccard']:.4f}; "
        f"at most {found['again_largest_difference']:.1e} off the column `jaccard`"
    )
    for name in ("shuffle_bytes", "spill_disk_bytes", "scratch_bytes"):
        print(f"  {found[name] / count:,.0f} {name.replace('_', ' ')} a document")
    for many in PROJECTIONS:
        print(
            f"  extrapolated, not measured: {many:.0e} documents take {many / rate / 3600:,.0f} core-hours, "
            f"{found['shuffle_bytes'] / count * many / 1e12:,.1f} TB of shuffle, "
            f"{found['scratch_bytes'] / count * many / 1e12:,.1f} TB of scratch"
        )


def main() -> int:
    """Measure, print, record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=100_000)
    count = parser.parse_args().documents
    found = measure(count)
    show(found)
    bars = {
        "free_gib_of_16": (LIMIT_GIB - found["peak_memory_bytes"] / 2**30, 0.0),
        "no_violations": (-found["violations"], 0.0),
        "no_violations_computed_again": (-found["again_violations"], 0.0),
        "column_off_by_at_most_1e-9": (1e-9 - found["again_largest_difference"], 0.0),
    }
    return record(f"dedup_scale_{count}", found, bars, ("numpy", "pyarrow", "pyspark"))


if __name__ == "__main__":
    sys.exit(main())
