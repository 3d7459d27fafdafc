"""Mistakes in settings: where they are, and the names that were probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

#: A path below a section of settings, and what is wrong there.
Where = tuple[tuple[str | int, ...], str]


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` for the nearest known name, else `; known: a, b, c`."""
    names = sorted(known)
    return _suggestion(name, names) or f"; known: {', '.join(names)}"


def one_of(name: str, choices: Iterable[str]) -> str:
    """Return the message about a name that is not among the choices, with the nearest of them."""
    names = list(choices)
    return f"expected one of {', '.join(names)}, found '{name}'{_suggestion(name, names)}"


def _suggestion(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f" (did you mean '{close[0]}'?)" if close else ""
