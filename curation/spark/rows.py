"""The rows of a stage: annotated, settled, counted and written in one trip through Python.

A task writes Parquet files of its own, one a state, and says what it wrote: rows, bytes and digest of each
file, and the account of its rows. The driver takes what Spark accepts of each task, checks that it sees every
file with its bytes, sweeps what other attempts left, and writes the list of the files last. Readers go by
that list. So an attempt that lost, or wakes up late, adds no row; no file has to be renamed, and no table is
read again to be counted. Accumulators would count a recomputed task twice.
"""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash
from pyspark import TaskContext
from pyspark.sql import DataFrame

from curation.accounting.digest import digest_batch, digest_rows
from curation.accounting.ledger import Ledger
from curation.accounting.manifest import join, read_json
from curation.accounting.settle import SETTLED, settle
from curation.accounting.tally import tally
from curation.spark.frames import Batches, map_batches, map_partitions
from curation.spark.store import url_to_fs, write_text

ROWS = "rows"
#: The list of a table's files, in its folder; Spark and Arrow pass over names that begin with an underscore.
WRITTEN = "_written.json"
#: What a table's digest covers: all but where a row's record lay, which is no part of what it says.
_CONTENT = [name for name in SETTLED.names if name not in ("file", "offset", "length")]
_STORED = pa.schema([field for field in SETTLED if field.name != "state"])
_REPEATING = ["source", "file", "captured_at", "language", "charset", "engine", "form"]
_GROUP_BYTES, _JOINED_ROWS = 32 << 20, 8192
_MESSAGE = pa.schema(
    [("files", pa.string()), ("ledger", pa.string()), ("digest", pa.string()), ("rows", pa.int64())]
)


class SharedPathError(ValueError):
    """Tasks wrote files that the driver does not see: they run elsewhere, and the path is not shared."""


Annotate = Callable[[pa.RecordBatch], pa.RecordBatch]


@dataclass(frozen=True, slots=True)
class Annotated:
    """Documents, and what is to become of each batch of them before its rows are settled.

    dropped_text_rate: share of removed rows whose text is stored.
    """

    documents: DataFrame
    annotate: Annotate
    dropped_text_rate: float

    def settling(self) -> Annotate:
        """Return what makes a batch of documents settled rows; executors can be sent it."""
        annotate, rate = self.annotate, self.dropped_text_rate
        return lambda batch: settle(annotate(batch), rate)

    def frame(self) -> DataFrame:
        """Return the settled rows, unwritten."""
        return map_batches(self.documents, self.settling(), SETTLED)


class _Hashed(io.RawIOBase):
    """A file that is written once, and counts and hashes what it is given."""

    def __init__(self, url: str) -> None:
        filesystem, path = url_to_fs(url)
        filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._file = filesystem.open(path, "wb")
        self._digest = xxhash.xxh3_64()
        self._size_bytes = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size_bytes

    def write(self, data: Any) -> int:
        self._file.write(data)
        self._digest.update(data)
        self._size_bytes += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()

    def facts(self) -> dict[str, Any]:
        """Return its size and hash."""
        return {"bytes": self._size_bytes, "xxh3": self._digest.hexdigest()}


class _StateFile:
    """The rows of one state that a task writes; they wait until they fill a row group."""

    def __init__(self, folder: str, name: str) -> None:
        self.name, self.rows = name, 0
        self._file = _Hashed(join(folder, name))
        self._writer = pq.ParquetWriter(
            self._file, _STORED, compression="zstd", use_dictionary=_REPEATING, write_statistics=_REPEATING
        )
        self._waiting: list[pa.RecordBatch] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows in the SETTLED schema."""
        self.rows += batch.num_rows
        self._waiting.append(batch.select(_STORED.names))
        if _size_bytes(self._waiting) >= _GROUP_BYTES:
            self._flush()

    def finish(self) -> dict[str, Any]:
        """Close the file and return what the driver has to know of it."""
        self._flush()
        self._writer.close()
        self._file.close()
        return {"name": self.name, "rows": self.rows, **self._file.facts()}

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting, _STORED))
            self._waiting = []


def write_rows(rows: Annotated, path: str, stage: str) -> None:
    """Write a stage's rows below a path, and the list of their files with the account of the rows.

    Raises:
        SharedPathError: the driver does not see what tasks wrote.
    """
    write_table(rows.documents, rows.settling(), join(path, ROWS), stage)


def write_table(frame: DataFrame, settling: Annotate, folder: str, stage: str) -> None:
    """Write what `settling` makes of a frame's batches, rows in the SETTLED schema, likewise to a folder."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        yield _write_partition(folder, stage, map(settling, batches))

    messages = map_partitions(frame, run, _MESSAGE).toArrow().to_pylist()
    ledger = Ledger(stage)
    for message in messages:
        ledger.merge(Ledger.from_json(json.loads(message["ledger"])))
    files = [file for message in messages for file in json.loads(message["files"])]
    _check_and_sweep(folder, {file["name"]: file["bytes"] for file in files})
    written = {
        "files": sorted(files, key=lambda file: str(file["name"])),
        "rows": sum(message["rows"] for message in messages),
        "digest": digest_rows(int(message["digest"], 16) for message in messages),
        "ledger": ledger.to_json(),
    }
    write_text(join(folder, WRITTEN), json.dumps(written))


def _write_partition(folder: str, stage: str, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch:
    """Write one task's rows, a file for each state, and return its message."""
    task = TaskContext.get()
    name = f"part-{task.partitionId() if task else 0:05d}-{uuid.uuid4().hex}.parquet"
    files: dict[str, _StateFile] = {}
    ledger, digest, count = Ledger(stage), 0, 0
    for batch in _joined(batches):
        count += batch.num_rows
        ledger.merge(tally(stage, batch))
        digest += digest_batch(batch, _CONTENT)
        for state in pc.unique(batch["state"]).to_pylist():
            if state not in files:
                files[state] = _StateFile(folder, f"state={state}/{name}")
            files[state].add(batch.filter(pc.equal(batch["state"], state)))
    message = {
        "files": json.dumps([file.finish() for file in files.values()]),
        "ledger": json.dumps(ledger.to_json()),
        "digest": digest_rows([digest]),
        "rows": count,
    }
    return pa.RecordBatch.from_pylist([message], schema=_MESSAGE)


def _joined(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the same rows in fewer batches: to count one on columns costs as much as a thousand rows."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(part.num_rows for part in waiting) >= _JOINED_ROWS or _size_bytes(waiting) >= _GROUP_BYTES:
            yield from pa.Table.from_batches(waiting).combine_chunks().to_batches()
            waiting = []
    if waiting:
        yield from pa.Table.from_batches(waiting).combine_chunks().to_batches()


def _size_bytes(batches: list[pa.RecordBatch]) -> int:
    return sum(batch.nbytes for batch in batches)


def _check_and_sweep(folder: str, accepted: Mapping[str, int]) -> None:
    """Remove files of attempts that lost; raise unless the accepted ones (name -> bytes) are here whole."""
    filesystem, root = url_to_fs(folder)
    filesystem.makedirs(root, exist_ok=True)
    filesystem.invalidate_cache()
    sizes = {}
    for name, info in filesystem.find(root, detail=True).items():
        relative = name[len(root.rstrip("/")) + 1 :]
        if relative in accepted:
            sizes[relative] = int(info["size"])
        else:
            filesystem.rm(name)
    missing = [name for name, size_bytes in accepted.items() if sizes.get(name) != size_bytes]
    if missing:
        raise SharedPathError(
            f"{folder}: {len(missing)} of {len(accepted)} files that tasks wrote are not here as they were "
            f"written, {min(missing)} among them. The driver and all executors must see --out as one and the "
            "same place: name a folder that they share, or a store (s3://...)"
        )


def written(path: str) -> dict[str, Any]:
    """Return what `write_rows` wrote below a path: files, rows, digest, ledger."""
    facts: dict[str, Any] = read_json(join(path, ROWS, WRITTEN))
    return facts


def without_strays(path: str, files: Mapping[str, int]) -> dict[str, int]:
    """Return the files below a path (name -> bytes) without those that no list of a table there names.

    An attempt that lost may end one after the driver has swept.
    """
    tables = [name.removesuffix(f"/{WRITTEN}") for name in files if name.endswith(f"/{WRITTEN}")]
    listed = {
        f"{table}/{file['name']}"
        for table in tables
        for file in read_json(join(path, table, WRITTEN))["files"]
    }
    stray = tuple(f"{table}/state=" for table in tables)
    return {name: size for name, size in files.items() if name in listed or not name.startswith(stray)}
