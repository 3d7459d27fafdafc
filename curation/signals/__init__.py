"""Signals: pure functions from a text to one finite number. Thresholds belong to recipes.

Importing this package fills `SIGNALS`. Nothing outside it registers a signal.
"""

from curation.signals import characters, code, lines, removal, repetition, sentences, urls, vocabulary, words
from curation.signals.models import fasttext_models, labels, likeness, tokens
from curation.signals.models.labels import LABELLERS
from curation.signals.registry import SIGNALS, UNITS, FilePath, Signal, parameters

__all__ = [
    "LABELLERS",
    "SIGNALS",
    "UNITS",
    "FilePath",
    "Signal",
    "characters",
    "code",
    "fasttext_models",
    "labels",
    "likeness",
    "lines",
    "parameters",
    "removal",
    "repetition",
    "sentences",
    "tokens",
    "urls",
    "vocabulary",
    "words",
]
