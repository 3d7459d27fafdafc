"""Rows of a run written to a file of a person's own: a Parquet table, or JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from curation.look.errors import BadQuestion

_ROWS = 1_024


def write_rows(path: str, rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> int:
    """Write rows to a path or URL, by its ending; return how many. A batch of them is in memory.

    Raises:
        BadQuestion: it ends otherwise than in .parquet, .jsonl or .jsonl.gz.
    """
    if not path.endswith((".parquet", ".jsonl", ".jsonl.gz")):
        raise BadQuestion(f"{path}: expected a name that ends in .parquet, .jsonl or .jsonl.gz")
    written, rows = 0, iter(rows)
    filesystem, name = fsspec.core.url_to_fs(path)
    filesystem.makedirs(filesystem._parent(name), exist_ok=True)
    if path.endswith(".parquet"):
        with filesystem.open(name, "wb") as stream, pq.ParquetWriter(stream, schema) as writer:
            while part := list(islice(rows, _ROWS)):
                writer.write_table(pa.Table.from_pylist(part, schema=schema))
                written += len(part)
        return written
    with fsspec.open(path, "wt", encoding="utf-8", compression="infer") as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
            written += 1
    return written
