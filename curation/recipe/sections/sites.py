"""The sites section of a recipe: how much of a corpus one site may be."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """At most so many documents of a site, of those that dedup kept.

    A site is the host of a document's address, without `www.`; a document without an address has none, and
    stays. Which stay is a hash of their ids: the same whatever the files, and a smaller number's are among
    those of a larger one.

    Attributes:
        at_most: documents of a site.
        domains: parts of the host, from its end, that make the site (2: b.org for a.b.org); None: all.
    """

    at_most: int = field(metadata={"min": 1})
    domains: int | None = field(default=None, metadata={"min": 1})
