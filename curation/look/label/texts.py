"""`curate quality train`: texts from tables and runs to a model, with what it learned written beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.dataset as ds
from rich.console import Group, RenderableType
from rich.text import Text

from curation.accounting.fingerprint import canonical
from curation.files.digests import digest_bytes, digest_file
from curation.files.packed_file import open_unpacked
from curation.files.whole import replacing
from curation.look.errors import BadQuestion
from curation.look.render.terminal import Answer, Grid
from curation.look.run import open_run
from curation.quality.settings import QualityTraining, TextSource
from curation.quality.training import (
    MIN_HELD_OUT,
    NORMALISATION,
    OTHER,
    Classifier,
    Judged,
    Texts,
    TrainingText,
    auc_if_enough,
    judge,
    log_ratios,
    quantiles,
    stability,
    train,
    training_text,
    unigram_counts,
)

#: As in the paper (Xie et al. 2023).
DSIR_BUCKETS = 10_000
HELD_OUT, SAME = "other sources", "the sources it was trained on"
FEW = (
    "Too few texts are held out to judge the model by: "
    f"an AUC is told from {MIN_HELD_OUT} of either kind on. "
    "Give or label more texts, or raise held_out_fraction"
)


class BadTexts(BadQuestion):
    """A table or run from which no texts can be read; says where."""


def texts(source: TextSource) -> Iterator[TrainingText]:
    """Yield the texts of a source.

    Raises:
        BadTexts: a table has no such column, a line is no JSON.
    """
    if source.run:
        yield from _of_run(source.run, source.source, source.called)
    for path in source.files():
        if path.endswith((".parquet", ".pq")):
            table = ds.dataset(path, format="parquet")
            if source.text not in table.schema.names:
                known = ", ".join(table.schema.names)
                raise BadTexts(f"{path}: has no column '{source.text}'; it has {known}")
            for batch in table.to_batches(columns=[source.text]):
                yield from (TrainingText(source.called, text) for text in batch[0].to_pylist() if text)
        else:
            yield from _of_lines(path, source)


def _of_run(directory: str, only: str | None, called: str) -> Iterator[TrainingText]:
    run = open_run(directory)
    rows = run.rows(run.require_rows()[-1])
    condition = pc.field("state") == "kept"
    if only:
        condition &= pc.field("source") == only
    for batch in rows.to_batches(columns=["source", "text", "form"], filter=condition):
        for row in batch.to_pylist():
            called_source = called if only else row["source"]
            yield TrainingText(called_source, row["text"] or "", row["form"] or "plain")


def _of_lines(path: str, source: TextSource) -> Iterator[TrainingText]:
    with open_unpacked(path) as stream:
        for number, line in enumerate(stream, 1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise BadTexts(f"{path}, line {number}: is no JSON: {error}") from None
            if not isinstance(row, dict) or source.text not in row:
                known = ", ".join(row) if isinstance(row, dict) else "no fields"
                raise BadTexts(f"{path}, line {number}: has no field '{source.text}'; it has {known}")
            if row[source.text]:
                yield TrainingText(source.called, str(row[source.text]))


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityModel(Answer):
    """The answer to `curate quality train`, and what lies beside the model.

    Attributes:
        digest: of the model's bytes; training_digest: of what it was trained on.
        normalisation: what is done to a text before the model reads it.
        examples: how many texts of each kind.
        judged: kind of negatives -> how well held-out positives are told from them.
        between_sources: how well the score tells negatives of other sources from those it was trained on;
            0.5 where it sees no source; None where there are too few texts.
        stability: change of a text -> share of the best tenth that stays, mean change of the score.
        quantiles: percent -> the score that so many of the other sources' texts are above.
    """

    model: str
    digest: str
    training_digest: str
    bytes: int
    normalisation: str
    settings: Any
    examples: dict[str, int]
    judged: dict[str, Judged]
    between_sources: float | None
    stability: dict[str, dict[str, float]]
    quantiles: dict[str, float]
    fasttext: str

    def __rich__(self) -> RenderableType:
        """Return how well held-out texts are told apart, and what changes to a text do."""
        counts = ", ".join(f"{count:,} {name}" for name, count in self.examples.items())
        judged = (
            [name, *map(_auc, (row.model, row.length, row.source)), f"{row.negatives:,}"]
            for name, row in self.judged.items()
        )
        names = ["AUC of held-out positives against", "model", "length only", "source only", "texts"]
        auc = self.between_sources
        between = _auc(None if auc is None else max(auc, 1 - auc))
        changed = (
            [name, f"{change['stays']:.1%}", f"{change['moved']:.4f}"]
            for name, change in self.stability.items()
        )
        changes = Grid(["a text changed", "of the best tenth stays", "mean change of the score"], changed)
        few = any(row.model is None for row in self.judged.values())
        return Group(
            Text(f"{self.model}: {self.bytes / 2**20:,.1f} MiB, {self.digest}; {counts}"),
            Grid(names, judged),
            Text(f"AUC between the two kinds of negatives: {between}; 0.5 where the model sees no source"),
            *([changes] if self.stability else []),
            *([Text(FEW)] if few else []),
        )


def _auc(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def train_quality(settings: QualityTraining, out: str) -> QualityModel:
    """Train a model, save it at the local path `out`, and write `out`.json beside it."""
    examples = parted(settings)
    text = training_text(examples, settings.label, settings.characters)
    os.makedirs(os.path.dirname(os.path.abspath(out)), exist_ok=True)
    with replacing(out) as part:
        train(text, str(part), settings.options)
    model = Classifier(out, settings.label, settings.characters)
    other = [example.text for example in examples.other_negative]
    scores, held = model.scores(other), [example.text for example in examples.held_negative]
    trained = QualityModel(
        model=os.path.basename(out),
        digest=digest_file(out),
        training_digest=digest_bytes(text.encode()),
        bytes=os.path.getsize(out),
        normalisation=NORMALISATION,
        settings=canonical(settings),
        examples={
            settings.label: len(examples.positive),
            OTHER: len(examples.negative),
            f"{settings.label} held out": len(examples.held_positive),
            f"{OTHER} held out": len(examples.held_negative) + len(other),
        },
        judged={
            HELD_OUT: judge(model, examples.held_positive, examples.other_negative),
            SAME: judge(model, examples.held_positive, examples.held_negative),
        },
        between_sources=auc_if_enough(scores, model.scores(held)),
        stability=stability(model, [*(example.text for example in examples.held_positive), *other]),
        quantiles=quantiles(scores),
        fasttext=version("fasttext-numpy2-wheel"),
    )
    Path(f"{out}.json").write_text(json.dumps(trained.to_json(), indent=1, ensure_ascii=False) + "\n")
    return trained


def write_likeness(task: str, settings: QualityTraining, out: str) -> str:
    """Write what the signals of likeness read: `dsir` (importance weights) or `unigrams` (word counts).

    Weights are of positives against negatives; counts are those of the positives. Returns what was written.
    """
    examples = parted(settings)
    target = [example.readable for example in examples.positive]
    if task == "unigrams":
        text = unigram_counts(target, settings.min_count)
    else:
        logs = log_ratios(target, [example.readable for example in examples.negative], DSIR_BUCKETS)
        text = json.dumps({"normalisation": "words, lower case; pairs", "log_ratios": logs}) + "\n"
    os.makedirs(os.path.dirname(os.path.abspath(out)), exist_ok=True)
    Path(out).write_text(text, encoding="utf-8")
    return f"{out}: {task} of {len(target):,} texts, {digest_bytes(text.encode())}"


def parted(settings: QualityTraining) -> Texts:
    """Return the texts of the settings' sources, parted.

    Raises:
        BadTexts: there are none of a kind to train on, or a table is not as declared.
    """

    def read(sources: Sequence[TextSource]) -> Iterator[TrainingText]:
        for source in sources:
            yield from texts(source)

    split = Texts.split(
        read(settings.positive),
        read(settings.negative),
        read(settings.held_out),
        held_out_fraction=settings.held_out_fraction,
        per_class=settings.per_class,
    )
    for name, examples in (("positive", split.positive), ("negative", split.negative)):
        if not examples:
            raise BadTexts(f"{name}: no text is left to train on; expected tables or runs with texts")
    return split
