"""Run with datatrove's own interpreter: its MinHash signature step on {"text"} lines; the rate as JSON.

    python peer_datatrove_minhash.py TEXTS.jsonl

5-grams, 14 buckets of 8, English. One document goes first, so that loading the word splitter is not counted.
"""

import json
import sys
import tempfile
import time
from importlib.metadata import version

from datatrove.data import Document
from datatrove.pipeline.dedup import MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from loguru import logger


def cpu_s(texts: list[str]) -> float:
    """Return the CPU seconds of one run of the step."""
    with tempfile.TemporaryDirectory() as folder:
        step = MinhashDedupSignature(folder, MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8))
        start = time.process_time()
        step.run((Document(text=text, id=str(i)) for i, text in enumerate(texts)), 0, 1)
        return time.process_time() - start


if __name__ == "__main__":
    logger.remove()
    with open(sys.argv[1], encoding="utf-8") as lines:
        documents = [json.loads(line)["text"] for line in lines]
    cpu_s(documents[:1])
    again_s = cpu_s(documents[:1])  # what a run costs besides its documents, once everything is loaded
    best_s = min(cpu_s(documents) for _ in range(2))
    print(
        json.dumps(
            {"documents_per_s": len(documents) / (best_s - again_s), "datatrove": version("datatrove")}
        )
    )
