"""Run with datatrove's own interpreter: its four MinHash steps on local files, 5-grams, 14 bands of 8.

    python peer_datatrove_dedup.py FOLDER NAME...

Reads FOLDER/NAME/in/in.jsonl ({"id", "text"} lines) and writes FOLDER/NAME/out.json: id -> [removed, cluster],
cluster null for a document that shares no bucket.
"""

import json
import sys
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers.jsonl import JsonlWriter
from loguru import logger

CONFIG = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)


def run(folder: Path, *steps: object, tasks: int = 1) -> None:
    """Run one pipeline of one process."""
    LocalPipelineExecutor(list(steps), tasks=tasks, workers=1, logging_dir=str(folder / "logs")).run()


def dedup(folder: Path) -> dict[str, tuple[bool, int | None]]:
    """Return what became of each document of a set."""
    source, at = (
        str(folder / "in"),
        {name: str(folder / name) for name in ("sigs", "buckets", "ids", "kept", "removed")},
    )
    run(folder / "1", JsonlReader(source), MinhashDedupSignature(at["sigs"], CONFIG))
    run(folder / "2", MinhashDedupBuckets(at["sigs"], at["buckets"], config=CONFIG), tasks=CONFIG.num_buckets)
    run(folder / "3", MinhashDedupCluster(at["buckets"], at["ids"], config=CONFIG, save_cluster_id=True))
    step = MinhashDedupFilter(at["ids"], JsonlWriter(at["removed"], compression=None), load_cluster_ids=True)
    run(folder / "4", JsonlReader(source), step, JsonlWriter(at["kept"], compression=None))
    found: dict[str, tuple[bool, int | None]] = {}
    for name in ("kept", "removed"):
        for path in Path(at[name]).glob("*.jsonl"):
            for row in map(json.loads, path.open(encoding="utf-8")):
                cluster = row["metadata"].get("minhash_cluster_id", -1)  # absent where no two documents met
                found[row["id"]] = (name == "removed", None if cluster == -1 else cluster)
    return found


if __name__ == "__main__":
    logger.remove()
    for each in sys.argv[2:]:
        where = Path(sys.argv[1]) / each
        (where / "out.json").write_text(json.dumps(dedup(where)), encoding="utf-8")
