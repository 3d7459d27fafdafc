"""Scopes: duplicates are looked for only within a source or a snapshot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash


def scoped_digests(digests: pa.Array, scopes: Sequence[str]) -> pa.BinaryArray:
    """Return 16-byte digests that are equal only for equal digests of the same scope; null stays null."""
    names = [scope.encode() for scope in scopes]
    return pa.array(
        [
            None if digest is None else xxhash.xxh3_128_digest(digest + name)
            for digest, name in zip(digests.to_pylist(), names, strict=True)
        ],
        pa.binary(),
    )


def scoped_keys(band_keys: pa.ListArray, scopes: Sequence[str]) -> pa.ListArray:
    """Return lists of 64-bit keys that are equal only for equal keys of one scope (else once in 2**64).

    >>> keys = pa.array([[1, 2], [1, 2], []], pa.list_(pa.int64()))
    >>> a, b, _ = scoped_keys(keys, ["wiki", "wiki", "web"]).to_pylist()
    >>> a == b != [1, 2], set(a).isdisjoint(scoped_keys(keys, ["web"] * 3)[0].as_py())
    (True, True)
    """
    seeds = {scope: np.uint64(xxhash.xxh3_64_intdigest(scope.encode())) for scope in set(scopes)}
    lengths = np.diff(band_keys.offsets.to_numpy())
    seed: npt.NDArray[np.uint64] = np.array([seeds[scope] for scope in scopes], np.uint64)
    keys = band_keys.flatten().to_numpy().view(np.uint64) ^ np.repeat(seed, lengths)
    offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(lengths, dtype=np.int32)])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(keys.view(np.int64)))
