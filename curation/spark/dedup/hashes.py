"""Hashes of each document, read before anything is decided: a digest of its text, its bands, its sketch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
from pyspark.sql import Column, DataFrame

from curation.dedup.exact import text_digests
from curation.dedup.minhash import Scheme, band_batch
from curation.dedup.scope import scoped_digests, scoped_keys
from curation.document import DOCUMENT
from curation.spark.dedup.near import KEY
from curation.spark.frames import Batches, map_batches

_SKETCH = pa.field("sketch", pa.int64())
_HASHES = [pa.field("digest", pa.binary()), pa.field("band_keys", pa.list_(pa.int64())), _SKETCH]


def hashes(
    documents: DataFrame, values: Sequence[Column], bands: Scheme | None, scopes: Mapping[str, str] | None
) -> DataFrame:
    """Return one thin row a document: KEY, its preferences, digest of the text, band keys, sketch.

    Args:
        documents: rows in the DOCUMENT schema.
        values: the preferences, named columns of doubles.
        bands: how bands are made; None = make no bands and no sketch.
        scopes: source -> its scope; only documents of one scope are compared. None = all are.
    """
    inputs = documents.select(*KEY, *values, "source", "text")
    names = [name for name in inputs.columns if name not in ("source", "text")]
    preferences = [pa.field(name, pa.float64()) for name in names if name not in KEY]
    schema = pa.schema([*[DOCUMENT.field(name) for name in KEY], *preferences, *_HASHES])

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            digests = text_digests(batch["text"])
            keys, sketch = pa.array([[]] * len(batch), pa.list_(pa.int64())), pa.nulls(len(batch))
            if bands is not None:
                banded = band_batch(batch, bands)
                keys, sketch = banded["band_keys"], banded["sketch"]
            if scopes is not None:
                scope = [scopes[source] for source in batch["source"].to_pylist()]
                digests, keys = scoped_digests(digests, scope), scoped_keys(keys, scope)
            made = {"digest": digests, "band_keys": keys, "sketch": sketch}
            yield pa.RecordBatch.from_pydict({name: batch[name] for name in names} | made)

    return map_batches(inputs, run, schema)


def sketched(documents: DataFrame, bands: Scheme) -> DataFrame:
    """Return documents of earlier runs (id, earlier, preferences, text, band_keys) with their sketch.

    An index has no sketches, but it has the texts that they are made from.
    """
    fields = {
        "id": pa.string(),
        "earlier": pa.string(),
        "preferences": pa.list_(pa.float64()),
        "text": pa.string(),
        "band_keys": pa.list_(pa.int64()),
    }

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            columns = {name: batch[name] for name in fields}
            yield pa.RecordBatch.from_pydict(columns | {"sketch": band_batch(batch, bands)["sketch"]})

    schema = pa.schema([*[pa.field(name, kind) for name, kind in fields.items()], _SKETCH])
    return map_batches(documents.select(*fields), run, schema)
