"""Filters: rules bound signals, edits change texts, a pass runs both over documents.

Importing this package fills `EDITS`. Nothing outside it registers an edit.
"""

from curation.filters import cleaning, edits  # noqa: F401  registers them
from curation.filters.pii import mask  # noqa: F401
from curation.filters.registry import EDITS, Masked, edit

__all__ = ["EDITS", "Masked", "edit"]
