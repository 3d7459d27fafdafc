"""The registry of edits. The keyword parameters of an edit are its options.

An edit that looks through Markdown has a second positional parameter, `form`; one that counts words has an
option `splitter`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from curation.text.markdown import Form

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
_READ_FORM: set[str] = set()
_COUNT_WORDS: set[str] = set()


def edit(function: _E) -> _E:
    """Register an edit under its function's name and return it unchanged.

    Raises:
        ValueError: the name is taken.
    """
    name = function.__name__
    if name in EDITS:
        raise ValueError(f"there is already an edit named '{name}', in {EDITS[name].__module__}")
    EDITS[name] = function
    parameters = inspect.signature(function).parameters
    if "form" in parameters:
        _READ_FORM.add(name)
    if "splitter" in parameters:
        _COUNT_WORDS.add(name)
    return function


def counts_words(name: str) -> bool:
    """Return whether an edit counts words of lines: by white space unless its `splitter` says otherwise."""
    return name in _COUNT_WORDS


def edited(name: str, text: str, form: Form, options: Mapping[str, object]) -> str | Masked:
    """Return what an edit makes of a text of some form."""
    return EDITS[name](text, *([form] if name in _READ_FORM else []), **options)
