"""The bytes behind an Arrow string column, without a Python object per row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


def utf8(texts: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return the concatenated bytes of a string or binary array, and where each value begins and ends.

    Value `i` is `data[offsets[i]:offsets[i + 1]]`. A null counts as empty. Nothing is copied unless
    there are nulls. Slices are respected. Raises TypeError for an array of another type.

    >>> data, offsets = utf8(pa.array(["ab", None, "c"]))
    >>> bytes(data), offsets.tolist()
    (b'abc', [0, 2, 2, 3])
    """
    if not (_is_wide(texts.type) or texts.type in (pa.string(), pa.binary())):
        raise TypeError(f"found an array of {texts.type}, expected string or binary: cast the column first")
    if texts.null_count:
        texts = pc.fill_null(texts, pa.scalar(b"", pa.binary()).cast(texts.type))
    _, positions, values = texts.buffers()
    width = np.int64 if _is_wide(texts.type) else np.int32
    if len(texts) == 0 or positions is None:
        return np.empty(0, np.uint8), np.zeros(len(texts) + 1, np.int64)
    bounds = np.frombuffer(positions, width)[texts.offset : texts.offset + len(texts) + 1]
    offsets = bounds.astype(np.int64)
    whole = np.empty(0, np.uint8) if values is None else np.frombuffer(values, np.uint8)
    return whole[offsets[0] : offsets[-1]], offsets - offsets[0]


def _is_wide(kind: pa.DataType) -> bool:
    return kind in (pa.large_string(), pa.large_binary())
