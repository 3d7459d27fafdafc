"""Documents a second and core: this project's kernel beside datasketch's best bulk call and datatrove's step.

    python benchmarks/bench_minhash.py [--without-spark] [--without-datatrove]

All turn the same 600-word texts into signatures of 112 permutations over word 5-shingles, in one run; times are
CPU seconds, best of some. datasketch is given its fastest settings (affine32, xxh32, `MinHash.bulk`), datatrove
its defaults in an environment of its own. In Spark: a Parquet file to one row a band, on one core of a warm
session; the JVM's CPU seconds count, the compiler's and the collector's among them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import datasketch
import numpy as np
import peers
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from pyspark.sql import functions as F
from recording import ROOT, record

from curation.dedup.minhash import Scheme, banded
from curation.spark.frames import map_batches
from curation.spark.session import start

DOCUMENTS, PEER_DOCUMENTS, BATCH = 3000, 600, 512
SPARK_DOCUMENTS, SPARK_RUNS = 36_000, 4
FOLDER = ROOT / "build" / "bench" / "minhash"
#: Peer -> how many times its rate this project should reach.
PEERS = {"datasketch": 6.0, "datatrove": 100.0}
BANDS = pa.schema([pa.field("id", pa.string()), pa.field("band_keys", pa.list_(pa.int64()))])


def texts() -> list[str]:
    """Return texts of 500 to 700 words, Zipf over 60,000, with capitals and full stops."""
    rng = np.random.default_rng(1)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(rng.choice(letters, size)) for size in rng.integers(2, 10, 60_000)]
    weights = 1 / np.arange(1, len(words) + 1)
    weights /= weights.sum()
    made = []
    for size in rng.integers(500, 700, DOCUMENTS):
        chosen = [words[i] for i in rng.choice(len(words), size, p=weights)]
        chosen[::12] = [word.capitalize() for word in chosen[::12]]
        chosen[11::12] = [f"{word}." for word in chosen[11::12]]
        made.append(" ".join(chosen))
    return made


def rate(documents: int, work: Callable[[], object]) -> float:
    """Return documents per CPU second, best of three."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return documents / best


def ours(documents: list[str]) -> Callable[[], object]:
    """Return the work of this project: text to band keys, in batches as Spark sends them."""
    table = pa.table({"id": [str(i) for i in range(len(documents))], "text": documents})
    batches = table.to_batches(max_chunksize=BATCH)
    return lambda: [banded(batch["text"], Scheme()) for batch in batches]


def theirs(documents: list[str]) -> Callable[[], object]:
    """Return the work of datasketch: text to signatures."""
    permutations = Scheme().signature_length

    def work() -> object:
        sets = []
        for text in documents:
            words = re.findall(r"\w+", text.lower())
            sets.append([" ".join(words[i : i + 5]).encode() for i in range(len(words) - 4)])
        return datasketch.MinHash.bulk(
            sets, num_perm=permutations, scheme="affine32", hashfunc=xxhash.xxh32_intdigest
        )

    return work


def datatrove(documents: list[str]) -> float:
    """Return the rate of datatrove's signature step, 0 where it cannot be installed."""
    try:
        python = peers.environment("datatrove", peers.DATATROVE)
    except peers.Unavailable as problem:
        print(problem)
        return 0.0
    FOLDER.mkdir(parents=True, exist_ok=True)
    source = FOLDER / "texts.jsonl"
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in documents), encoding="utf-8")
    script = Path(__file__).with_name("peer_datatrove_minhash.py")
    done = subprocess.run([python, script, source], check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout)["documents_per_s"])


def descendants_cpu_s() -> float:
    """Return CPU seconds of all processes below this one: the JVM, its Python daemon and workers."""
    parents, used = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue
        parents[int(path.parent.name)] = int(fields[1])
        used[int(path.parent.name)] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    total, found = 0.0, {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        total += sum(used[pid] for pid in more)
        found |= more
    return total


def in_spark(documents: list[str]) -> float:
    """Return documents a CPU second from a Parquet file to one row a band, best of the runs but the first."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    texts = (documents * (SPARK_DOCUMENTS // len(documents) + 1))[:SPARK_DOCUMENTS]
    ids = [f"{i:032x}" for i in range(len(texts))]
    pq.write_table(pa.table({"id": ids, "text": texts}), FOLDER / "texts.parquet", row_group_size=6000)

    def run(batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch.select(["id"]).append_column("band_keys", banded(batch["text"], Scheme())[0])

    spark = start("minhash", "local[1]")
    found = []
    for _ in range(SPARK_RUNS):
        before = descendants_cpu_s()
        read = spark.read.parquet(f"file:{FOLDER}/texts.parquet")
        bands = map_batches(read, run, BANDS).select("id", F.explode("band_keys").alias("band_key"))
        bands.write.format("noop").mode("overwrite").save()
        found.append(descendants_cpu_s() - before)
    spark.stop()
    shutil.rmtree(FOLDER)
    print("in Spark, run by run: " + ", ".join(f"{len(texts) / each:,.0f}" for each in found))
    return len(texts) / min(found[1:])


def main() -> int:
    """Measure, print a table, write build/bench/minhash.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--without-spark", action="store_true")
    parser.add_argument("--without-datatrove", action="store_true")
    asked = parser.parse_args()
    documents = texts()
    curly = [text.replace(". ", "… “").replace("a ", "á ") for text in documents]
    figures = {
        "ascii": rate(DOCUMENTS, ours(documents)),
        "typographic": rate(DOCUMENTS, ours(curly)),
        "datasketch": rate(PEER_DOCUMENTS, theirs(documents[:PEER_DOCUMENTS])),
    }
    if not asked.without_datatrove:
        figures["datatrove"] = datatrove(documents[:PEER_DOCUMENTS])
    if not asked.without_spark:
        figures["in Spark"] = in_spark(documents)
    for name, value in figures.items():
        print(f"{name:<14}{value:>10,.0f} documents/s/core")
    ratios = {f"times_{peer}": figures["ascii"] / figures[peer] for peer in PEERS if figures.get(peer)}
    bars = {"documents_per_s_core": (figures["ascii"], 20_000.0)}
    bars |= {name: (value, PEERS[name.removeprefix("times_")]) for name, value in ratios.items()}
    if "in Spark" in figures:
        bars["in_spark_per_s_core"] = (figures["in Spark"], 12_000.0)
    return record("minhash", figures, bars, ("datasketch", "numpy", "pyarrow", "pyspark", "xxhash"), ratios)


if __name__ == "__main__":
    sys.exit(main())
