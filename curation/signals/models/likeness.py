"""Signals of similarity to a corpus: perplexity by word counts or KenLM, importance weights (DSIR)."""

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

#: Perplexities are cut off here, at a number that every table can store.
_MAX_PERPLEXITY = 1e12


@functools.lru_cache(maxsize=4)
def _log_probabilities(path: str) -> tuple[dict[str, float], float]:
    """Return word -> ln p with add-one smoothing, and ln p of an unknown word."""
    counts = word_counts(path)
    total = sum(counts.values()) + len(counts) + 1
    return {word: math.log((count + 1) / total) for word, count in counts.items()}, -math.log(total)


@signal
def unigram_perplexity(text: Text, *, counts: FilePath) -> float:
    """Unigram perplexity: exp of the mean -ln p of the words; 0.0 if there are no words.

    `counts` is a file with lines `word TAB count`, in lower case, written by `curate quality unigrams`.
    Counts get add-one smoothing, so unknown words have a small probability.
    """
    words = text.words("alphanumeric", lowercase=True)
    if not words.count:
        return 0.0
    known, unknown = _log_probabilities(counts)
    log_probabilities = np.array([known.get(word, unknown) for word in words.vocabulary])
    return min(_MAX_PERPLEXITY, math.exp(-float(log_probabilities @ words.word_counts) / words.count))


def bucket_counts(text: Text, buckets: int) -> NDArray[np.int64]:
    """Return (buckets,) counts of words and of word pairs by hash bucket."""
    words = text.words("alphanumeric", lowercase=True)
    sequence = [words.vocabulary[i] for i in words.ids]
    pairs = [f"{a} {b}" for a, b in itertools.pairwise(sequence)]
    hashes = (xxhash.xxh3_64_intdigest(gram.encode("utf-8", "surrogatepass")) for gram in sequence + pairs)
    return np.bincount(np.array([digest % buckets for digest in hashes], np.int64), minlength=buckets)


@functools.lru_cache(maxsize=4)
def _weights(path: str) -> NDArray[np.float64]:
    return np.array(importance_weights(path))


@signal
def importance_ratio(text: Text, *, weights: FilePath) -> float:
    """Geometric mean of p(target)/p(raw) over the text's words and word pairs, hashed into buckets.

    Above 1 the text is more like the target corpus. 1.0 if there are no words. `weights` is a file written by
    `curate quality dsir`. Source: Data Selection with Importance Resampling (Xie et al. 2023), whose weight
    is the product instead of the mean.
    """
    logs = _weights(weights)
    counts = bucket_counts(text, len(logs))
    total = int(counts.sum())
    return math.exp(float(counts @ logs) / total) if total else 1.0


@functools.lru_cache(maxsize=4)
def _kenlm(path: str) -> Any:
    try:
        kenlm = importlib.import_module("kenlm")
    except ImportError:
        raise ValueError(f"{path}: needs the package kenlm, which is not installed; {HINT}") from None
    return kenlm.Model(path)


HINT = "pip install kenlm (it has no wheels: a C++ compiler and cmake build it)"


@signal
def kenlm_perplexity(text: Text, *, language_model: FilePath) -> float:
    """Perplexity per word by a KenLM model, line by line; 0.0 if there are no words.

    `language_model` is a local .arpa or binary file; words are lower-cased, without punctuation. Source:
    CCNet (Wenzek et al. 2020): 10 to the mean -log10 p, where every line ends with an end token.

    Raises:
        ValueError: kenlm is not installed.
    """
    model = _kenlm(language_model)
    logs, tokens = 0.0, 0
    for line in text.lines:
        words = Text(line).words("alphanumeric", lowercase=True)
        if words.count:
            sentence = " ".join(words.vocabulary[i] for i in words.ids)
            logs += model.score(sentence.encode("utf-8", "replace").decode("utf-8"))
            tokens += words.count + 1
    return min(_MAX_PERPLEXITY, 10.0 ** min(12.0, -logs / tokens)) if tokens else 0.0
