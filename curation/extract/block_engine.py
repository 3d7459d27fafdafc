"""The engine `blocks` as the pipeline calls it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from curation.extract.classifier.engine import BlockClassifier
from curation.extract.classifier.model import SHIPPED, load
from curation.extract.extraction import Engine, Extraction
from curation.extract.metadata import title
from curation.extract.trees import resiliparse_tree

#: A longer page is not given to a second engine: its deadline is one page's.
_CASCADE_CHARACTERS = 2**20


@dataclass(frozen=True)
class BlockEngine:
    """The engine `blocks`: see `curation.extract.classifier`.

    Attributes:
        model: path or URL of the model.
        below, second: pages whose choice is less sure than `below` (0..1) go to the engine `second`, if any.
    """

    model: str = SHIPPED
    below: float = 0.0
    second: Engine | None = None

    @cached_property
    def _classifier(self) -> BlockClassifier:
        return BlockClassifier(load(self.model))

    def __call__(self, html: str) -> Extraction:
        """Return a page's extraction."""
        return self.extract_all([(html, self.source(html))])[0]

    def source(self, html: str) -> str:
        """Return the page as lexbor reads it."""
        return str(resiliparse_tree(html))

    def extract_all(self, pages: Sequence[tuple[str, str]]) -> list[Extraction]:
        """Return the extractions of (page, its source), in order."""
        model = self._classifier.model
        extractions = []
        for (html, _), chosen in zip(pages, self._classifier.extract([s for _, s in pages]), strict=True):
            extraction = Extraction(
                text=chosen.text,
                title=title(html),
                engine=f"blocks-{model.digest}",
                counts=chosen.counts | {"confidence": chosen.confidence},
            )
            extractions.append(self._cascaded(extraction, html))
        return extractions

    def _cascaded(self, extraction: Extraction, html: str) -> Extraction:
        """Return the second engine's extraction of a page whose choice is not sure enough, if it has text."""
        sure = extraction.counts["confidence"] >= self.below
        if self.second is None or sure or len(html) > _CASCADE_CHARACTERS:
            return extraction
        other = self.second(html)
        if not other.text:
            return extraction
        counts = {**other.counts, "confidence": extraction.counts["confidence"], "cascaded": 1.0}
        return replace(other, engine=f"{extraction.engine}+{other.engine}", counts=counts)
