"""Kept text to shards: tokenize once, place every document in its stream, give each shard its documents.

A document's place in its stream is a prefix sum of token counts in the order of hash(seed, id), so shard
boundaries follow from the documents alone; how Spark partitions the work changes no byte.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from curation.accounting.account import Account, Count
from curation.accounting.digest import digest_row, digest_rows
from curation.accounting.ledger import Ledger
from curation.accounting.manifest import join, read_json
from curation.document import COLUMN, LABEL
from curation.files.digests import digest_bytes, digest_file
from curation.files.tokenizer_file import switched_off
from curation.recipe.sections.shard import Shard, Split
from curation.shards.pack import Layout, interval_tokens, order_keys, rows_per_shard
from curation.shards.tokens import Tokenizer, encode_column, load_tokenizer
from curation.spark.frames import Batches, map_partitions
from curation.spark.sinks import SHARDS, write_shards
from curation.spark.stage import Context, Stage
from curation.spark.stages.tokenizer import FILE as TOKENIZER
from curation.spark.store import SCRATCH, remove, spark_url, write_text
from curation.spark.tables import Counted

_TOKENS = pa.schema(
    [
        *(("source", pa.string()), ("stream", pa.string()), ("order_key", pa.int64())),
        *(("id", pa.string()), ("characters", pa.int64())),
        ("interval", pa.int64()),  # tokens with the end of text
        ("tokens", pa.binary()),  # little-endian ids without it
    ]
)
_MOST_FOLDER = 100  # characters of a stream's part: file systems take names of 255
_BUCKET_BITS = 12  # a stream's prefix sums are taken in 4,096 pieces, then within each


def read_tokenizer(url: str) -> tuple[Tokenizer, str]:
    """Return (tokenizer, its JSON text) of a path or URL."""
    with fsspec.open(url, "rt", encoding="utf-8") as stream:
        text = stream.read()
    return _load(text, url), text


def _load(text: str, url: str) -> Tokenizer:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, TOKENIZER)
        file.write_text(text, encoding="utf-8")
        try:
            return load_tokenizer(file)
        except ValueError as error:
            raise ValueError(str(error).replace(str(file), url)) from error


def write(documents: DataFrame, settings: Shard, tokenizer_url: str, path: str) -> None:
    """Write the streams of a corpus below `path`: shards, provenance, index, tokenizer."""
    tokenizer, text = read_tokenizer(tokenizer_url)
    write_text(join(path, TOKENIZER), text)
    scratch = join(path, SCRATCH, "tokens")
    _tokenize(documents, settings, text).write.parquet(spark_url(scratch))
    tokens = documents.sparkSession.read.parquet(spark_url(scratch))
    sums = _sums(tokens)
    layouts = {
        stream: Layout(
            stream_tokens=sum(buckets.values()),
            row_tokens=settings.row_tokens,
            rows_per_shard=rows_per_shard(settings.row_tokens, tokenizer.dtype, settings.shard_mib),
            eot_id=tokenizer.eot_id,
            dtype=tokenizer.dtype,
            pack=settings.pack,
        )
        for stream, buckets in sums.items()
    }
    write_shards(_by_shard(_placed(tokens, sums), layouts), layouts, path)
    facts = {"file": TOKENIZER, "digest": digest_bytes(text.encode()), "vocab": tokenizer.vocab}
    facts |= {"switched_off": off} if (off := switched_off(text)) else {}
    about = {"row_tokens": settings.row_tokens, "dtype": tokenizer.dtype}
    summary = about | {"tokenizer": facts | {"eot_id": tokenizer.eot_id}}
    write_text(join(path, SCRATCH, "summary.json"), json.dumps(summary))


def _tokenize(documents: DataFrame, settings: Shard, tokenizer_text: str) -> DataFrame:
    stream = F.concat_ws(".", *map(_part, settings.by)).alias(
        "stream"
    )  # the recipe lets through only names of folders
    wanted = documents.select("source", stream, "id", "characters", "text")

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        tokenizer = _load(tokenizer_text, TOKENIZER)
        for batch in batches:
            lengths, tokens = encode_column(tokenizer, batch["text"])
            columns = {name: batch[name] for name in ("source", "stream", "id", "characters")}
            columns["order_key"] = order_keys(settings.seed, batch["id"])
            columns["interval"] = pa.array([interval_tokens(n) for n in lengths.to_pylist()], pa.int64())
            columns["tokens"] = tokens
            yield pa.RecordBatch.from_pydict(columns)

    return map_partitions(wanted, run, _TOKENS)


def _part(by: str | Split) -> Column:
    """Return a document's part of its stream's name; `unknown` where it has no value or was not measured."""
    if isinstance(by, str):
        if by in ("source", "language"):
            return F.coalesce(F.col(by), F.lit("unknown"))
        return F.coalesce(F.col("metadata")[f"{LABEL}{by}"], _folder(by), F.lit("unknown"))
    if by.measure:
        value = _measured(by.measure)
        band = sum(((value >= bound).cast("int") for bound in by.bounds), start=F.lit(0))
        return F.concat(F.lit(f"{by.name}_"), F.coalesce(band.cast("string"), F.lit("unknown")))
    values = [_measured(name) for name in by.largest]
    most = F.greatest(*values)
    names = [F.when(v == most, F.lit(n.rpartition(".")[2])) for v, n in zip(values, by.largest, strict=True)]
    return F.coalesce(*names, F.lit("unknown"))  # the first of equals


def _folder(column: str) -> Column:
    """Return the value of an input's column as a folder may be called, without dots, which join parts."""
    value = F.col("metadata")[f"{COLUMN}{column}"]
    safe = F.regexp_replace(F.regexp_replace(value, "[^A-Za-z0-9_-]", "_"), "^[_-]+", "")
    return F.nullif(F.substring(safe, 1, _MOST_FOLDER), F.lit(""))


def _measured(name: str) -> Column:
    return F.col(name) if name == "characters" else F.col("measures")[name]


def _bucket() -> Any:
    return F.shiftright("order_key", 64 - _BUCKET_BITS).alias("bucket")


def _sums(tokens: DataFrame) -> dict[str, dict[int, int]]:
    """Return stream -> bucket of the order -> tokens: at most 4,096 numbers a stream."""
    rows = tokens.groupBy("stream", _bucket()).agg(F.sum("interval").alias("tokens")).toArrow().to_pylist()
    sums: dict[str, dict[int, int]] = {}
    for row in sorted(rows, key=lambda row: (row["stream"], row["bucket"])):
        sums.setdefault(row["stream"], {})[row["bucket"]] = row["tokens"]
    return sums


def _placed(tokens: DataFrame, sums: Mapping[str, Mapping[int, int]]) -> DataFrame:
    """Return the documents with their `start` in the stream."""
    bases = []
    for stream, buckets in sums.items():
        base = 0
        for bucket, count in buckets.items():
            bases.append((stream, bucket, base))
            base += count
    known = tokens.sparkSession.createDataFrame(bases, "stream string, bucket long, base long")
    before = Window.partitionBy("stream", "bucket").orderBy("order_key", "id")
    running = F.sum("interval").over(before.rowsBetween(Window.unboundedPreceding, Window.currentRow))
    placed = tokens.withColumn("bucket", _bucket().cast("long"))
    placed = placed.withColumn("start", running - F.col("interval"))
    return placed.join(F.broadcast(known), ["stream", "bucket"]).withColumn(
        "start", F.col("start") + F.col("base")
    )


def _by_shard(placed: DataFrame, layouts: Mapping[str, Layout]) -> DataFrame:
    """Return one row for every (shard, document that touches it); all of a shard's in one partition."""
    layout = next(iter(layouts.values()), None)
    size = layout.row_tokens * layout.rows_per_shard if layout else 1
    first, last = F.expr(f"start div {size}"), F.expr(f"(start + interval - 1) div {size}")
    if layout and layout.pack == "best_fit":  # a document is whole in the shard where it begins
        last = first
    shards = F.sequence(first, last)
    rows = placed.select("stream", F.explode(shards).alias("shard"), "start", "id", "tokens")
    count = sum(layout.shards for layout in layouts.values())
    tasks = int(placed.sparkSession.conf.get("spark.sql.shuffle.partitions", "200") or 200)
    parted = rows.repartition(max(1, min(count, tasks)), "stream", "shard")
    return parted.sortWithinPartitions("stream", "shard", "start")


def account(spark: SparkSession, path: str) -> Counted:
    """Count written shards: what came in from the tokens, what was kept from the provenance."""
    tokens = spark.read.parquet(spark_url(join(path, SCRATCH, "tokens")))
    detail = read_json(join(path, SCRATCH, "summary.json"))
    streams = read_json(join(path, SHARDS))
    remove(join(path, SHARDS))
    ledger, written = Ledger("shard"), 0
    for source, records, characters in _totals(tokens):
        ledger.sources[source] = Account(received=Count(records, characters))
    shards = [shard for stream in streams.values() for shard in stream["shards"]]
    if files := [spark_url(join(path, shard["provenance"])) for shard in shards]:
        pieces = spark.read.parquet(*files)
        written = pieces.agg(F.sum("length")).first()[0]  # type: ignore[index]
        whole = pieces.where("start = 0").select("id").distinct()
        for source, records, characters in _totals(tokens.join(whole, "id")):
            ledger.sources[source].states["kept"] = Count(records, characters)
    for source_account in ledger.sources.values():
        ledger.total.merge(source_account)
    for name, count in _rows(tokens.groupBy("stream").agg(F.count("*"))):
        streams[name]["documents"] = count
    received = tokens.agg(F.sum("interval")).first()[0] or 0  # type: ignore[index]
    totals = {name: sum(stream[name] for stream in streams.values()) for name in ("padding", "cuts", "rows")}
    rows, digest = totals.pop("rows"), digest_rows(map(digest_row, shards))
    ledger.tokens = {"in": received, "kept": written, **totals}
    return Counted(ledger, digest, rows, {**detail, "streams": streams, "rows": rows, "digest": digest})


def _totals(frame: DataFrame) -> Sequence[tuple[Any, ...]]:
    """Return (source, records, characters) of each source."""
    return _rows(frame.groupBy("source").agg(F.count("*"), F.sum("characters")))


def _rows(frame: DataFrame) -> Sequence[tuple[Any, ...]]:
    return [tuple(row.values()) for row in frame.toArrow().to_pylist()]


def _tokenizer(context: Context) -> str:
    """Return where the tokenizer lies: the recipe's file, or what the stage before this one trained."""
    tokenizer = context.settings.tokenizer
    return tokenizer if isinstance(tokenizer, str) else join(context.published("tokenizer"), TOKENIZER)


def _write(spark: SparkSession, context: Context, path: str) -> None:
    write(context.documents(spark), context.settings, _tokenizer(context), path)


SHARD = Stage(
    "shard",
    after=("tokenizer",),
    section=lambda recipe: recipe.shard,
    write=_write,
    output_version=2,
    libraries=("tokenizers",),
    config=lambda recipe: replace(recipe.shard, tokenizer=TOKENIZER),
    resources=lambda context: {TOKENIZER: digest_file(_tokenizer(context))},
    account=account,
)
