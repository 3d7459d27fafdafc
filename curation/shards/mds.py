"""Rows to MDS shard files, byte for byte as mosaicml-streaming's `MDSWriter` writes them (format version 2).

A shard is a uint32 count of samples, count + 1 uint32 offsets from the beginning of the file, the columns as
JSON, and the samples: for each one its columns, sorted by name. All numbers are little-endian.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from curation.files.whole import write_whole
from curation.shards.tokens import Ids

COLUMN, MASK = "tokens", "mask"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ShardInfo:
    """A written shard: its file name, size and hash, and its entry in the stream's index."""

    file: str
    rows: int
    bytes: int
    xxh64: str
    entry: Mapping[str, Any]


def shard_name(number: int) -> str:
    """Return the file name of a shard, as mosaicml-streaming numbers them.

    >>> shard_name(7)
    'shard.00007.mds'
    """
    return f"shard.{number:05}.mds"


def write_shard(folder: str | Path, number: int, rows: Ids, mask: Ids | None = None) -> ShardInfo:
    """Write rows (rows, row_tokens) as one MDS shard of fixed-shape arrays, and return what was written.

    `folder` is a path or URL of an existing folder. A `mask` of the same shape and type, 1 where a token is
    to be learned, is a column of its own. The same rows give the same bytes, uncompressed. The file is whole
    or not there; an existing file of the name is replaced.

    Raises:
        ValueError: the rows are not a filled table of uint16 or uint32, or the mask is not like them.
    """
    name = shard_name(number)
    if rows.ndim != 2 or 0 in rows.shape or rows.dtype.name not in ("uint16", "uint32"):
        raise ValueError(
            f"{name}: found rows of {rows.dtype.name} shaped {rows.shape}, expected a table "
            "(rows, row_tokens) of uint16 or uint32 with at least one row"
        )
    if mask is not None and (mask.shape, mask.dtype) != (rows.shape, rows.dtype):
        raise ValueError(
            f"{name}: found a mask of {mask.dtype.name} shaped {mask.shape}, expected {rows.dtype.name} "
            f"shaped {rows.shape}, like the rows"
        )
    columns = {COLUMN: rows} if mask is None else {MASK: mask, COLUMN: rows}  # sorted by name
    config = {
        "version": 2,
        "format": "mds",
        "compression": None,
        "hashes": ["xxh64"],
        "size_limit": None,
        "column_names": list(columns),
        "column_encodings": [f"ndarray:{rows.dtype.name}:{rows.shape[1]}"] * len(columns),
        "column_sizes": [rows.itemsize * rows.shape[1]] * len(columns),
    }
    data = _shard_bytes(np.concatenate(list(columns.values()), axis=1), config)
    write_whole(f"{folder}/{name}", data)
    digest = xxhash.xxh64_hexdigest(data)
    raw_data = {"basename": name, "bytes": len(data), "hashes": {"xxh64": digest}}
    entry = {"samples": len(rows), "raw_data": raw_data, "zip_data": None, **config}
    return ShardInfo(file=name, rows=len(rows), bytes=len(data), xxh64=digest, entry=entry)


def _shard_bytes(samples: Ids, config: Mapping[str, Any]) -> bytes:
    """Return the file of samples (samples, tokens), each of which has its columns one after the other."""
    header = json.dumps(config, sort_keys=True).encode()
    count, tokens = samples.shape
    offsets = 4 * (count + 2) + len(header) + samples.itemsize * tokens * np.arange(count + 1)
    numbers = np.concatenate([[count], offsets]).astype("<u4")
    little_endian = samples.astype(samples.dtype.newbyteorder("<"), copy=False)
    return b"".join((numbers.tobytes(), header, little_endian.tobytes()))


def index_bytes(entries: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the index.json of a stream from its shards' entries, in the order of their numbers."""
    ordered = sorted(entries, key=lambda entry: int(entry["raw_data"]["basename"].split(".")[1]))
    return json.dumps({"version": 2, "shards": ordered}, sort_keys=True).encode()
