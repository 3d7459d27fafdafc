"""One page from HTML to all that is kept of it: gate, engine, metadata, form. Runs in the guarded child."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from curation.extract import metadata
from curation.extract.blocks import as_text, blocks
from curation.extract.engines import Engine, Extraction, linear
from curation.extract.trees import parse
from curation.extract.visible import Gate, Refusal, judge


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What is done with a page beside running its engine.

    format: of the text; `text` is the Markdown without its marks. structured: also keep typed blocks.
    """

    gate: Gate | None = None
    metadata: metadata.Mode = "light"
    format: Literal["markdown", "text"] = "markdown"
    structured: bool = False

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the options that `dataclasses.asdict` made `values` of."""
        gate = values["gate"]
        return cls(**{**values, "gate": Gate(**gate) if gate else None})


def extract_page(html: str, engine: Engine, options: Options) -> Extraction | Refusal:
    """Return what the engine and the options make of a page, or why the gate refused it."""
    measures: Mapping[str, float] = {}
    if options.gate:
        measures, refusal = judge(html, options.gate)
        if refusal:
            return refusal
    return _finished(engine(html), html, options, measures)


def retry_page(html: str, options: Options) -> Extraction:
    """Return the linear engine's text, with nothing in its way that could fail again."""
    simple = replace(options, metadata="light" if options.metadata == "full" else options.metadata)
    return _finished(linear(html), html, simple, {})


def _finished(found: Extraction, html: str, options: Options, measures: Mapping[str, float]) -> Extraction:
    about: Mapping[str, str] = {}
    if options.metadata == "light":
        about = metadata.light(html)
    elif options.metadata == "full":
        about = metadata.full(html, parse(html))
    parts = blocks(found.text, found.quotes, markdown=found.markdown) if options.structured else None
    plain = options.format == "text" and found.markdown
    text = as_text(found.text) if plain else found.text
    return replace(found, text=text, quotes=(), metadata=about, blocks=parts, gate=measures)
