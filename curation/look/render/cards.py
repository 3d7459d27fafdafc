"""Which documents a report shows, and the difference between two of them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from curation.look.render.visible import bound, is_bound, number

SHOWN_CHARACTERS = 3_000
#: Words of each document that a difference looks at; what follows is left out and said to be.
COMPARED_WORDS = 500
#: Equal words kept on both sides of a change; longer equal stretches are shortened.
CONTEXT_WORDS = 12


def card(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a report shows of one document: where it is from, why it went, the start of its text."""
    text = row["text"] or ""
    return {
        **{name: row[name] or "" for name in ("id", "source", "url", "title", "language", "state")},
        "characters": row["characters"] or 0,
        "reasons": [badge(reason) for reason in row["reasons"]],
        "text": text[:SHOWN_CHARACTERS],
        "rest": max(0, len(text) - SHOWN_CHARACTERS),
    }


def badge(reason: Mapping[str, Any]) -> str:
    """Return a reason in words; of what was merged how near it was to what is kept, which is no broken bound.

    >>> badge({"name": "gopher.word_count", "state": "dropped", "value": 12.0, "min": 50.0, "max": None})
    'gopher.word_count: 12, allowed is at least 50'
    >>> badge({"name": "dedup.near", "state": "merged", "value": 0.902, "min": None, "max": 0.8})
    'dedup.near: as near as 0.902 to what is kept; 0.8 or more goes'
    """
    name, value, most = reason["name"], reason["value"], reason["max"]
    if value is None:
        return str(name)
    if reason["state"] == "merged":
        goes = f"; {number(most)} or more goes" if is_bound(most) and most <= value and most < 1 else ""
        return f"{name}: as near as {number(value)} to what is kept{goes}"
    limit = bound(reason["min"], most)
    return f"{name}: {number(value)}" + (f", allowed is {limit}" if limit else "")


def nearest(
    frame: pd.DataFrame, rules: pd.DataFrame, count: int
) -> Iterator[tuple[str, str, pd.Series[float], dict[str, list[int]]]]:
    """Yield of every bound: rule, `min 50`, values, rows of the `count` nearest on each side."""
    for rule in rules.itertuples(index=False):
        values = frame["measures"].map(lambda measured, name=rule.name: measured.get(name)).astype("float64")
        for side, limit in (("min", rule.min), ("max", rule.max)):
            if not is_bound(limit):
                continue
            passes = values >= limit if side == "min" else values <= limit
            distance = (values - limit).abs()
            chosen = {
                key: list(distance[where & values.notna()].nsmallest(count, keep="first").index)
                for key, where in (("passed", passes), ("broke", ~passes))
            }
            yield rule.name, f"{side} {number(limit)}", values, chosen


def word_changes(kept: str, removed: str) -> list[tuple[str, str]]:
    """Return the removed document as pieces (`same`, `added`, `missing`) against the kept one.

    >>> word_changes("the cat sat", "the dog sat")
    [('same', 'the '), ('missing', 'cat '), ('added', 'dog '), ('same', 'sat')]
    """
    left, right = re.findall(r"\S+\s*", kept), re.findall(r"\S+\s*", removed)
    more = max(len(left), len(right)) - COMPARED_WORDS
    left, right = left[:COMPARED_WORDS], right[:COMPARED_WORDS]
    pieces: list[tuple[str, str]] = []
    for change, a, b, c, d in _changes(left, right):
        if change == "equal":
            pieces.append(("same", _shortened(right[c:d])))
            continue
        pieces += [("missing", "".join(left[a:b]))] if b > a else []
        pieces += [("added", "".join(right[c:d]))] if d > c else []
    return [*pieces, ("left_out", f"{more:,} more words")] if more > 0 else pieces


def _changes(left: list[str], right: list[str]) -> list[tuple[str, int, int, int, int]]:
    """Words compare without the white space behind them."""
    bare_left, bare_right = [word.strip() for word in left], [word.strip() for word in right]
    matcher = difflib.SequenceMatcher(None, bare_left, bare_right, autojunk=False)
    return list(matcher.get_opcodes())


def _shortened(words: list[str]) -> str:
    hidden = len(words) - 2 * CONTEXT_WORDS
    if hidden <= CONTEXT_WORDS:
        return "".join(words)
    return f"{''.join(words[:CONTEXT_WORDS])} […{hidden} words…] {''.join(words[-CONTEXT_WORDS:])}"
