"""One record as an answer lists it: where it is, what became of it and why, and a piece of its text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from curation.accounting.loss import RecordLoss
from curation.look.render.cards import badge
from curation.look.render.visible import visible

EXCERPT_CHARACTERS = 300
#: How `pieces` of a changed text are written on a line.
_MARKS = {"same": "{}", "added": "[+{}+]", "missing": "[-{}-]", "left_out": "[and {}]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One record; `excerpt` is None where its text was not stored, `reasons` are in words.

    Of one that failed `lost` says where it lies, for how many records it stands and what was found; else it
    is empty. `characters_in` is its length as the stage received it: rules may have measured text that an
    edit took.
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
    lost: str = ""

    def lines(self, note: str = "") -> Iterator[Text]:
        """Yield the record as lines for a terminal; nothing in them acts on it."""
        yield from self.head(note)
        text = "(its text was not stored)" if self.excerpt is None else one_line(self.excerpt)
        yield Text(f"  {text or '(no text)'}")

    def head(self, note: str = "") -> Iterator[Text]:
        """Yield the lines without the text."""
        yield Text(f"{self.id}  {visible(self.url) or visible(self.source)}", style="bold")
        length = f"{self.characters:,} characters"
        if self.characters_in != self.characters:
            length += f" of {self.characters_in:,}"
        facts = f"{visible(self.source)}, {visible(self.language)}, {length}"
        fate = f"  {self.state} in {self.stage}; {facts}"
        yield Text(f"{fate}; {note}" if note else fate, style="dim")
        if self.reasons:
            yield Text(f"  {visible('; '.join(self.reasons))}")
        if self.lost:
            yield Text(f"  {visible(self.lost)}")


def card(row: Mapping[str, Any], excerpt: str | None = None) -> Card:
    """Return the card of a row with its `stage`; the excerpt is the beginning of its text if not given."""
    text = row["text"]
    return Card(
        **{name: row[name] or "" for name in ("id", "source", "stage", "state", "url", "title")},
        language=row["language"] or "un",
        characters=row["characters"] or 0,
        characters_in=row["characters_in"] or 0,
        reasons=tuple(badge(reason) for reason in row["reasons"] or ()),
        excerpt=excerpt if excerpt is not None or text is None else beginning(text),
        lost=_lost(row) if row["state"] == "failed" else "",
    )


def _lost(row: Mapping[str, Any]) -> str:
    """Return where a failed record lies, for how many it stands and what was found, in words."""
    loss = RecordLoss.of(dict(row["measures"] or {}))
    where = f"{row['file']} at {row['offset']:,}"
    if loss.estimated:
        where += f", {loss.lost_bytes:,} bytes with {loss.records:,} record{_s(loss.records)} or more"
    elif loss.records != 1:
        where += f", {loss.records:,} record{_s(loss.records)}"
    details = "; ".join(reason["detail"] for reason in row["reasons"] or () if reason["detail"])
    return f"{where}: {details}" if details else where


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def beginning(text: str) -> str:
    """Return the beginning of a text, with an ellipsis where more of it follows."""
    return text if len(text) <= EXCERPT_CHARACTERS else f"{text[:EXCERPT_CHARACTERS]}…"


def one_line(text: str) -> str:
    """Return text on one line, without characters that act on a terminal."""
    return visible(" ".join(text.split()))


def changed_text(pieces: tuple[tuple[str, str], ...]) -> str:
    """Return the pieces of `word_changes` on one line.

    >>> changed_text((("same", "the "), ("missing", "cat "), ("added", "dog "), ("same", "sat")))
    'the [-cat-] [+dog+] sat'
    """
    return " ".join(_MARKS[kind].format(one_line(piece)) for kind, piece in pieces)
