"""Training and evaluation of a fastText quality model, compared with length and source alone.

The same texts, settings and seed give the same bytes, in any order of the texts: they are sorted by a hash,
and one thread trains in its own process with zeroed memory.
"""

from __future__ import annotations

import json
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
from curation.text.markdown import Form, readable
from curation.text.text import Text

_PROGRAM = """
import json, sys, fasttext
options = json.loads(sys.argv[3])
fasttext.train_supervised(sys.argv[1], thread=1, verbose=0, **options).save_model(sys.argv[2])
"""
#: With one thread the library initializes only a tenth of its first matrix. The rest is uninitialized memory,
#: which changes the model or makes it NaN. This makes glibc fill allocated memory with the complement of the
#: byte: zeros.
ZEROED_MEMORY = {"MALLOC_PERTURB_": "255"}
#: How a text is normalized before the model reads it, in training and in `fasttext_probability`.
NORMALISATION = "line feeds are spaces, lone surrogates question marks"
OTHER = "other"
_HASHES = float(1 << 64)  # number of hash values

#: Name -> perturbation of a text that should not change its score much.
CHANGES: Mapping[str, Callable[[str], str]] = {
    "line feeds deleted": lambda text: text.replace("\n", ""),
    "white space collapsed": lambda text: " ".join(text.split()),
    "lower case": str.lower,
    "first 1,000 characters": lambda text: text[:1000],
    "first 5,000 characters": lambda text: text[:5000],
    "without its last tenth": lambda text: text[: len(text) - len(text) // 10],
}
TOP = 0.1  # share of the held-out texts whose stability is measured
#: Fewer held-out texts per class say nothing: with 20 of each the 95 % interval of an AUC of .9 is .8 to 1.0
#: (Hanley and McNeil 1982).
MIN_HELD_OUT = 20


class TrainingFailed(RuntimeError):
    """fastText failed; the message is its own."""


@dataclass(frozen=True, slots=True)
class TrainingText:
    """A text with its form and the name of its source."""

    source: str
    text: str
    form: Form = "plain"

    @property
    def readable(self) -> str:
        """The text as signals of words read it: Markdown without its markup."""
        return readable(self.text, self.form)

    @property
    def hash(self) -> int:
        """Hash of the text; it decides its order and whether it is held out."""
        return int(xxhash.xxh3_64_intdigest(self.text.encode("utf-8", "surrogatepass")))


@dataclass(frozen=True, slots=True)
class Texts:
    """Training texts and held-out texts; every list is sorted by hash."""

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
        """Hold out a hash sample of the texts; take the `per_class` lowest hashes of every list."""
        parts = []
        for texts in (positive, negative):
            unique = _by_hash(texts)
            held = [text for text in unique if text.hash / _HASHES < held_out_fraction]
            parts.append(([text for text in unique if text.hash / _HASHES >= held_out_fraction], held))
        (positives, held_positive), (negatives, held_negative) = parts
        return cls(
            positives[:per_class],
            negatives[:per_class],
            held_positive[:per_class],
            held_negative[:per_class],
            _by_hash(other)[:per_class],
        )


def _by_hash(texts: Iterable[TrainingText]) -> list[TrainingText]:
    """Return distinct, non-blank texts, sorted by hash."""
    return [text for _, text in sorted({text.hash: text for text in texts if text.text.strip()}.items())]


def line(text: str, characters: int | None = None) -> str:
    """Return the normalized text that the model reads."""
    return text[:characters].replace("\n", " ").encode("utf-8", "replace").decode("utf-8")


def training_text(texts: Texts, label: str, characters: int | None) -> str:
    """Return fastText's training file: one text per line, sorted by hash."""
    rows = [(text.hash, label, text.text) for text in texts.positive]
    rows += [(text.hash, OTHER, text.text) for text in texts.negative]
    return "".join(f"__label__{name} {line(text, characters)}\n" for _, name, text in sorted(rows))


def train(text: str, model: str, options: Mapping[str, Any]) -> None:
    """Train on the text of a training file, in its own process with one thread, and save the model.

    Raises:
        TrainingFailed: fastText failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "train.txt")
        path.write_text(text, encoding="utf-8")
        command = [sys.executable, "-c", _PROGRAM, str(path), model, json.dumps(dict(options))]
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, env=os.environ | ZEROED_MEMORY
        )
    if result.returncode:
        message = (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise TrainingFailed(f"fastText did not train: {message}. Try another seed or a lower learning rate")


class Classifier:
    """A trained model that returns the probability of one label."""

    def __init__(self, path: str, label: str, characters: int | None) -> None:
        """Load the model."""
        import fasttext

        self._model = fasttext.load_model(path)
        self._label, self._characters = f"__label__{label}", characters

    def scores(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return (texts,) probabilities."""
        lines = [line(text, self._characters) for text in texts]
        if not lines:
            return np.empty(0)
        rows = zip(*self._model.predict(lines, k=-1), strict=True)
        by_label = [dict(zip(labels, values, strict=True)) for labels, values in rows]
        return np.clip([values.get(self._label, 0.0) for values in by_label], 0.0, 1.0)


def unigram_counts(texts: Iterable[str], min_count: int) -> str:
    """Return lines `word TAB count` for the words that occur at least `min_count` times, sorted by count."""
    counts: Counter[str] = Counter()
    for text in texts:
        words = Text(text).words("alphanumeric", lowercase=True)
        counts.update(dict(zip(words.vocabulary, words.word_counts.tolist(), strict=True)))
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    lines = (f"{word}\t{count}\n" for word, count in ranked if count >= min_count)
    return "".join(lines).encode("utf-8", "replace").decode("utf-8")


def log_ratios(target: Iterable[str], raw: Iterable[str], buckets: int) -> list[float]:
    """Return ln(p(target) / p(raw)) for every bucket of words and word pairs, with add-one smoothing."""
    logs = []
    for texts in (target, raw):
        counts = np.ones(buckets)
        for text in texts:
            counts += bucket_counts(Text(text), buckets)
        logs.append(np.log(counts / counts.sum()))
    return [round(float(ratio), 9) for ratio in logs[0] - logs[1]]


def auc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Return the probability that a positive scores above a negative; ties count half.

    Neither may be empty.

    >>> auc(np.array([3.0, 2.0]), np.array([1.0, 2.0]))
    0.875
    """
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left") + np.searchsorted(ordered, positive, "right")
    return float(below.sum() / 2 / len(positive) / len(negative))


def auc_if_enough(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float | None:
    """Return `auc`, or None if either class has too few texts."""
    few = min(len(positive), len(negative)) < MIN_HELD_OUT
    return None if few else auc(positive, negative)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """AUC of held-out positives against one kind of negatives; None if there are too few texts.

    Attributes:
        model: of the model.
        length: of the number of characters alone (the better direction).
        source: of the mean score of the text's source: what a model that only knew sources would reach.
        negatives: number of negatives.
    """

    model: float | None
    length: float | None
    source: float | None
    negatives: int


def judge(model: Classifier, positive: Sequence[TrainingText], negative: Sequence[TrainingText]) -> Judged:
    """Return how well a model separates positives from negatives."""
    classes = (positive, negative)
    scores = [model.scores([text.text for text in texts]) for texts in classes]
    lengths = [np.array([float(len(text.text)) for text in texts]) for texts in classes]
    by_source: dict[str, list[float]] = {}
    for texts, values in zip(classes, scores, strict=True):
        for text, score in zip(texts, values, strict=True):
            by_source.setdefault(text.source, []).append(float(score))
    means = {source: sum(group) / len(group) for source, group in by_source.items()}
    sources = [np.array([means[text.source] for text in texts]) for texts in classes]
    length = auc_if_enough(lengths[0], lengths[1])
    return Judged(
        model=auc_if_enough(scores[0], scores[1]),
        length=None if length is None else max(length, 1 - length),
        source=auc_if_enough(sources[0], sources[1]),
        negatives=len(negative),
    )


def stability(model: Classifier, texts: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return change -> share of the best tenth that stays in it, and mean change of the score.

    Empty if there are too few texts.
    """
    if len(texts) < MIN_HELD_OUT:
        return {}
    scores = model.scores(texts)
    count = round(len(texts) * TOP)
    best = set(np.argsort(-scores, kind="stable")[:count].tolist())
    result = {}
    for name, change in CHANGES.items():
        changed = model.scores([change(text) for text in texts])
        stays = best & set(np.argsort(-changed, kind="stable")[:count].tolist())
        result[name] = {"stays": len(stays) / count, "moved": float(np.abs(changed - scores).mean())}
    return result


def quantiles(scores: NDArray[np.float64]) -> dict[str, float]:
    """Return percent -> score above which that share of the texts lies; empty if there are too few texts.

    It shows what a fixed bound would keep.
    """
    if len(scores) < MIN_HELD_OUT:
        return {}
    shares = (1, 2, 5, 10, 20, 30, 50, 75, 90)
    return {f"{share}%": float(cast(float, np.quantile(scores, 1 - share / 100))) for share in shares}
