"""MDS shards as a Spark data source: exactly one copy of each, whatever dies on the way.

Attempts write to private directories; the driver's `commit` takes only those Spark accepted, gives the
files their places, sweeps the rest and writes each stream's `index.json` last. Nobody reads the output
before the stage's manifest stands beside them.
"""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql.datasource import DataSource, DataSourceArrowWriter, WriterCommitMessage
from pyspark.sql.types import StructType

from curation.accounting.manifest import join
from curation.shards.mds import index_bytes, write_shard
from curation.shards.pack import Layout, assemble
from curation.spark.store import SCRATCH, remove, url_to_fs, write_text

SHARDS = "_shards.json"  # what commit hands to the run; it goes into the manifest
Document = tuple[int, str, Any]


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
        rows = ((row["stream"], row["shard"], row) for batch in iterator for row in batch.to_pylist())
        shards = []
        for (stream, number), group in groupby(rows, key=lambda row: row[:2]):
            shards.append(self._shard(attempt, stream, number, [row for *_, row in group]))
        return Written(attempt, tuple(shards))

    def _shard(self, attempt: str, stream: str, number: int, rows: list[dict[str, Any]]) -> dict[str, Any]:
        layout = self.layouts[stream]
        kind = np.dtype(layout.dtype).newbyteorder("<")
        documents = [(row["start"], row["id"], np.frombuffer(row["tokens"], kind)) for row in rows]
        table, provenance = assemble(number, documents, layout)
        filesystem, root = url_to_fs(join(attempt, stream))
        filesystem.makedirs(root, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            info = write_shard(folder, number, table)
            name = info.file.removesuffix(".mds") + ".parquet"
            pq.write_table(provenance, Path(folder, name), compression="zstd")
            for each in (info.file, name):
                filesystem.put_file(str(Path(folder, each)), f"{root}/{each}")
        return {"stream": stream, "provenance": name, **asdict(info)}

    def commit(self, messages: list[WriterCommitMessage | None]) -> None:
        """Give the accepted shards their places and write every stream's index."""
        written: dict[str, list[Mapping[str, Any]]] = {stream: [] for stream in self.layouts}
        filesystem, root = url_to_fs(self.path)
        for message in messages:
            if not isinstance(message, Written):
                continue
            private = url_to_fs(message.attempt)[1]
            for shard in message.shards:
                written[shard["stream"]].append(shard)
                filesystem.makedirs(f"{root}/{shard['stream']}", exist_ok=True)
                for name in (shard["file"], shard["provenance"]):
                    place = f"{shard['stream']}/{name}"
                    filesystem.mv(f"{private}/{place}", f"{root}/{place}")
        remove(join(self.path, SCRATCH, "attempts"))
        for stream, layout in self.layouts.items():
            self._check(stream, layout, written[stream])
            index = index_bytes(shard["entry"] for shard in written[stream])
            write_text(join(self.path, stream, "index.json"), index.decode())
        write_text(join(self.path, SHARDS), json.dumps(_streams(written, self.layouts)))

    def _check(self, stream: str, layout: Layout, shards: list[Mapping[str, Any]]) -> None:
        rows = sum(shard["rows"] for shard in shards)
        if (len(shards), rows) != (layout.shards, layout.rows):
            raise RuntimeError(
                f"{self.path}: stream '{stream}' has {len(shards)} shards of {rows} rows; expected "
                f"{layout.shards} of {layout.rows} from its {layout.stream_tokens} tokens"
            )

    def abort(self, messages: list[WriterCommitMessage | None]) -> None:
        """Sweep what the attempts left."""
        remove(join(self.path, SCRATCH, "attempts"))


class ShardSink(DataSource):
    """`format("shards")`: options `path` and `layouts` (JSON)."""

    @classmethod
    def name(cls) -> str:
        """Return the name to give to `format`."""
        return "shards"

    def writer(self, schema: StructType, overwrite: bool) -> DataSourceArrowWriter:
        """Return the writer of the streams in the option `layouts`."""
        layouts = json.loads(self.options["layouts"])
        return ShardWriter(self.options["path"], {name: Layout(**each) for name, each in layouts.items()})


def write_shards(documents: DataFrame, layouts: Mapping[str, Layout], path: str) -> None:
    """Write (stream, shard, start, id, tokens) rows, sorted within partitions, as shards below `path`."""
    documents.sparkSession.dataSource.register(ShardSink)
    plain = json.dumps({name: asdict(each) for name, each in layouts.items()})
    writer = documents.write.format("shards").option("path", path).option("layouts", plain)
    writer.mode("append").save()


def _streams(
    written: Mapping[str, list[Mapping[str, Any]]], layouts: Mapping[str, Layout]
) -> dict[str, dict[str, Any]]:
    """Return what the manifest says of each stream; its shards in the order of their names."""
    streams: dict[str, dict[str, Any]] = {}
    for stream, layout in layouts.items():
        shards = [
            {
                "file": f"{stream}/{shard['file']}",
                "provenance": f"{stream}/{shard['provenance']}",
                **{name: shard[name] for name in ("rows", "bytes", "xxh64")},
            }
            for shard in sorted(written[stream], key=lambda shard: str(shard["file"]))
        ]
        streams[stream] = {
            "rows": layout.rows,
            "tokens": layout.stream_tokens,
            "padding": layout.padding,
            "shards": shards,
        }
    return streams
