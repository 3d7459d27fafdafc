"""The filter section of a manifest as the values that a recipe reads it into."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from curation.filters.rules import Pass


def read_passes(section: Sequence[Mapping[str, Any]]) -> tuple[Pass, ...]:
    """Return the passes of a manifest's `config["filter"]`; what an earlier version left out has its default.

    >>> rule = {"name": "words", "signal": "word_count", "min": 50, "max": "inf", "options": {}}
    >>> (gopher,) = read_passes([{"name": "gopher", "rules": [rule]}])
    >>> gopher.rules[0].min, gopher.rules[0].max
    (50.0, inf)
    """
    passes: tuple[Pass, ...] = _value(tuple[Pass, ...], section)
    return passes


def _value(kind: Any, data: Any) -> Any:
    """Return JSON data as a value of the type `kind`; a list of whatever type becomes a tuple."""
    origin, parts = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        types_ = get_type_hints(kind)
        given = {name: _value(types_[name], data[name]) for name in types_ if data.get(name) is not None}
        return kind(**given)  # type: ignore[operator]
    if origin is tuple:
        return tuple(_value(parts[0], item) for item in data)
    if origin is types.UnionType:  # with None
        return _value(parts[0], data)
    if origin is Mapping:
        return {name: _value(parts[1], item) for name, item in data.items()}
    if origin is Literal:
        return data
    if kind is object:
        return tuple(data) if isinstance(data, list) else data
    return kind(data)
