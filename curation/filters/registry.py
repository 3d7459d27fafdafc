"""The registry of edits. The keyword parameters of an edit are its options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

#: (start, end, length of the replacement).
Replaced = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Masked:
    """A text with replaced spans, and their number by kind (kinds without spans are left out).

    Attributes:
        replaced: the replacements in order; offsets are those of the text after the replacements before it.
    """

    text: str
    spans: Mapping[str, int]
    replaced: tuple[Replaced, ...] = field(default=(), compare=False)


Editor = Callable[..., str | Masked]
_E = TypeVar("_E", bound=Editor)

EDITS: dict[str, Editor] = {}


def edit(function: _E) -> _E:
    """Register an edit under its function's name and return it unchanged.

    Raises:
        ValueError: the name is taken.
    """
    name = function.__name__
    if name in EDITS:
        raise ValueError(f"there is already an edit named '{name}', in {EDITS[name].__module__}")
    EDITS[name] = function
    return function
