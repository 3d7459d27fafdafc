"""The settings of `curate quality train`: texts to be like, texts to be unlike, and what to train."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from curation.files.remote import named_files
from curation.text.mistakes import Where


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSource:
    """Where texts come from: a table, or what a run kept.

    Attributes:
        path: of JSONL (packed or not) or Parquet: a path, URL or glob.
        text: the column with the text.
        run: or a run directory: the documents that its last stage of rows kept.
        source: of the run, only this input's documents.
        name: what the texts are called (None: the source, else the path or run).
    """

    path: str | None = None
    text: str = "text"
    run: str | None = None
    source: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if bool(self.path) == bool(self.run):
            raise ValueError("texts come from one of 'path' (a table) and 'run' (a run directory)")
        if self.source and not self.run:
            raise ValueError("'source' chooses among the inputs of a 'run', which is not given")

    @property
    def called(self) -> str:
        """What the texts are called."""
        return self.name or self.source or self.path or str(self.run)

    def files(self) -> list[str]:
        """Return the files that the path names."""
        return named_files(self.path) if self.path else []


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityTraining:
    """What to train.

    Attributes:
        positive: texts to be like; a share of them is held out.
        negative: texts to be unlike; a share of them is held out.
        held_out: negatives of other sources, which training does not see: the honest test.
        label: what positives are called; negatives are `other`.
        characters: of a text that are read (None: all); say the same to `fasttext_probability`.
        per_class: at most so many texts of either class, by a hash.
        held_out_fraction: of positives and negatives, by a hash.
        dim, buckets, word_ngrams, epochs, learning_rate, min_count: fastText's; a model takes about
            4 bytes x dim x (buckets + different words seen at least min_count times).
    """

    positive: tuple[TextSource, ...]
    negative: tuple[TextSource, ...]
    held_out: tuple[TextSource, ...]
    label: str = "hq"
    characters: int | None = field(default=None, metadata={"min": 1})
    per_class: int = field(default=200_000, metadata={"min": 1})
    held_out_fraction: float = field(default=0.1, metadata={"min": 0.001, "max": 0.9})
    dim: int = field(default=32, metadata={"min": 1, "max": 1000})
    buckets: int = field(default=200_000, metadata={"min": 1})
    word_ngrams: int = field(default=2, metadata={"min": 1, "max": 10})
    epochs: int = field(default=5, metadata={"min": 1})
    learning_rate: float = field(default=0.1, metadata={"min": 0.0001, "max": 10.0})
    min_count: int = field(default=3, metadata={"min": 1})
    seed: int = field(default=1, metadata={"min": 0})

    @staticmethod
    def mistakes(values: Mapping[str, Any]) -> Iterator[Where]:
        """Yield (where, what) for empty lists, files that are not there, and a test on the training."""
        for name in ("positive", "negative", "held_out"):
            sources = values.get(name)
            if sources is not None and not sources:
                yield (name,), f"{name} is empty; name at least one table or run"
            for i, source in enumerate(sources or ()):
                if source and source.path and not source.files():
                    yield (name, i), f"'{source.path}' names no file; expected JSONL or Parquet"
        trained = [*(values.get("positive") or ()), *(values.get("negative") or ())]
        for i, source in enumerate(values.get("held_out") or ()):
            if source and source in trained:
                yield ("held_out", i), f"'{source.called}' is trained on; hold out another source"

    @property
    def options(self) -> dict[str, Any]:
        """The training's options, as fastText calls them."""
        return {
            "dim": self.dim,
            "bucket": self.buckets,
            "wordNgrams": self.word_ngrams,
            "epoch": self.epochs,
            "lr": self.learning_rate,
            "minCount": self.min_count,
            "seed": self.seed,
        }
