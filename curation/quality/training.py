"""Training of a quality model (fastText), and what it learned, beside length and source alone.

The same texts, settings and seed give the same bytes, whatever order the texts came in: they are put in the
order of a hash, one thread trains, in a process of its own, from memory that is cleared for the library.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import xxhash
from numpy.typing import NDArray

from curation.signals.models.likeness import bucket_counts
from curation.text.text import Text

_PROGRAM = """
import json, sys, fasttext
options = json.loads(sys.argv[3])
fasttext.train_supervised(sys.argv[1], thread=1, verbose=0, **options).save_model(sys.argv[2])
"""
#: The library fills a tenth of its first matrix where one thread trains, and takes the rest as it finds it:
#: another model, or a NaN. With this glibc fills all that is asked for with the byte's complement: zeros.
CLEARED = {"MALLOC_PERTURB_": "255"}
#: What is done to a text before the model reads it, in training and by `fasttext_probability`.
NORMALISATION = "line feeds are spaces, lone surrogates question marks"
OTHER = "other"
_SPAN = float(1 << 64)

Change = Callable[[str], str]
#: Name -> change of a text that should not change a verdict.
CHANGES: Mapping[str, Change] = {
    "line feeds deleted": lambda text: text.replace("\n", ""),
    "white space collapsed": lambda text: " ".join(text.split()),
    "lower case": str.lower,
    "first 1,000 characters": lambda text: text[:1000],
    "first 5,000 characters": lambda text: text[:5000],
    "without its last tenth": lambda text: text[: len(text) - len(text) // 10],
}
TOP = 0.1  # of the held-out texts: the verdicts whose stability is told
#: Fewer held-out texts of a kind tell nothing: with 20 of either the 95 % interval of an AUC of .9 is
#: .8 to 1.0 (Hanley and McNeil 1982).
MIN_HELD_OUT = 20


class TrainingFailed(RuntimeError):
    """fastText did not train; says what it said."""


@dataclass(frozen=True, slots=True)
class TrainingText:
    """A text with the name of its source."""

    source: str
    text: str

    @property
    def place(self) -> int:
        """A hash of the text: its place in the order, and whether it is held out."""
        return int(xxhash.xxh3_64_intdigest(self.text.encode("utf-8", "surrogatepass")))


@dataclass(frozen=True, slots=True)
class Texts:
    """What to train on and what to judge by; each list in the order of its texts' hashes."""

    positive: list[TrainingText]
    negative: list[TrainingText]
    held_positive: list[TrainingText]
    held_negative: list[TrainingText]
    other_negative: list[TrainingText] = field(default_factory=list)

    @classmethod
    def split(
        cls,
        positive: Iterable[TrainingText],
        negative: Iterable[TrainingText],
        other: Iterable[TrainingText],
        *,
        held_out_fraction: float,
        per_class: int,
    ) -> Texts:
        """Hold a hash-sample of the texts out and take `per_class` of the others, the least hashes."""
        parts = []
        for examples in (positive, negative):
            kept = sorted({each.place: each for each in examples if each.text.strip()}.items())
            held = [each for place, each in kept if place / _SPAN < held_out_fraction]
            parts.append(([each for place, each in kept if place / _SPAN >= held_out_fraction], held))
        others = sorted({each.place: each for each in other if each.text.strip()}.items())
        (positives, held_positive), (negatives, held_negative) = parts
        return cls(
            positives[:per_class],
            negatives[:per_class],
            held_positive[:per_class],
            held_negative[:per_class],
            [each for _, each in others[:per_class]],
        )


def line(text: str, characters: int | None = None) -> str:
    """Return a text as the model reads it."""
    return text[:characters].replace("\n", " ").encode("utf-8", "replace").decode("utf-8")


def training_text(texts: Texts, label: str, characters: int | None) -> str:
    """Return fastText's training file: one text a line, in the order of hashes."""
    named = [(each.place, label, each.text) for each in texts.positive]
    named += [(each.place, OTHER, each.text) for each in texts.negative]
    return "".join(f"__label__{name} {line(text, characters)}\n" for _, name, text in sorted(named))


def train(text: str, model: str, options: Mapping[str, Any]) -> None:
    """Train on a file's text in a process of its own, one thread, and save the model.

    Raises:
        TrainingFailed: fastText did not.
    """
    import json

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "train.txt")
        path.write_text(text, encoding="utf-8")
        command = [sys.executable, "-c", _PROGRAM, str(path), model, json.dumps(dict(options))]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | CLEARED)
    if ran.returncode:
        said = (ran.stderr.strip().splitlines() or ["nothing"])[-1]
        raise TrainingFailed(f"fastText did not train: {said}. Try another seed or a lower learning rate")


class Classifier:
    """A trained model, asked for the probability of one label."""

    def __init__(self, path: str, label: str, characters: int | None) -> None:
        """Load it."""
        import fasttext

        self._model, self._label, self._characters = (
            fasttext.load_model(path),
            f"__label__{label}",
            characters,
        )

    def scores(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return (texts,) probabilities."""
        lines = [line(text, self._characters) for text in texts]
        if not lines:
            return np.empty(0)
        found = zip(*self._model.predict(lines, k=-1), strict=True)
        chances = [dict(zip(labels, values, strict=True)) for labels, values in found]
        return np.clip([each.get(self._label, 0.0) for each in chances], 0.0, 1.0)


def unigram_counts(texts: Iterable[str], least: int) -> str:
    """Return `word TAB count` of the words that stand at least `least` times, most frequent first."""
    counts: Counter[str] = Counter()
    for text in texts:
        words = Text(text).words("alphanumeric", lowercase=True)
        counts.update(dict(zip(words.vocabulary, words.word_counts.tolist(), strict=True)))
    found = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    lines = (f"{word}\t{count}\n" for word, count in found if count >= least)
    return "".join(lines).encode("utf-8", "replace").decode("utf-8")


def log_ratios(target: Iterable[str], raw: Iterable[str], buckets: int) -> list[float]:
    """Return ln(p(target) / p(raw)) of each bucket of words and pairs; one is added to every count."""
    logs = []
    for texts in (target, raw):
        counts = np.ones(buckets)
        for text in texts:
            counts += bucket_counts(Text(text), buckets)
        logs.append(np.log(counts / counts.sum()))
    return [round(float(each), 9) for each in logs[0] - logs[1]]


def auc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Return the chance that a positive's score is above a negative's, equal ones counted half.

    There must be one of either.

    >>> auc(np.array([3.0, 2.0]), np.array([1.0, 2.0]))
    0.875
    """
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    return float(below.sum() / 2 / len(positive) / len(negative))


def auc_if_enough(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float | None:
    """Return `auc`; None where there are too few of either to tell anything."""
    few = min(len(positive), len(negative)) < MIN_HELD_OUT
    return None if few else auc(positive, negative)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How well held-out positives are told from one kind of negatives: by the model, and by less.

    Each is an AUC, None where there are too few texts for one.

    Attributes:
        length: by the number of characters alone (the better direction).
        source: by the mean score of a text's source alone: what a model that only knew sources would reach.
    """

    model: float | None
    length: float | None
    source: float | None
    negatives: int


def judge(model: Classifier, positive: Sequence[TrainingText], negative: Sequence[TrainingText]) -> Judged:
    """Return how well positives are told from negatives."""
    scores = [model.scores([each.text for each in part]) for part in (positive, negative)]
    lengths = [np.array([float(len(each.text)) for each in part]) for part in (positive, negative)]
    by_source: dict[str, list[float]] = {}
    for part, found in zip((positive, negative), scores, strict=True):
        for each, score in zip(part, found, strict=True):
            by_source.setdefault(each.source, []).append(float(score))
    means = {source: sum(found) / len(found) for source, found in by_source.items()}
    sources = [np.array([means[each.source] for each in part]) for part in (positive, negative)]
    length = auc_if_enough(lengths[0], lengths[1])
    return Judged(
        model=auc_if_enough(scores[0], scores[1]),
        length=None if length is None else max(length, 1 - length),
        source=auc_if_enough(sources[0], sources[1]),
        negatives=len(negative),
    )


def stability(model: Classifier, texts: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return change -> share of the best tenth that stays in it, and the mean change of the score.

    Nothing where there are too few texts to have a best tenth.
    """
    if len(texts) < MIN_HELD_OUT:
        return {}
    scores = model.scores(texts)
    count = round(len(texts) * TOP)
    best = set(np.argsort(-scores, kind="stable")[:count].tolist())
    found = {}
    for name, change in CHANGES.items():
        changed = model.scores([change(text) for text in texts])
        stays = best & set(np.argsort(-changed, kind="stable")[:count].tolist())
        found[name] = {"stays": len(stays) / count, "moved": float(np.abs(changed - scores).mean())}
    return found


def quantiles(scores: NDArray[np.float64]) -> dict[str, float]:
    """Return percent -> the score that so many of the texts are above: what a fixed bound would keep.

    Nothing where there are too few texts.
    """
    if len(scores) < MIN_HELD_OUT:
        return {}
    shares = (1, 2, 5, 10, 20, 30, 50, 75, 90)
    return {f"{share}%": float(cast(float, np.quantile(scores, 1 - share / 100))) for share in shares}
