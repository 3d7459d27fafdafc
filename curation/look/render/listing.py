"""One record as an answer lists it: where it is, what became of it and why, and a piece of its text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from curation.look.render.cards import badge
from curation.look.render.visible import visible

EXCERPT_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One record; `excerpt` is None where its text was not stored, `reasons` are in words.

    `characters_in` is its length as the stage received it: rules may have measured text that an edit took.
    """

    id: str
    source: str
    language: str
    stage: str
    state: str
    url: str
    title: str
    characters: int
    characters_in: int
    reasons: tuple[str, ...]
    excerpt: str | None


def card(row: Mapping[str, Any], excerpt: str | None = None) -> Card:
    """Return the card of a row with its `stage`; the excerpt is the beginning of its text if not given."""
    text = row["text"]
    return Card(
        **{name: row[name] or "" for name in ("id", "source", "stage", "state", "url", "title")},
        language=row["language"] or "un",
        characters=row["characters"] or 0,
        characters_in=row["characters_in"] or 0,
        reasons=tuple(badge(reason) for reason in row["reasons"] or ()),
        excerpt=excerpt if excerpt is not None or text is None else text[:EXCERPT_CHARACTERS],
    )


def lines(each: Card, note: str = "") -> Iterator[Text]:
    """Yield a card as lines for a terminal; nothing in them acts on it."""
    head = f"{each.id}  {visible(each.url) or visible(each.source)}"
    yield Text(head, style="bold", no_wrap=True, overflow="ellipsis")
    length = f"{each.characters:,} characters"
    if each.characters_in != each.characters:
        length += f" of {each.characters_in:,}"
    facts = [visible(each.source), visible(each.language), length]
    told = f"  {each.state} in {each.stage}; {', '.join(facts)}"
    yield Text(f"{told}; {note}" if note else told, style="dim")
    if each.reasons:
        yield Text(f"  {visible('; '.join(each.reasons))}", no_wrap=True, overflow="ellipsis")
    text = "(its text was not stored)" if each.excerpt is None else shown(each.excerpt) or "(no text)"
    yield Text(f"  {text}", overflow="ellipsis")


def shown(text: str) -> str:
    """Return text on one line, without characters that act on a terminal."""
    return visible(" ".join(text.split()))


def cards(found: Iterable[tuple[Card, str]]) -> RenderableType:
    """Return cards, each with a note, one under another."""
    return Group(*(line for each, note in found for line in (*lines(each, note), Text())))


def grid(names: Iterable[str], found: Iterable[Iterable[str]], *, left: int = 1) -> Table:
    """Return a table without lines; the first `left` columns are text, the others numbers."""
    out = Table(box=None, pad_edge=False, header_style="dim")
    for place, name in enumerate(names):
        numeric = place >= left
        out.add_column(name, justify="right" if numeric else "left", no_wrap=True, overflow="ellipsis")
    for row in found:
        out.add_row(*(Text(visible(cell)) for cell in row))
    return out
