"""Digests of files and bytes: what says that two of them are the same."""

from __future__ import annotations

import fsspec
import xxhash

_CHUNK_BYTES = 1 << 20


def digest_file(path: str) -> str:
    """Return `xxh3:` and the 128-bit hash of a file's bytes; any URL fsspec opens."""
    state = xxhash.xxh3_128()
    with fsspec.open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            state.update(chunk)
    return f"xxh3:{state.hexdigest()}"


def digest_bytes(data: bytes) -> str:
    """Return `xxh3:` and the 128-bit hash of `data`."""
    return f"xxh3:{xxhash.xxh3_128_hexdigest(data)}"
