"""Tokens a second and core: the shard stage's work beside the library's own best call, same texts, same run.

Raw is `encode_batch_fast` on lists of str that are there already. Ours begins with an Arrow batch and ends with
the columns that Spark gets: ids as bytes, lengths, order keys. Both in CPU seconds of this process, one thread,
in turns, the best of five for each batch. Texts are the shared corpora and tokenizers where they are, else made up and trained.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np
import pyarrow as pa
from recording import ROOT, record

from curation.shards.pack import order_keys
from curation.shards.tokens import Tokenizer, encode_column, load_tokenizer, train_tokenizer

SHARED = ROOT.parent / "shared"
CORPORA = ("wiki", "code", "news")
CHARACTERS, BATCH, ROUNDS = 1_200_000, 64, 5
BAR = 0.9


def corpus(name: str) -> list[str]:
    """Return over a million characters of documents: of a shared corpus, or made up."""
    path, texts, have = SHARED / "corpora" / f"{name}.jsonl.gz", [], 0
    if not path.exists():
        rng = np.random.default_rng(len(name))
        words = ["".join(map(chr, rng.integers(97, 123, size))) for size in rng.integers(2, 10, 20_000)]
        return [" ".join(rng.choice(words, 400)) for _ in range(CHARACTERS // 2400)]
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            texts.append(json.loads(line)["text"])
            have += len(texts[-1])
            if have > CHARACTERS:
                break
    return texts


def tokenizers(texts: list[str]) -> dict[str, Tokenizer]:
    """Return the tokenizers to measure: the shared ones, or one trained on the texts."""
    found = sorted((SHARED / "tokenizers").glob("*.json"))
    if found:
        return {path.stem: load_tokenizer(path) for path in found}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "tokenizer.json")
        file.write_bytes(train_tokenizer(texts, 16_384))
        return {"trained": load_tokenizer(file)}


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def compare(tokenizer: Tokenizer, texts: list[str]) -> tuple[float, float]:
    """Return (raw, ours) in tokens per CPU second."""
    table = pa.table({"id": [f"{n:032x}" for n in range(len(texts))], "text": texts})
    batches = table.to_batches(max_chunksize=BATCH)
    tokens, best = 0, np.zeros(2)
    for batch in batches:
        texts = batch["text"].to_pylist()

        def raw(texts: list[str] = texts) -> object:
            return tokenizer.engine.encode_batch_fast(texts, add_special_tokens=False)

        def ours(batch: pa.RecordBatch = batch) -> object:
            return encode_column(tokenizer, batch["text"]), order_keys(1, batch["id"])

        # In turns, batch by batch: on a machine with other work, what disturbs one disturbs the other.
        best += np.min([[seconds(raw), seconds(ours)] for _ in range(ROUNDS)], axis=0)
        tokens += int(encode_column(tokenizer, batch["text"])[0].to_numpy().sum())
    return float(tokens / best[0]), float(tokens / best[1])


def main() -> int:
    """Measure, print a table, write build/bench/tokens.json; return 1 where the bar is missed."""
    corpora = {name: corpus(name) for name in CORPORA}
    figures, shares = {}, {}
    for kind, tokenizer in tokenizers(corpora["wiki"]).items():
        for name, texts in corpora.items():
            raw, ours = compare(tokenizer, texts)
            figures |= {f"{kind}/{name}/raw": raw, f"{kind}/{name}/ours": ours}
            shares[f"{kind}/{name}"] = ours / raw
            print(f"{kind:28}{name:8} raw {raw:>12,.0f}  ours {ours:>12,.0f} tokens/s/core  {ours / raw:.3f}")
    bars = {"share_of_raw": (min(shares.values()), BAR)}
    return record("tokens", figures, bars, ("tokenizers", "pyarrow", "numpy"), shares)


if __name__ == "__main__":
    sys.exit(main())
