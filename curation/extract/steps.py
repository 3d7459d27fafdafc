"""One page from HTML to all that is kept of it: gate, engine, metadata, form. Runs in the guarded child."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from curation.extract import metadata
from curation.extract.blocks import as_text, blocks
from curation.extract.engines import Engine, Extraction, linear
from curation.extract.settings import Extract
from curation.extract.trees import parse
from curation.extract.visible import Refusal, judge


def extract_page(html: str, engine: Engine, settings: Extract) -> Extraction | Refusal:
    """Return what the engine and the settings make of a page, or why the gate refused it."""
    measures: Mapping[str, float] = {}
    if settings.gate:
        measures, refusal = judge(html, settings.gate)
        if refusal:
            return refusal
    return _finished(engine(html), html, settings, measures)


def retry_page(html: str, settings: Extract) -> Extraction:
    """Return the linear engine's text, with nothing in its way that could fail again."""
    simple = replace(settings, metadata="light" if settings.metadata == "full" else settings.metadata)
    return _finished(linear(html), html, simple, {})


def _finished(
    extraction: Extraction, html: str, settings: Extract, measures: Mapping[str, float]
) -> Extraction:
    about: Mapping[str, str] = {}
    if settings.metadata == "light":
        about = metadata.light(html)
    elif settings.metadata == "full":
        about = metadata.full(html, parse(html))
    parts = (
        blocks(extraction.text, extraction.quotes, markdown=extraction.markdown)
        if settings.structured
        else None
    )
    marked = extraction.markdown and settings.format == "markdown"
    text = as_text(extraction.text) if extraction.markdown and not marked else extraction.text
    return replace(
        extraction, text=text, markdown=marked, quotes=(), metadata=about, blocks=parts, gate=measures
    )
