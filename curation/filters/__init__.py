"""Judging and editing: rules bound signals, edits change texts, a pass runs both over documents.

Importing this package fills `EDITS`; nothing registers from outside it.
"""

from curation.filters import edits, pii
from curation.filters.registry import EDITS, Masked, edit, parameters

__all__ = ["EDITS", "Masked", "edit", "edits", "parameters", "pii"]
