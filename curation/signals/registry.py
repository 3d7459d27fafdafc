"""The registry of signals and their options.

A signal is a function `(text: Text, *, option: type = default, ...) -> float` and is finite on any text. Its
name ends in its unit (`UNITS`), so that a recipe shows the unit of every bound. Its keyword parameters are
the options that a rule may set; an option without a default is required.
"""

from __future__ import annotations

import functools
import inspect
import math
import typing
from collections.abc import Callable, Mapping
from typing import NewType, TypeVar

from curation.text.splitters import Splitter

#: Type of an option that names a file (a model, a list). The fingerprint includes the file's digest.
FilePath = NewType("FilePath", str)
#: Like FilePath, for a list of entries or a folder of lists; `tuple[ListPath, ...]` for several.
ListPath = NewType("ListPath", str)
#: Type of an option that holds regular expressions: `tuple[Pattern, ...]`.
Pattern = NewType("Pattern", str)

Signal = Callable[..., float]
_S = TypeVar("_S", bound=Signal)

#: Last word of a signal's name -> closed interval of its values.
UNITS: Mapping[str, tuple[float, float]] = {
    "count": (0.0, math.inf),
    "length": (0.0, math.inf),  # characters
    "ratio": (0.0, math.inf),
    "fraction": (0.0, 1.0),
    "probability": (0.0, 1.0),
    "entropy": (0.0, math.inf),  # nats
    "perplexity": (0.0, math.inf),
}

SIGNALS: dict[str, Signal] = {}


@functools.cache
def word_splitter(name: str) -> Splitter | None:
    """Return the splitter of a signal where a rule names none; None if the signal counts no words by one."""
    function = SIGNALS[name]
    if typing.get_type_hints(function).get("splitter") != Splitter:
        return None
    default: Splitter = inspect.signature(function).parameters["splitter"].default
    return default


def signal(function: _S) -> _S:
    """Register a signal under its function's name and return it unchanged.

    Raises:
        ValueError: the name is taken or does not end in a unit.
    """
    name = function.__name__
    if name.rpartition("_")[2] not in UNITS:
        raise ValueError(
            f"signal '{name}' does not end in a unit; a signal's name ends in one of: {', '.join(UNITS)}"
        )
    if name in SIGNALS:
        raise ValueError(f"there is already a signal named '{name}', in {SIGNALS[name].__module__}")
    SIGNALS[name] = function
    return function
