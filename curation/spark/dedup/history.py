"""Documents that earlier runs kept: written as an index, looked up without shuffling the index again.

`index/bands` (key = band key), `index/digests` (key = hash of the text's digest) and `index/documents` (key =
hash of the id) have one layout: parts by the leading bits of the key, each sorted by key. A lookup shuffles
the new run's keys by part and reads each part once. It decodes only row groups that can hold one of the keys.
So adding a snapshot shuffles in proportion to the snapshot, however many came before. What it reads of the
bands grows with the history: their keys are hashes, and nearly every row group can hold one of the keys of a
thousand documents (docs/dedup-scale.md has the figures).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from curation.accounting.manifest import Manifest, join
from curation.spark.frames import conform
from curation.spark.store import spark_url, url_to_fs

#: An index has 2**PART_BITS parts, each read by one task. A billion documents make 5 GB of bands a part.
PART_BITS = 6
#: Bytes of a row group: a lookup decodes a whole one for a single key.
GROUP_BYTES = 4 << 20
TOMBSTONES = "tombstones"
_KEY = [("key", pa.int64()), ("id", pa.string())]
_PREFERENCES = ("preferences", pa.list_(pa.float64()))
#: The tables of an index, all with a `key`.
INDEX = {
    "bands": pa.schema(_KEY),
    "digests": pa.schema([*_KEY, ("digest", pa.binary()), _PREFERENCES]),
    "documents": pa.schema([*_KEY, _PREFERENCES, ("text", pa.string())]),
}
_EARLIER = pa.field("earlier", pa.string())


def _part(key: str) -> Column:
    return F.shiftrightunsigned(key, 64 - PART_BITS)


def write_index(path: str, table: str, frame: DataFrame) -> None:
    """Write one table of an index into the directory of an output; `frame` has its columns."""
    parts = frame.select(*INDEX[table].names, _part("key").cast("int").alias("part"))
    ordered = parts.repartition(1 << PART_BITS, "part").sortWithinPartitions("part", "key")
    writer = ordered.write.partitionBy("part").option("parquet.block.size", GROUP_BYTES)
    writer.parquet(spark_url(join(path, "index", table)))


@dataclass(frozen=True, slots=True)
class History:
    """The dedup outputs of earlier runs (directory -> manifest), in the recipe's order.

    A run is named by its fingerprint, which identifies its contents wherever its directory is.
    """

    spark: SparkSession
    outputs: Mapping[str, Manifest]

    def lookup(self, table: str, keys: DataFrame) -> DataFrame:
        """Return the rows of one table of all runs whose `key` is among `keys`, with their run (`earlier`).

        Documents that a later one of the runs has replaced (its tombstones) are left out.
        """
        schema = INDEX[table].append(_EARLIER)
        files, bits = self._files(table), PART_BITS

        def run(group: pa.Table) -> pa.Table:
            wanted = np.unique(group.column("key").to_numpy())
            part = int(group.column("part")[0].as_py())
            batches = [
                batch.append_column(_EARLIER, pa.array([run] * len(batch), pa.string()))
                for run, paths in files.items()
                for path in paths.get(part, ())
                for batch in _matching(path, wanted, part, bits)
            ]
            return pa.Table.from_batches([conform(batch, schema) for batch in batches], schema)

        distinct = keys.select("key", _part("key").cast("int").alias("part")).distinct()
        rows = distinct.groupBy("part").applyInArrow(run, from_arrow_schema(schema))
        replaced = self._tombstones()
        return rows if replaced is None else rows.join(replaced, ["id", "earlier"], "left_anti")

    def _files(self, table: str) -> dict[str, dict[int, list[str]]]:
        """Return run -> part -> paths of one table's files, from the manifests: no directory is listed."""
        files: dict[str, dict[int, list[str]]] = {}
        for path, manifest in self.outputs.items():
            parts: dict[int, list[str]] = files.setdefault(manifest.fingerprint, {})
            for name in manifest.files:
                steps = name.split("/")
                if steps[:2] == ["index", table] and name.endswith(".parquet"):
                    part = int(steps[2].partition("=")[2])
                    parts.setdefault(part, []).append(join(path, name))
        return files

    def _tombstones(self) -> DataFrame | None:
        paths = [
            spark_url(join(path, TOMBSTONES))
            for path, manifest in self.outputs.items()
            if any(name.startswith(f"{TOMBSTONES}/") for name in manifest.files)
        ]
        return self.spark.read.parquet(*paths).select("id", "earlier") if paths else None


def _matching(path: str, wanted: npt.NDArray[np.int64], part: int, bits: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a sorted part whose key is wanted; row groups that can hold none are skipped.

    Raises:
        ValueError: the index has another number of parts, so a lookup would miss keys.
    """
    filesystem, name = url_to_fs(path)
    with filesystem.open(name, "rb") as stream, pq.ParquetFile(stream) as file:
        column = file.schema_arrow.get_field_index("key")
        for group in range(file.num_row_groups):
            bounds: Any = file.metadata.row_group(group).column(column).statistics
            if bounds.min % (1 << 64) >> (64 - bits) != part:
                raise ValueError(
                    f"{path}: its key {bounds.min} does not belong to part {part} of {1 << bits}: the "
                    "index was written with another number of parts; run that dedup again"
                )
            if np.searchsorted(wanted, bounds.min) == np.searchsorted(wanted, bounds.max, side="right"):
                continue
            table = file.read_row_group(group)
            keys = table.column("key").to_numpy()
            positions = np.minimum(np.searchsorted(wanted, keys), len(wanted) - 1)
            yield from table.filter(pa.array(wanted[positions] == keys)).to_batches()
