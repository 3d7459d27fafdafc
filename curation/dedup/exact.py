"""Exact duplicates: a digest of the text's bytes."""

from __future__ import annotations

import itertools

import pyarrow as pa
import xxhash

from curation.dedup.buffers import utf8


def text_digests(texts: pa.Array) -> pa.BinaryArray:
    """Return the 16-byte xxh3_128 of each text's UTF-8 bytes; null for a null text.

    Two texts with the same digest are byte-identical for every practical purpose: among 10**12 texts
    the chance of one false pair is about 10**-15. Nothing is normalised: texts that differ only in case or
    spacing are near duplicates, and the table of clusters should say so.
    """
    data, offsets = utf8(texts)
    view, bounds = data.data, offsets.tolist()
    digests: list[bytes | None] = [
        xxhash.xxh3_128_digest(view[start:end]) for start, end in itertools.pairwise(bounds)
    ]
    if texts.null_count:
        digests = [
            digest if valid else None
            for digest, valid in zip(digests, texts.is_valid().to_pylist(), strict=True)
        ]
    return pa.array(digests, pa.binary())
