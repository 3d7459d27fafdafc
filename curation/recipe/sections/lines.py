"""The lines section: lines and paragraphs that many documents, or most pages of a site, have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Literal

from curation.text.mistakes import Where


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Which repeated lines are taken out of the extracted texts, before they are judged.

    Attributes:
        unit: a line, a paragraph (what stands between blank lines), a sentence, or every span of three
            sentences (C4: with `min_documents: 2`). Case, digits and white space do not count.
        min_documents: lines that as many documents have go from all but the first (None: not looked for).
        prefer: sources in the order in which their documents are the first; those not named come last, and
            then the least hash of an id is.
        site_fraction: lines that such a share of a site's pages have go from all of them (None: not looked
            for). A site is a host name, without `www.`.
        site_pages: sites of fewer pages are left alone.
        min_characters: shorter lines are left alone.
        min_words_left: a document that would be left with fewer words is left as it is.
    """

    unit: Literal["line", "paragraph", "sentence", "three_sentences"] = "line"
    min_documents: int | None = field(default=10, metadata={"min": 2})
    prefer: tuple[str, ...] = ()
    site_fraction: float | None = field(default=None, metadata={"min": 0.001, "max": 1.0})
    site_pages: int = field(default=10, metadata={"min": 2})
    min_characters: int = field(default=20, metadata={"min": 1})
    min_words_left: int = field(default=50, metadata={"min": 0})

    def __post_init__(self) -> None:
        if self.min_documents is None and self.site_fraction is None:
            raise ValueError("lines has neither min_documents nor site_fraction, so it would do nothing")

    def rank(self, source: str) -> int:
        """Return the place of a source's documents: 0 is the first."""
        return self.prefer.index(source) if source in self.prefer else len(self.prefer)


def mistakes(lines: Lines | None, sources: Collection[str]) -> Iterator[Where]:
    """Yield (where, what) for sources that there are not."""
    for i, name in enumerate(lines.prefer if lines else ()):
        if name not in sources:
            yield ("lines", "prefer", i), f"no input named '{name}'; known: {', '.join(sorted(sources))}"
