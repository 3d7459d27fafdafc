"""Text and numbers for people; characters that a terminal or browser would act on are spelled out."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

#: Control characters (not tab and newline), and marks that turn the direction of the text around them.
_ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)


def visible(text: str | None) -> str:
    r"""Return text in which no character acts on its surroundings; None is the empty text.

    >>> visible("safe\x1b[31m and \u202eeverse")
    'safe⟨001B⟩[31m and ⟨202E⟩everse'
    """
    return _ACTING.sub(lambda match: f"⟨{ord(match[0]):04X}⟩", text or "")


def shortened(text: str, characters: int) -> str:
    """Return a text of at most so many characters, one that goes on cut between words where it can be.

    >>> shortened("Azure documentation", 12), shortened("Azure", 12), shortened("documentation", 8)
    ('Azure …', 'Azure', 'documen…')
    """
    if len(text) <= characters:
        return text
    start = text[: characters - 1]
    whole = re.match(r"(?s).*\s(?=\S)", start) if not text[characters - 1].isspace() else None
    return f"{whole[0].rstrip()} …" if whole and whole[0].strip() else f"{start}…"


def bound(low: float | None, high: float | None) -> str:
    """Return the bounds of a rule in words; a bound that is None or infinite is none.

    >>> bound(50, None), bound(None, 0.1), bound(3, 10), bound(None, None)
    ('at least 50', 'at most 0.1', '3 to 10', '')
    """
    has_low, has_high = is_bound(low), is_bound(high)
    if has_low and has_high:
        return f"{number(low)} to {number(high)}"
    if has_low:
        return f"at least {number(low)}"
    return f"at most {number(high)}" if has_high else ""


def is_bound(value: float | None) -> bool:
    """Return whether a bound is there and finite."""
    return value is not None and math.isfinite(value)


def number(value: float | None) -> str:
    """Return a number short enough for a table; None and NaN are a dash.

    >>> number(12345), number(0.123456), number(3.0), number(None), number(100000.5)
    ('12,345', '0.1235', '3', '–', '100,000')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == int(value) or abs(value) >= 10_000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def alike(pair: Mapping[str, Any]) -> str:
    """Return how similar two documents are, for a row of the clusters table (None or NaN is not measured).

    >>> alike({"reason": "dedup.near", "jaccard": 0.9117}), alike({"reason": "semantic", "cosine": 0.98})
    ('Jaccard 0.912', 'cosine 0.980')
    >>> alike({"reason": "dedup.near", "jaccard": float("nan"), "through": "a1"})
    'not compared, by way of a1'
    """
    measured = {
        name: value
        for name in ("jaccard", "cosine", "containment")
        if isinstance(value := pair.get(name), float) and not math.isnan(value)
    }
    if pair["reason"] == "dedup.contained" and "containment" in measured:
        text = f"{measured['containment']:.1%} of it stands there"
    elif "jaccard" in measured:
        text = f"Jaccard {measured['jaccard']:.3f}"
    elif pair["reason"] == "dedup.key":
        text = "the same key"
    else:
        text = f"cosine {measured['cosine']:.3f}" if "cosine" in measured else "not compared"
    through = pair.get("through")
    return f"{text}, by way of {through}" if isinstance(through, str) else text
