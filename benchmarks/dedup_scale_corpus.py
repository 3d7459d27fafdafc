"""Synthetic documents by the million: each is a function of its number, made in numpy and written as Parquet.

Clusters have sizes by a power law, as crawls have them; half of a cluster's copies are exact, half have one word
changed. Three in ten clusters carry one boilerplate, chosen so that all its documents share a bucket in the first
band although their true Jaccard is about .3: the bucket that breaks designs with pairs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curation.dedup.minhash import Scheme, permutations, shingles
from curation.dedup.words import mix64

WORDS, BOILERPLATE_WORDS, WORD_BYTES, VOCABULARY = 80, 40, 7, 1 << 18
TEMPLATED, LARGEST, EXPONENT = 0.3, 20_000, 2.3
PART = 100_000
_TRIES = 1 << 21


def vocabulary() -> np.ndarray:
    """Return (VOCABULARY, 7) bytes: six letters and a space."""
    numbers = mix64(np.arange(1, VOCABULARY + 1, dtype=np.uint64))
    letters = [(numbers // np.uint64(26**i)) % np.uint64(26) + np.uint64(97) for i in range(6)]
    return np.stack([*letters, np.full(VOCABULARY, 32, np.uint64)], axis=1).astype(np.uint8)


def hashed(*parts: np.ndarray | int) -> np.ndarray:
    """Return 64 well-mixed bits of some numbers, element by element."""
    found = np.zeros(1, np.uint64)
    for part in parts:
        found = mix64(found * np.uint64(0x9E3779B97F4A7C15) + np.asarray(part, np.uint64) + np.uint64(1))
    return found


def cluster_sizes(documents: int, seed: int = 1) -> np.ndarray:
    """Return sizes of clusters by a power law that add up to `documents`."""
    rng = np.random.default_rng(seed)
    weights = np.arange(1, LARGEST + 1, dtype=float) ** -EXPONENT
    sizes = rng.choice(LARGEST, documents, p=weights / weights.sum()) + 1
    ends = np.cumsum(sizes)
    count = int(np.searchsorted(ends, documents))
    sizes = sizes[: count + 1]
    sizes[-1] -= ends[count] - documents
    return sizes


def boilerplate(words: np.ndarray) -> np.ndarray:
    """Return the numbers of 40 words, five for each row of the first band, with the least hashes there are.

    Of two million runs of five words, the one of the least permuted hash: other words do not undercut it.
    """
    scheme = Scheme()
    tries = (hashed(np.arange(_TRIES * 5), 7) % np.uint64(VOCABULARY)).astype(np.int64).reshape(-1, 5)
    values = []
    for part in np.array_split(tries, 64):
        texts = pa.array([bytes(row) for row in words[part].reshape(len(part), -1)], pa.binary())
        values.append(shingles(texts, 5)[0])
    mixed = _mix32((np.concatenate(values) >> np.uint64(32)).astype(np.uint32))
    factors, terms = permutations(scheme.signature_length, scheme.seed)
    rows = range(scheme.rows_per_band)
    return np.concatenate([tries[np.argmin(mixed * factors[i] + terms[i])] for i in rows])


def _mix32(values: np.ndarray) -> np.ndarray:
    values = (values ^ (values >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    values = (values ^ (values >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    mixed: np.ndarray = values ^ (values >> np.uint32(16))
    return mixed


def write(folder: Path, documents: int) -> None:
    """Write id, text, file, offset and characters in parts of 100,000; parts that are there already stay."""
    folder.mkdir(parents=True, exist_ok=True)
    words, sizes = vocabulary(), cluster_sizes(documents)
    block = boilerplate(words)
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    member = np.arange(documents) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    order = np.random.default_rng(2).permutation(documents)
    for start in range(0, documents, PART):
        path = folder / f"{start // PART:05}.parquet"
        if not path.exists():
            places = order[start : start + PART]
            part = _part(words, block, cluster[places], member[places])
            pq.write_table(part, path.with_suffix(".part"), compression="zstd", row_group_size=PART // 4)
            path.with_suffix(".part").rename(path)


def _part(words: np.ndarray, block: np.ndarray, cluster: np.ndarray, member: np.ndarray) -> pa.Table:
    """Return the documents of these (cluster, member) numbers."""
    chosen = (hashed(cluster[:, None], np.arange(WORDS)) % np.uint64(VOCABULARY)).astype(np.int64)
    templated = hashed(cluster, 11) < np.uint64(int(TEMPLATED * 2**64))
    chosen[templated, :BOILERPLATE_WORDS] = block
    edited = np.flatnonzero((member > 0) & (hashed(cluster, member, 13) % np.uint64(2) == 0))
    at = BOILERPLATE_WORDS + hashed(cluster[edited], member[edited], 17) % np.uint64(
        WORDS - BOILERPLATE_WORDS
    )
    new = hashed(cluster[edited], member[edited], 19) % np.uint64(VOCABULARY)
    chosen[edited, at.astype(np.int64)] = new.astype(np.int64)
    data = words[chosen].reshape(-1)
    offsets = np.arange(len(cluster) + 1, dtype=np.int64) * (WORDS * WORD_BYTES)
    text = pa.LargeStringArray.from_buffers(len(cluster), pa.py_buffer(offsets), pa.py_buffer(data))
    low = hashed(cluster, member, 23)
    return pa.table(
        {
            "id": [
                f"{high:016x}{rest:016x}"
                for high, rest in zip(hashed(low).tolist(), low.tolist(), strict=True)
            ],
            "file": pa.array([""] * len(cluster)),
            "offset": pa.array(cluster * (LARGEST + 1) + member),
            "text": text.cast(pa.string()),
            "characters": pa.array(np.full(len(cluster), WORDS * WORD_BYTES)),
        }
    )
