"""Input records as a Spark data source: `spark.read.format("pages")`.

The readers are plain Python (`curation.pages`); this gives each split of a file to a task, small files of a
source together. Splits come from file sizes alone, and a record belongs to the split it starts in, so any
split size yields the same rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from curation.accounting.loss import RecordLoss
from curation.accounting.sample import SALT, sampled
from curation.document import PAGE
from curation.extract.stage import page_id
from curation.pages.formats import joined, read, splits
from curation.pages.page import ONE_RECORD, FileSplit, ReadOptions
from curation.recipe.sections.inputs import Input
from curation.spark.store import File

#: No split is larger (about a minute of extraction) or smaller (a task costs a tenth of a second itself).
_MOST_BYTES, _LEAST_BYTES = 32 << 20, 1 << 20
_SPLITS_PER_TASK = 8  # for each task of a shuffle: the last one to end should be short


class SplitPartition(InputPartition):
    """Splits of files of one source."""

    def __init__(self, part: Mapping[str, Any]) -> None:
        self.source, self.rate = part["source"], part["sample"]
        self.splits = [FileSplit(**split) for split in part["splits"]]
        self.options = ReadOptions(**part["options"])


class PagesReader(DataSourceReader):
    """Reads the splits that the option `plan` lists."""

    def __init__(self, plan: Sequence[Mapping[str, Any]]) -> None:
        self.plan = plan

    def partitions(self) -> Sequence[InputPartition]:
        """Return the partitions of the plan."""
        return [SplitPartition(part) for part in self.plan]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Yield the records of a partition's splits in the PAGE schema."""
        assert isinstance(partition, SplitPartition)
        for split in partition.splits:
            for batch in read(split, partition.options, source=partition.source):
                yield batch if partition.rate is None else in_sample(batch, partition.rate)


def in_sample(pages: pa.RecordBatch, rate: float) -> pa.RecordBatch:
    """Return the pages of a hash-sample.

    One damaged record is chosen by its place, as its id is made from that. A failure that stands for more is
    always in the sample, for its share of the records.
    """
    rows = pages.to_pylist()
    losses = [RecordLoss(**(row["loss"] or {})) for row in rows]
    chosen = [
        loss != ONE_RECORD or sampled(page_id(row), rate, SALT)
        for row, loss in zip(rows, losses, strict=True)
    ]
    shares = pa.array([asdict(loss.in_sample(rate)) for loss in losses], PAGE.field("loss").type)
    at = PAGE.get_field_index("loss")
    return pages.set_column(at, PAGE.field("loss"), shares).filter(pa.array(chosen, pa.bool_()))


class PagesSource(DataSource):
    """`format("pages")`: WARC, ARC, JSONL and Parquet records in the PAGE schema."""

    @classmethod
    def name(cls) -> str:
        """Return the name to give to `format`."""
        return "pages"

    def schema(self) -> StructType:
        """Return PAGE as Spark writes it."""
        return from_arrow_schema(PAGE)

    def reader(self, schema: StructType) -> DataSourceReader:
        """Return the reader of the splits in the option `plan`."""
        return PagesReader(json.loads(self.options["plan"]))


def read_pages(
    spark: SparkSession,
    inputs: Mapping[str, Input],
    files: Mapping[str, Sequence[File]],
    split_bytes: int | None = None,
) -> DataFrame:
    """Return the records of every source, one row each, in the PAGE schema.

    `split_bytes` says how the work is cut (None: by its size and the cores); it changes no row.
    """
    if split_bytes is None:
        tasks = int(spark.conf.get("spark.sql.shuffle.partitions", "200") or 200)
        total = sum(file.size_bytes for listed in files.values() for file in listed)
        split_bytes = min(_MOST_BYTES, max(_LEAST_BYTES, total // (_SPLITS_PER_TASK * tasks)))
    plan = []
    for source, settings in inputs.items():
        options = {option.name: getattr(settings, option.name) for option in fields(ReadOptions)}
        part = {"source": source, "sample": settings.sample, "options": options}
        sized = [(file.url, file.size_bytes) for file in files[source]]
        cut = joined(splits(sized, settings.format, split_bytes), split_bytes)
        plan += [part | {"splits": list(map(asdict, together))} for together in cut]
    spark.dataSource.register(PagesSource)
    return spark.read.format("pages").option("plan", json.dumps(plan)).load()
