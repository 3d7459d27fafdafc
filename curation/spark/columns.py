"""Columns of documents changed in some rows: the others are never made into Python objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from curation.document import DOCUMENT


def with_columns(documents: pa.RecordBatch, changed: Mapping[str, pa.Array]) -> pa.RecordBatch:
    """Return the columns of DOCUMENT, some of them others."""
    columns = [changed.get(name, documents[name]) for name in DOCUMENT.names]
    return pa.RecordBatch.from_arrays(columns, names=DOCUMENT.names)


def with_values(column: pa.Array, rows: Sequence[int], values: Sequence[Any]) -> pa.Array:
    """Return a column with other values in some rows, given in ascending order.

    >>> with_values(pa.array([["a"], [], None]), [1, 2], [["b"], None]).to_pylist()
    [['a'], ['b'], None]
    """
    if not rows:
        return column
    positions = np.arange(len(column))
    positions[np.asarray(rows)] = len(column) + np.arange(len(rows))
    return pa.concat_arrays([column, pa.array(values, column.type)]).take(pa.array(positions))


def with_entries(
    maps: pa.MapArray, rows: Sequence[int], names: Sequence[str], values: Sequence[float]
) -> pa.MapArray:
    """Return maps with an entry more for each of `rows` (ascending), after those that a map has.

    A map that is null stays so where nothing is added.

    >>> maps = pa.array([[("a", 1.0)], None, []], pa.map_(pa.string(), pa.float64()))
    >>> with_entries(maps, [0, 2], ["b", "c"], [2.0, 3.0]).to_pylist()
    [[('a', 1.0), ('b', 2.0)], None, [('c', 3.0)]]
    """
    if not rows:
        return maps
    count = len(maps)
    empty = maps.is_null().to_numpy(zero_copy_only=False)
    bounds = maps.offsets.to_numpy().astype(np.int64)
    lengths = np.where(empty, 0, np.diff(bounds))
    own = np.repeat(np.arange(count), lengths)
    first = np.cumsum(lengths) - lengths
    positions = np.arange(len(own)) - np.repeat(first, lengths) + np.repeat(bounds[:-1], lengths)
    order = pa.array(np.argsort(np.concatenate([own, np.asarray(rows)]), kind="stable"))
    keys = pa.concat_arrays([maps.keys.take(pa.array(positions)), pa.array(names, maps.type.key_type)])
    items = pa.concat_arrays([maps.items.take(pa.array(positions)), pa.array(values, maps.type.item_type)])
    added = np.bincount(np.asarray(rows), minlength=count)
    offsets = np.append(0, np.cumsum(lengths + added)).astype(np.int32)
    nulls = pa.array(empty & (added == 0)) if maps.null_count else None
    return pa.MapArray.from_arrays(pa.array(offsets), keys.take(order), items.take(order), mask=nulls)
