"""All columns of a batch as one table."""

from __future__ import annotations

import numpy as np

from curation.extract.classifier.batch import Floats, PageBatch
from curation.extract.classifier.columns.anchors import remark_columns, title_columns
from curation.extract.classifier.columns.names import NameScores, name_columns
from curation.extract.classifier.columns.shape import place_columns, text_columns, window_columns
from curation.extract.classifier.columns.sums import Columns, Sums
from curation.extract.classifier.columns.tree import ancestor_columns, core_columns, kin_columns

_STATIC = (
    text_columns,
    place_columns,
    title_columns,
    remark_columns,
    ancestor_columns,
    core_columns,
    kin_columns,
    window_columns,
)


def static_columns(sums: Sums) -> Columns:
    """Return the columns that no class name decides."""
    columns: Columns = {}
    for part in _STATIC:
        columns |= part(sums)
    return columns


def features(batch: PageBatch, sums: Sums, scores: NameScores) -> tuple[list[str], Floats]:
    """Return the names of the columns, and the (columns, blocks) table of a batch that has blocks."""
    columns = static_columns(sums) | name_columns(batch, scores)
    return list(columns), table(columns)


def table(columns: Columns) -> Floats:
    """Return columns as the rows of one array."""
    result = np.empty((len(columns), len(next(iter(columns.values())))), np.float32)
    for row, values in zip(result, columns.values(), strict=True):
        row[:] = values
    return result
