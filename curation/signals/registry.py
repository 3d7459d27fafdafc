"""The signals by name, and the options each of them takes.

A signal is a function `(text: Text, *, option: type = default, ...) -> float`, finite on any text. Its name
ends in its unit (`UNITS`), so that people who read a recipe know what a bound is measured in. Its keyword
parameters are the options a rule may give; an option without a default must be given.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import NewType, TypeVar

#: The annotation of an option that names a file (a model, a list): its digest enters the fingerprint.
FilePath = NewType("FilePath", str)
#: The same of an option that names a list of entries, or a folder of such lists; several as a tuple.
ListPath = NewType("ListPath", str)
#: The annotation of an option that is a list of regular expressions: `tuple[Pattern, ...]`.
Pattern = NewType("Pattern", str)

Signal = Callable[..., float]
_S = TypeVar("_S", bound=Signal)

#: The last word of a signal's name -> the closed interval its values lie in.
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


def signal(function: _S) -> _S:
    """Register a signal under its function's name and return it unchanged.

    Raises:
        ValueError: the name is taken or ends in no unit.
    """
    name = function.__name__
    if name.rpartition("_")[2] not in UNITS:
        raise ValueError(
            f"signal '{name}' ends in no unit; a signal's name ends in one of: {', '.join(UNITS)}"
        )
    if name in SIGNALS:
        raise ValueError(f"there is already a signal named '{name}', in {SIGNALS[name].__module__}")
    SIGNALS[name] = function
    return function


def parameters(name: str) -> Mapping[str, inspect.Parameter]:
    """Return option name -> parameter (annotation resolved, default) of the signal called `name`.

    >>> [(p.name, p.default) for p in parameters("alphabetic_word_fraction").values()]
    [('splitter', 'whitespace')]
    """
    signature = inspect.signature(SIGNALS[name], eval_str=True)
    return {p.name: p for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY}
