"""What an engine makes of a page, and what an engine is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, kw_only=True, slots=True)
class Extraction:
    """A page's main text ("" if there is none), its title, what made the text, and counts by name.

    markdown: whether the text is Markdown. quotes: texts of block quotations, which the text does not mark.
    metadata, blocks, gate: what `steps.extract_page` adds; engines leave them alone.
    """

    text: str
    title: str
    engine: str
    counts: Mapping[str, float] = field(default_factory=dict)
    markdown: bool = True
    quotes: Sequence[str] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    blocks: Sequence[tuple[str, str]] | None = None
    gate: Mapping[str, float] = field(default_factory=dict)


Engine = Callable[[str], Extraction]


@runtime_checkable
class BatchEngine(Protocol):
    """An engine that is quicker on many pages at once; what it makes of one does not depend on the others."""

    def __call__(self, html: str) -> Extraction:
        """Return a page's extraction."""

    def source(self, html: str) -> str:
        """Return what `extract_all` reads of a page."""

    def extract_all(self, pages: Sequence[tuple[str, str]]) -> list[Extraction]:
        """Return the extractions of (page, its source), in order."""
