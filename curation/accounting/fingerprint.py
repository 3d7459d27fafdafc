"""Fingerprints of stages (law 5)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import xxhash


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
