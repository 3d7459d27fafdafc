"""The difference of two runs in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from curation.look.questions.compared import Row
from curation.look.questions.diff import Difference, Example
from curation.look.render.listing import grid, lines
from curation.look.render.listing import shown as shown_text
from curation.look.render.visible import visible

#: Of settings, of reasons, and of the pieces of a text so many are shown; the JSON has them all.
SHOWN = 40
REASONS_SHOWN = 5
CHARACTERS_SHOWN, AROUND = 1_200, 60
_MARKS = {"same": "{}", "added": "[+{}+]", "missing": "[-{}-]", "left_out": "[… {}]"}


def shown(found: Difference) -> RenderableType:
    """Return the difference as tables: settings, funnel, reasons, fates, texts."""
    return Group(*_parts(found))


def _parts(found: Difference) -> Iterator[RenderableType]:
    first, second = found.directories
    yield Text(f"A {visible(first)}\nB {visible(second)}\n", style="bold")
    settings = [[name, _told(old), _told(new)] for name, old, new in found.settings[:SHOWN]]
    yield grid(["setting", "A", "B"], settings, left=3) if settings else Text("The settings are the same.")
    if (more := len(found.settings) - SHOWN) > 0:
        yield Text(f"and {more:,} more: --json has them all")
    yield Text()
    yield grid(_HEAD, (_row(row) for row in found.funnel if any(row.records)), left=2)
    yield Text()
    if found.reasons:
        rows = sorted(found.reasons, key=lambda row: -abs(row.records[1] - row.records[0]))
        yield grid(_HEAD, map(_row, rows[:SHOWN]), left=2)
        yield Text()
    moved = sum(each.documents for each in found.moves)
    told = (
        f"{moved:,} documents changed their fate, {found.rewritten:,} only their text, {found.same:,} neither"
    )
    yield Text(f"Up to {found.until}: {told}", style="bold")
    if found.outside:
        yield Text(f"{found.outside:,} more are in one run only, for the other read a sample without them.")
    yield Text()
    for each in found.moves:
        yield Text(f"{each.before} → {each.after}: {each.documents:,} documents", style="bold")
        for name, counts in (("no longer", each.lost), ("now", each.gained)):
            if counts:
                yield Text(f"  {name}: {_ranked(counts)}")
        yield Text()
        for example in each.examples:
            yield from _example(example)
    if found.rewritten:
        yield Text(f"text changed: {found.rewritten:,} documents", style="bold")
        yield Text()
        for example in found.rewritten_examples:
            yield from _example(example)


_HEAD = ("stage", "", "A", "B", "B - A", "characters A", "B", "B - A")


def _row(row: Row) -> list[str]:
    numbers = [
        part
        for old, new in (row.records, row.characters)
        for part in (f"{old:,}", f"{new:,}", _gap(old, new))
    ]
    return [row.stage, row.name, *numbers]


def _gap(old: int, new: int) -> str:
    return f"{new - old:+,}" if new != old else ""


def _told(value: Any) -> str:
    return "–" if value is None else str(value)


def _ranked(counts: Mapping[str, int]) -> str:
    told = ", ".join(f"{visible(name)} {count:,}" for name, count in list(counts.items())[:REASONS_SHOWN])
    more = len(counts) - REASONS_SHOWN
    return f"{told} and {more:,} more" if more > 0 else told


def _example(each: Example) -> Iterator[RenderableType]:
    for name, side in (("A", each.before), ("B", each.after)):
        if side is None:
            continue
        *about, excerpt = lines(side)
        both = each.before and each.after
        yield from about if name == "A" or not both else about[1:]
        if not each.pieces and (name == "B" or not both):
            yield excerpt
    if each.pieces:
        yield Text(f"  {_changes(each.pieces)}")
    yield Text()


def _changes(pieces: Sequence[tuple[str, str]]) -> str:
    """Return a changed text: what is the same shortened, and no more of it than is shown."""
    told, left = [], CHARACTERS_SHOWN
    for kind, piece in pieces:
        text = shown_text(piece)
        if kind == "same" and len(text) > 2 * AROUND:
            text = f"{text[:AROUND]} … {text[-AROUND:]}"
        told.append(_MARKS[kind].format(text[:left]))
        left -= len(text)
        if left <= 0:
            return " ".join([*told, "…"])
    return " ".join(told)
