"""Signals: pure functions from a text to one finite number. Thresholds belong to recipes.

Importing this package fills `SIGNALS`. Nothing outside it registers a signal.
"""

# The modules register their signals when they are imported.
from curation.signals import (  # noqa: F401
    characters,
    code,
    comments,
    lines,
    lists,
    periods,
    removal,
    repetition,
    sentences,
    urls,
    vocabulary,
    words,
)
from curation.signals.models import fasttext_models, labels, likeness, tokens  # noqa: F401
from curation.signals.models.labels import LABELLERS
from curation.signals.registry import SIGNALS, UNITS, FilePath

__all__ = ["LABELLERS", "SIGNALS", "UNITS", "FilePath"]
