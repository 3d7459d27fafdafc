"""Filters: rules bound signals, edits change texts, a pass runs both over documents.

Importing this package fills `EDITS`. Nothing outside it registers an edit.
"""

from curation.filters import edits
from curation.filters.pii import mask
from curation.filters.registry import EDITS, Masked, edit, parameters

__all__ = ["EDITS", "Masked", "edit", "edits", "mask", "parameters"]
