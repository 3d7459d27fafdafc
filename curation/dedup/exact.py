"""Exact duplicates: a digest of the text's bytes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pyarrow as pa
import xxhash

from curation.dedup.buffers import utf8


def text_digests(texts: pa.Array, scopes: Sequence[str] | None = None) -> pa.BinaryArray:
    """Return the 16-byte xxh3_128 of each text's UTF-8 bytes; null for a null text.

    With `scopes`, one for each text, digests are equal only for equal texts of the same scope.

    Two texts with the same digest are byte-identical for every practical purpose: among 10**12 texts
    the chance of one false pair is about 10**-15. Nothing is normalised: texts that differ only in case or
    spacing are near duplicates, and the table of clusters should say so.
    """
    data, offsets = utf8(texts)
    view, bounds = data.data, offsets.tolist()
    digests = [xxhash.xxh3_128_digest(view[start:end]) for start, end in itertools.pairwise(bounds)]
    if scopes is not None:
        pairs = zip(digests, scopes, strict=True)
        digests = [xxhash.xxh3_128_digest(digest + scope.encode()) for digest, scope in pairs]
    return pa.array(digests, pa.binary(), mask=texts.is_null().to_numpy(zero_copy_only=False))
