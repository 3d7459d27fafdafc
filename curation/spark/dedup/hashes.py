"""What is read of each document before anything is decided: a digest of its text, its bands, its sketch."""

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
        bands: None = no bands, and no sketch.
        scopes: source -> name of the scope in which its duplicates are looked for; None = one for all.
    """
    wanted = documents.select(*KEY, *values, "source", "text")
    names = [name for name in wanted.columns if name not in ("source", "text")]
    preferences = [pa.field(name, pa.float64()) for name in names if name not in KEY]
    schema = pa.schema([*[DOCUMENT.field(name) for name in KEY], *preferences, *_HASHES])

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            columns = {name: batch[name] for name in names}
            digests = text_digests(batch["text"])
            found, sketch = pa.array([[]] * len(batch), pa.list_(pa.int64())), pa.nulls(len(batch))
            if bands is not None:
                banded = band_batch(batch, bands)
                found, sketch = banded["band_keys"], banded["sketch"]
            if scopes is not None:
                inside = [scopes[source] for source in batch["source"].to_pylist()]
                digests, found = scoped_digests(digests, inside), scoped_keys(found, inside)
            columns |= {"digest": digests, "band_keys": found, "sketch": sketch}
            yield pa.RecordBatch.from_pydict(columns)

    return map_batches(wanted, run, schema)


def sketched(found: DataFrame, bands: Scheme) -> DataFrame:
    """Return documents of earlier runs (id, earlier, preferences, text, band_keys) with their sketch.

    An index has no sketches: what it has of a document is its text.
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
    return map_batches(found.select(*fields), run, schema)
