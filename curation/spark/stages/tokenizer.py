"""Tokenizer: trained on a hash-sample of the kept text, for the shards; it hands on no documents."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from curation.accounting.manifest import join
from curation.accounting.sample import sampled
from curation.recipe.recipe import Recipe
from curation.recipe.sections.shard import Train, TrainedTokenizer
from curation.shards.long_runs import CutRuns
from curation.shards.tokens import train_tokenizer
from curation.spark.frames import map_batches
from curation.spark.stage import Context, Detail, Stage
from curation.spark.store import write_text

FILE = "tokenizer.json"
_SAMPLE = pa.schema([("id", pa.string()), ("text", pa.string())])


def train(documents: DataFrame, settings: Train, path: str) -> CutRuns:
    """Train a byte-level BPE tokenizer on a hash-sample of the kept text; write it to `path`.

    Return what was cut of texts whose runs would have made training endless.
    """
    characters = documents.agg(F.sum("characters")).first()[0] or 0  # type: ignore[index]
    rate = min(1.0, settings.sample_mib * (1 << 20) / max(1, characters))

    def in_sample(batch: pa.RecordBatch) -> pa.RecordBatch:
        chosen = [sampled(document, rate, "tokenizer") for document in batch["id"].to_pylist()]
        return batch.filter(pa.array(chosen, pa.bool_()))

    # The order of the sample decides nothing in the tokenizer, yet it is sorted: equal bytes, always.
    sample = map_batches(documents.select("id", "text"), in_sample, _SAMPLE).toArrow().sort_by("id")
    runs = CutRuns()
    write_text(join(path, FILE), train_tokenizer(sample["text"].to_pylist(), settings.vocab, runs).decode())
    return runs


def trained(recipe: Recipe) -> TrainedTokenizer | None:
    """Return how a recipe's tokenizer is trained; None where it names a file."""
    tokenizer = recipe.shard.tokenizer
    return tokenizer if isinstance(tokenizer, TrainedTokenizer) else None


def _write(spark: SparkSession, context: Context, path: str) -> Detail:
    return train(context.documents(spark), context.settings.train, path).to_json()


TOKENIZER = Stage(
    "tokenizer",
    after=("extract",),
    section=trained,
    write=_write,
    output_version=2,
    libraries=("tokenizers", "regex"),
    config=trained,
    account=None,
)
