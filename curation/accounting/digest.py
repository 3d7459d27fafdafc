"""Digests of tables that ignore the order of rows (law 4), computed on Arrow columns.

Each row becomes one string of bytes that says every value without ambiguity: before a text stands its length,
before a list the number of its elements. The digest of a table is the sum of its rows' hashes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

_MODULUS = 1 << 128
_BYTES = pa.large_binary()
_NOTHING = pa.scalar(b"", _BYTES)


def digest_batch(batch: pa.RecordBatch, names: Sequence[str]) -> int:
    """Return the sum of the 128-bit hashes of a batch's rows, over the columns named, in their order.

    Two rows that differ anywhere are different bytes; a null is no empty text. Columns hold text, bytes,
    whole numbers, doubles (which count by their bits), booleans, or lists, maps and structs of these.

    Raises:
        TypeError: a column is of another type.
    """
    if not batch.num_rows:
        return 0
    rows = _joined([part for name in names for part in _parts(batch[name])])
    _, ends, data = rows.buffers()
    offsets = np.frombuffer(ends, np.int64)[: len(rows) + 1].tolist()
    view = memoryview(data)
    return sum(xxhash.xxh3_128_intdigest(view[start:end]) for start, end in pairwise(offsets))


def digest_row(row: Mapping[str, Any]) -> int:
    """Return the 128-bit hash of a row of JSON data; the order of its columns does not matter."""
    text = json.dumps(row, sort_keys=True, ensure_ascii=False, default=list)
    return int(xxhash.xxh3_128_intdigest(text.encode("utf-8", "surrogatepass")))


def digest_rows(digests: Iterable[int]) -> str:
    """Return the digest of a table from the digests of its rows or parts; their order does not matter.

    It is a sum modulo 2**128, so duplicate rows count twice (an XOR would cancel them).

    >>> digest_rows([1, 2]) == digest_rows([2, 1]) != digest_rows([1, 2, 2])
    True
    """
    return f"{sum(digests) % _MODULUS:032x}"


def _parts(values: pa.Array) -> list[pa.Array]:
    """Return columns of bytes that, side by side, say each value and end where it ends."""
    kind = values.type
    if pa.types.is_struct(kind):
        return [_flags(values), *(part for field in values.flatten() for part in _parts(field))]
    if pa.types.is_map(kind):
        return _elements(values, pa.StructArray.from_arrays([values.keys, values.items], ["key", "value"]))
    if pa.types.is_list(kind):
        return _elements(values, values.values)
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        texts = values.cast(_BYTES)
        return [_numbers(pc.binary_length(texts).fill_null(-1)), texts]
    if pa.types.is_float64(kind):
        return [_flags(values), _numbers(values.view(pa.int64()))]
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return [_flags(values), _numbers(values.cast(pa.int64()))]
    raise TypeError(f"a column of {kind} has no digest")


def _elements(lists: pa.Array, elements: pa.Array) -> list[pa.Array]:
    """Return the number of elements of each list (-1 for a null), and these.

    elements: of the whole, where `lists` is a slice.
    """
    offsets = lists.offsets.to_numpy().astype(np.int64)
    within = elements.slice(offsets[0], offsets[-1] - offsets[0])
    nested = pa.LargeListArray.from_arrays(offsets - offsets[0], _joined(_parts(within)))
    counts = pc.if_else(lists.is_valid(), pa.array(np.diff(offsets)), -1)
    return [_numbers(counts), pc.binary_join(nested, _NOTHING)]


def _flags(values: pa.Array) -> pa.Array:
    """Return one byte a value: whether there is one."""
    return _fixed(values.is_valid().cast(pa.uint8()), 1)


def _numbers(values: pa.Array) -> pa.Array:
    """Return the eight bytes of each number; of a null those of 0."""
    return _fixed(values.cast(pa.int64()).fill_null(0), 8)


def _fixed(values: pa.Array, width: int) -> pa.Array:
    data = values.buffers()[1].slice(width * values.offset, width * len(values))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(values), [None, data]).cast(_BYTES)


def _joined(parts: Sequence[pa.Array]) -> pa.Array:
    return pc.binary_join_element_wise(*parts, _NOTHING, null_handling="replace")
