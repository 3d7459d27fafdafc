"""Documents a second and core: this project's kernel beside datasketch's best bulk call, same texts, same run.

Both turn 600-word texts into signatures of 112 permutations over word 5-shingles; each is timed in CPU seconds
of this process, best of three. datasketch is given its fastest settings: affine32, xxh32, `MinHash.bulk`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import datasketch
import numpy as np
import pyarrow as pa
import xxhash
from recording import record

from curation.dedup.minhash import Scheme, band_batch

DOCUMENTS, PEER_DOCUMENTS, BATCH = 3000, 600, 512


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
    return lambda: [band_batch(batch, Scheme()) for batch in batches]


def theirs(documents: list[str]) -> Callable[[], object]:
    """Return the work of datasketch: text to signatures."""
    permutations = Scheme().permutations

    def work() -> object:
        sets = []
        for text in documents:
            words = re.findall(r"\w+", text.lower())
            sets.append([" ".join(words[i : i + 5]).encode() for i in range(len(words) - 4)])
        return datasketch.MinHash.bulk(
            sets, num_perm=permutations, scheme="affine32", hashfunc=xxhash.xxh32_intdigest
        )

    return work


def main() -> None:
    """Measure, print a table, write build/bench/minhash.json."""
    documents = texts()
    curly = [text.replace(". ", "… “").replace("a ", "á ") for text in documents]
    figures = {
        "ascii": rate(DOCUMENTS, ours(documents)),
        "typographic": rate(DOCUMENTS, ours(curly)),
        "datasketch": rate(PEER_DOCUMENTS, theirs(documents[:PEER_DOCUMENTS])),
    }
    for name, value in figures.items():
        print(f"{name:<14}{value:>10,.0f} documents/s/core")
    times = figures["ascii"] / figures["datasketch"]
    bars = {"documents_per_s_core": (figures["ascii"], 20_000.0), "times_datasketch": (times, 7.0)}
    packages = ("datasketch", "numpy", "pyarrow", "xxhash")
    record("minhash", figures, bars, packages, {"times_datasketch": times})


if __name__ == "__main__":
    main()
