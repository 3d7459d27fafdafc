"""Signals of how like a corpus a text is: perplexity by word counts or KenLM, importance weights (DSIR)."""

from __future__ import annotations

import functools
import importlib
import itertools
import math
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from curation.signals.models.model_files import importance_weights, word_counts
from curation.signals.registry import FilePath, signal
from curation.text.text import Text

#: Perplexities above this are told as this: a number that every table can hold.
_MOST = 1e12


@functools.lru_cache(maxsize=4)
def _log_chances(path: str) -> tuple[dict[str, float], float]:
    """Return word -> ln p with one added to every count, and ln p of a word that was not counted."""
    counts = word_counts(path)
    total = sum(counts.values()) + len(counts) + 1
    return {word: math.log((count + 1) / total) for word, count in counts.items()}, -math.log(total)


@signal
def unigram_perplexity(text: Text, *, counts: FilePath) -> float:
    """Perplexity of the words one by one: exp of their mean -ln p; 0.0 where there are no words.

    `counts` is a list of `word TAB count`, lower case, as `curate quality unigrams` writes it; one is added
    to every count, and a word that is not in it has the chance of one that was never seen.
    """
    words = text.words("alphanumeric", lowercase=True)
    if not words.count:
        return 0.0
    known, unknown = _log_chances(counts)
    chances = np.array([known.get(word, unknown) for word in words.vocabulary])
    return min(_MOST, math.exp(-float(chances @ words.word_counts) / words.count))


def bucket_counts(text: Text, buckets: int) -> NDArray[np.int64]:
    """Return (buckets,) how many words and pairs of words fall into each bucket of a hash."""
    words = text.words("alphanumeric", lowercase=True)
    spoken = [words.vocabulary[i] for i in words.ids]
    pairs = (f"{a} {b}" for a, b in itertools.pairwise(spoken))
    places = [xxhash.xxh3_64_intdigest(each.encode("utf-8", "surrogatepass")) % buckets for each in spoken]
    places += [xxhash.xxh3_64_intdigest(each.encode("utf-8", "surrogatepass")) % buckets for each in pairs]
    return np.bincount(np.array(places, np.int64), minlength=buckets)


@functools.lru_cache(maxsize=4)
def _weights(path: str) -> NDArray[np.float64]:
    return np.array(importance_weights(path))


@signal
def importance_ratio(text: Text, *, weights: FilePath) -> float:
    """How many times likelier the text's words and pairs are in one corpus than in another, each on average.

    The geometric mean of p(target)/p(raw) over words and pairs of words, hashed into buckets; above 1 the
    text is more like the target. 1.0 where there are no words. `weights` comes from `curate quality dsir`.
    Source: Data Selection with Importance Resampling (Xie et al. 2023), whose weight is the product.
    """
    logs = _weights(weights)
    counts = bucket_counts(text, len(logs))
    found = int(counts.sum())
    return math.exp(float(counts @ logs) / found) if found else 1.0


@functools.lru_cache(maxsize=4)
def _kenlm(path: str) -> Any:
    try:
        kenlm = importlib.import_module("kenlm")
    except ImportError:
        raise ValueError(f"{path}: needs the package kenlm, which is not here; {HINT}") from None
    return kenlm.Model(path)


HINT = "pip install kenlm (it has no wheels: a C++ compiler and cmake build it)"


@signal
def kenlm_perplexity(text: Text, *, language_model: FilePath) -> float:
    """Perplexity by a KenLM model, per word, lines scored one by one (CCNet); 0.0 where there are no words.

    `language_model` is a local .arpa or binary file; words are lower case, without punctuation. Source: CCNet
    (Wenzek et al. 2020): 10 to the mean -log10 p, an end of line counted with every line.

    Raises:
        ValueError: kenlm is not installed.
    """
    model = _kenlm(language_model)
    logs, tokens = 0.0, 0
    for line in text.lines:
        words = Text(line).words("alphanumeric", lowercase=True)
        if words.count:
            spoken = " ".join(words.vocabulary[i] for i in words.ids)
            logs += model.score(spoken.encode("utf-8", "replace").decode("utf-8"))
            tokens += words.count + 1
    return min(_MOST, 10.0 ** min(12.0, -logs / tokens)) if tokens else 0.0
