"""Fingerprints of stages (law 5) and digests of tables that ignore the order of rows (law 4)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

import xxhash

_MODULUS = 1 << 128


def canonical(value: Any) -> Any:
    """Return `value` as plain JSON data: dataclasses as mappings, tuples as lists, infinities as text.

    >>> canonical({"b": (1, 2.0), "a": float("inf")})
    {'a': 'inf', 'b': [1, 2.0]}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: canonical(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): canonical(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"{type(value).__name__} has no canonical form: {value!r}")


def fingerprint(parts: Mapping[str, Any]) -> str:
    """Return 16 hex digits: the hash of everything that determines a stage's output.

    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    text = json.dumps(canonical(parts), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return xxhash.xxh3_128_hexdigest(text.encode())[:16]


def digest_row(row: Mapping[str, Any]) -> int:
    """Return the 128-bit hash of one row; the order of its columns does not matter."""
    text = json.dumps(row, sort_keys=True, ensure_ascii=False, default=list)
    return int(xxhash.xxh3_128_intdigest(text.encode("utf-8", "surrogatepass")))


def digest_rows(digests: Iterable[int]) -> str:
    """Return the digest of a table from the digests of its rows or parts; their order does not matter.

    It is a sum modulo 2**128, so duplicate rows count twice (an XOR would cancel them).

    >>> digest_rows([1, 2]) == digest_rows([2, 1]) != digest_rows([1, 2, 2])
    True
    """
    return f"{sum(digests) % _MODULUS:032x}"
