"""MDS shards as a Spark data source: exactly one copy of each, whatever dies on the way.

Attempts write to private directories. The driver's `commit` takes only those that Spark accepted, moves their
files into the streams, removes the rest and writes each stream's `index.json` last. Nobody reads the output
before the stage's manifest is beside it.
"""

from __future__ import annotations

import contextlib
import io
import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem
from pyspark.sql import DataFrame
from pyspark.sql.datasource import DataSource, DataSourceArrowWriter, WriterCommitMessage
from pyspark.sql.types import StructType

from curation.accounting.manifest import join
from curation.files.whole import write_whole
from curation.shards.best_fit import assemble_best_fit
from curation.shards.mds import index_bytes, shard_name, write_shard
from curation.shards.pack import Layout, assemble
from curation.spark.store import SCRATCH, remove, url_to_fs, write_text

SHARDS = "_shards.json"  # what commit hands to the run; it goes into the manifest
_SWEEPS = 50
_SWEEP_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class Written(WriterCommitMessage):
    """What one accepted task wrote: its private directory, and each shard's facts."""

    attempt: str
    shards: tuple[Mapping[str, Any], ...]


class ShardWriter(DataSourceArrowWriter):
    """Writes the shards whose documents a partition holds, sorted by stream, shard and start."""

    def __init__(self, path: str, layouts: Mapping[str, Layout]) -> None:
        self.path, self.layouts = path, layouts

    def write(self, iterator: Iterator[pa.RecordBatch]) -> WriterCommitMessage:
        """Write this task's shards to a directory of its own."""
        attempt = join(self.path, SCRATCH, "attempts", uuid.uuid4().hex)
        filesystem, path = url_to_fs(attempt)
        filesystem.makedirs(path)
        rows = ((row["stream"], row["shard"], row) for batch in iterator for row in batch.to_pylist())
        shards = []
        for (stream, number), group in groupby(rows, key=lambda row: row[:2]):
            shards.append(self._shard(attempt, stream, number, [row for *_, row in group]))
        return Written(attempt, tuple(shards))

    def _shard(self, attempt: str, stream: str, number: int, rows: list[dict[str, Any]]) -> dict[str, Any]:
        layout = self.layouts[stream]
        kind = np.dtype(layout.dtype).newbyteorder("<")
        documents = [(row["start"], row["id"], np.frombuffer(row["tokens"], kind)) for row in rows]
        put = assemble_best_fit if layout.pack == "best_fit" else assemble
        table, provenance = put(number, documents, layout)
        folder = join(attempt, stream)
        filesystem, root = url_to_fs(folder)
        if isinstance(filesystem, LocalFileSystem):
            Path(root).mkdir(exist_ok=True)  # not its parent: an attempt that was swept must not come back
        else:
            filesystem.makedirs(root, exist_ok=True)
        info = write_shard(folder, number, table)
        parquet = io.BytesIO()
        pq.write_table(provenance, parquet, compression="zstd")
        write_whole(join(folder, _provenance(info.file)), parquet.getvalue())
        tokens = pc.sum(provenance["length"]).as_py()
        cuts = pc.sum(pc.greater(provenance["start"], 0)).as_py()
        return {"stream": stream, "number": number, "tokens": tokens, "cuts": cuts, **asdict(info)}

    def commit(self, messages: list[WriterCommitMessage | None]) -> None:
        """Move the accepted shards into their streams and write every stream's index."""
        accepted = [message for message in messages if isinstance(message, Written)]
        shards = [{**shard, "attempt": message.attempt} for message in accepted for shard in message.shards]
        streams = {}
        for stream, layout in self.layouts.items():
            written = [shard for shard in shards if shard["stream"] == stream]
            written.sort(key=lambda shard: int(shard["number"]))
            self._check(stream, layout, written)
            # Numbered without gaps: under best_fit a stretch of the stream may have no shard.
            placed = [self._place(stream, number, shard) for number, shard in enumerate(written)]
            index = index_bytes(entry for _, entry in placed)
            write_text(join(self.path, stream, "index.json"), index.decode())
            streams[stream] = _stream([shard for shard, _ in placed], written, layout)
        self._sweep()
        write_text(join(self.path, SHARDS), json.dumps(streams))

    def _place(
        self, stream: str, number: int, shard: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Give a shard and its provenance their names; return its entries (manifest, index)."""
        filesystem, root = url_to_fs(join(self.path, stream))
        private = url_to_fs(join(shard["attempt"], stream))[1]
        filesystem.makedirs(root, exist_ok=True)
        name = shard_name(number)
        for before, after in ((shard["file"], name), (_provenance(shard["file"]), _provenance(name))):
            filesystem.mv(f"{private}/{before}", f"{root}/{after}")
        facts = {name: shard[name] for name in ("rows", "bytes", "xxh64")}
        entry = {**shard["entry"], "raw_data": {**shard["entry"]["raw_data"], "basename": name}}
        return {"file": f"{stream}/{name}", "provenance": f"{stream}/{_provenance(name)}", **facts}, entry

    def _check(self, stream: str, layout: Layout, shards: Sequence[Mapping[str, Any]]) -> None:
        tokens, rows = (sum(shard[name] for shard in shards) for name in ("tokens", "rows"))
        concat = layout.pack == "concat"
        if tokens != layout.stream_tokens or (concat and (len(shards), rows) != (layout.shards, layout.rows)):
            expected = f"{layout.shards} of {layout.rows} rows with " if concat else ""
            raise RuntimeError(
                f"{self.path}: stream '{stream}' has {len(shards)} shards of {rows} rows with {tokens} "
                f"tokens; expected {expected}{layout.stream_tokens} tokens"
            )

    def abort(self, messages: list[WriterCommitMessage | None]) -> None:
        """Sweep what the attempts left."""
        self._sweep()

    def _sweep(self) -> None:
        """Remove all attempts; again, where a twin that Spark is about to kill wrote meanwhile."""
        attempts = join(self.path, SCRATCH, "attempts")
        for _ in range(_SWEEPS):
            with contextlib.suppress(OSError):
                remove(attempts)
                return
            time.sleep(_SWEEP_PAUSE_S)
        remove(attempts)


class ShardSink(DataSource):
    """`format("shards")`: options `path` and `layouts` (JSON)."""

    @classmethod
    def name(cls) -> str:
        """Return the name to give to `format`."""
        return "shards"

    def writer(self, schema: StructType, overwrite: bool) -> DataSourceArrowWriter:
        """Return the writer of the streams in the option `layouts`."""
        layouts = json.loads(self.options["layouts"])
        return ShardWriter(self.options["path"], {name: Layout(**layout) for name, layout in layouts.items()})


def write_shards(documents: DataFrame, layouts: Mapping[str, Layout], path: str) -> None:
    """Write (stream, shard, start, id, tokens) rows, sorted within partitions, as shards below `path`."""
    documents.sparkSession.dataSource.register(ShardSink)
    plain = json.dumps({name: asdict(layout) for name, layout in layouts.items()})
    writer = documents.write.format("shards").option("path", path).option("layouts", plain)
    writer.mode("append").save()


def _provenance(shard: str) -> str:
    return shard.removesuffix(".mds") + ".parquet"


def _stream(
    placed: list[dict[str, Any]], written: Sequence[Mapping[str, Any]], layout: Layout
) -> dict[str, Any]:
    """Return what the manifest says of a stream; `cuts` are the places where a row's end cuts a document."""
    rows = sum(shard["rows"] for shard in written)
    return {
        "rows": rows,
        "tokens": layout.stream_tokens,
        "padding": rows * layout.row_tokens - layout.stream_tokens,
        "cuts": sum(shard["cuts"] for shard in written),
        "shards": placed,
    }
