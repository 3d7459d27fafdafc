"""Hashes of each document, read before anything is decided: a digest of its text, its bands, its sketch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
from pyspark.sql import Column, DataFrame

from curation.dedup.exact import text_digests
from curation.dedup.minhash import Scheme, banded
from curation.spark.dedup.near import KEY, KEY_FIELDS
from curation.spark.frames import map_batches

_BAND_KEYS = pa.field("band_keys", pa.list_(pa.int64()))
_HASHES = [pa.field("digest", pa.binary()), _BAND_KEYS, pa.field("sketch", pa.int64())]
_SKETCHED = pa.schema(
    [
        *(("id", pa.string()), ("earlier", pa.string()), ("preferences", pa.list_(pa.float64()))),
        *(("text", pa.string()), _BAND_KEYS, ("sketch", pa.int64())),
    ]
)


def hashes(
    documents: DataFrame, values: Sequence[Column], bands: Scheme | None, scopes: Mapping[str, str] | None
) -> DataFrame:
    """Return one thin row a document: KEY, its preferences, digest of the text, band keys, sketch.

    Args:
        documents: rows in the DOCUMENT schema.
        values: the preferences, named columns of doubles.
        bands: how bands are made; None = make no bands and no sketch.
        scopes: see `Finder`.
    """
    inputs = documents.select(*KEY, *values, "source", "text")
    names = [name for name in inputs.columns if name not in ("source", "text")]
    preferences = [pa.field(name, pa.float64()) for name in names if name not in KEY]
    schema = pa.schema([*KEY_FIELDS, *preferences, *_HASHES])

    def hashed(batch: pa.RecordBatch) -> pa.RecordBatch:
        own = None if scopes is None else [scopes[source] for source in batch["source"].to_pylist()]
        keys, sketch = pa.array([[]] * len(batch), _BAND_KEYS.type), pa.nulls(len(batch))
        if bands is not None:
            keys, sketch = banded(batch["text"], bands, own)
        columns = {name: batch[name] for name in names} | {"digest": text_digests(batch["text"], own)}
        return pa.RecordBatch.from_pydict({**columns, "band_keys": keys, "sketch": sketch})

    return map_batches(inputs, hashed, schema)


def sketched(documents: DataFrame, bands: Scheme) -> DataFrame:
    """Return documents of earlier runs (id, earlier, preferences, text, band_keys) with their sketch.

    An index has no sketches, but it has the texts that they are made from.
    """

    def with_sketch(batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch.append_column("sketch", banded(batch["text"], bands)[1])

    return map_batches(documents.select(*_SKETCHED.names[:-1]), with_sketch, _SKETCHED)
