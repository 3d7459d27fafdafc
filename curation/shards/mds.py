"""Rows to MDS shard files, by mosaicml-streaming's own writer: the reference for its format."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
import types
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from curation.shards.tokens import Ids

COLUMN, MASK = "tokens", "mask"
_HASH = "xxh64"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ShardInfo:
    """A written shard: its file name, size and hash, and its entry in the stream's index."""

    file: str
    rows: int
    bytes: int
    xxh64: str
    entry: Mapping[str, Any]


def import_streaming() -> types.ModuleType:
    """Return mosaicml-streaming, imported without its vision and multimodal datasets.

    The package imports those eagerly, and they need torchvision, whose operators do not load beside
    a CPU build of torch. Nothing here uses them, so two empty modules take their place, unless the
    process has the real ones already. The import takes seconds: once per worker, in this stage only.
    """
    for name in ("streaming.vision", "streaming.multimodal"):
        sys.modules.setdefault(name, types.ModuleType(name, "Left empty: it needs torchvision."))
    import streaming

    return streaming


def shard_name(number: int) -> str:
    """Return the file name of a shard, as mosaicml-streaming numbers them.

    >>> shard_name(7)
    'shard.00007.mds'
    """
    return f"shard.{number:05}.mds"


def write_shard(folder: str | Path, number: int, rows: Ids, mask: Ids | None = None) -> ShardInfo:
    """Write rows (rows, row_tokens) as one MDS shard of fixed-shape arrays, and return what was written.

    A `mask` of the same shape and type, 1 where a token is to be learned, is a column of its own.

    The same rows give the same bytes, uncompressed. The file gets its name when it is whole: a job that
    dies leaves no half of a shard under a shard's name. An existing file of the name is replaced.

    Raises ValueError for rows that are not a filled table of uint16 or uint32.
    """
    if rows.ndim != 2 or 0 in rows.shape or rows.dtype.name not in ("uint16", "uint32"):
        raise ValueError(
            f"{shard_name(number)}: found rows of {rows.dtype.name} shaped {rows.shape}, expected a table "
            "(rows, row_tokens) of uint16 or uint32 with at least one row"
        )
    writer_type = import_streaming().MDSWriter
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    parts = {COLUMN: rows} if mask is None else {COLUMN: rows, MASK: mask}
    columns = dict.fromkeys(parts, f"ndarray:{rows.dtype.name}:{rows.shape[1]}")
    # The writer closes properly even when an exception passes, leaving a valid index over half of the
    # data; hence an own directory, from which only a finished shard is taken.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".shard-") as private:
        with writer_type(columns=columns, out=private, hashes=[_HASH], size_limit=None) as writer:
            for number_of_row in range(len(rows)):
                writer.write({name: part[number_of_row] for name, part in parts.items()})
        (entry,) = writer.shards
        os.replace(Path(private) / entry["raw_data"]["basename"], folder / shard_name(number))
    entry["raw_data"]["basename"] = shard_name(number)
    return ShardInfo(
        file=shard_name(number),
        rows=entry["samples"],
        bytes=entry["raw_data"]["bytes"],
        xxh64=entry["raw_data"]["hashes"][_HASH],
        entry=entry,
    )


def index_bytes(entries: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the index.json of a stream from its shards' entries, in the order of their numbers."""
    ordered = sorted(entries, key=lambda entry: int(entry["raw_data"]["basename"].split(".")[1]))
    return json.dumps({"version": 2, "shards": ordered}, sort_keys=True).encode()
