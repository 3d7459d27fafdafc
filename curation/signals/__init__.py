"""Signals: pure functions from a text to one finite number. No thresholds here; recipes have them.

Importing this package fills `SIGNALS`; nothing registers from outside it.
"""

from curation.signals import (
    characters,
    code,
    labels,
    likeness,
    lines,
    models,
    removal,
    repetition,
    sentences,
    tokens,
    urls,
    vocabulary,
    words,
)
from curation.signals.labels import LABELLERS
from curation.signals.registry import SIGNALS, UNITS, FilePath, Signal, parameters

__all__ = [
    "LABELLERS",
    "SIGNALS",
    "UNITS",
    "FilePath",
    "Signal",
    "characters",
    "code",
    "labels",
    "likeness",
    "lines",
    "models",
    "parameters",
    "removal",
    "repetition",
    "sentences",
    "tokens",
    "urls",
    "vocabulary",
    "words",
]
