"""One page from HTML to all that is kept of it: gate, engine, metadata, form. Runs in the guarded child."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from curation.extract import metadata
from curation.extract.blocks import as_text, blocks
from curation.extract.engines import linear
from curation.extract.extraction import BatchEngine, Engine, Extraction
from curation.extract.settings import Extract
from curation.extract.trees import parse
from curation.extract.visible import Refusal, judge


def extract_page(html: str, engine: Engine, settings: Extract) -> Extraction | Refusal:
    """Return what the engine and the settings make of a page, or why the gate refused it."""
    measures, refusal = _judged(html, settings)
    return refusal or _finished(engine(html), html, settings, measures)


def extract_pages(pages: Sequence[str], engine: BatchEngine, settings: Extract) -> list[Extraction | Refusal]:
    """Return `extract_page` of every page, in order, with one call of the engine."""
    outcomes: list[Extraction | Refusal] = []
    allowed: dict[int, tuple[str, str]] = {}
    measures: dict[int, Mapping[str, float]] = {}
    extractions: dict[int, Extraction] = {}
    refusals: dict[int, Refusal] = {}
    for i, html in enumerate(pages):
        measures[i], refusal = _judged(html, settings)
        if refusal:
            refusals[i] = refusal
        else:
            allowed[i] = html, engine.source(html)
    extractions = dict(zip(allowed, engine.extract_all(list(allowed.values())), strict=True))
    for i, html in enumerate(pages):
        outcomes.append(refusals.get(i) or _finished(extractions[i], html, settings, measures[i]))
    return outcomes


def _judged(html: str, settings: Extract) -> tuple[Mapping[str, float], Refusal | None]:
    return judge(html, settings.gate) if settings.gate else ({}, None)


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
