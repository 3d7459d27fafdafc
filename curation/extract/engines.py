"""Extractors by name: HTML text in, main text out.

`blocks` is a learned classifier of text blocks that reads many pages at once; the others read one.
`trafilatura` is the default: recall, comments off, tables on, Markdown, never its own deduplication (a
process-global memory would make a page's text depend on the pages before it). Where it keeps less than a
quarter of what Resiliparse finds, Resiliparse's text is taken. Measured on 1,686 pages with truth: F1 .898
at 86 pages a second and core, against .871 at 54 out of the box.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib import metadata as packages
from typing import Any, NamedTuple, cast

from curation.extract.block_engine import BlockEngine
from curation.extract.extraction import Engine, Extraction
from curation.extract.layout import CELLS, LISTS, has_text, unwrap_layout
from curation.extract.metadata import title
from curation.extract.render.inline import plain_scripts
from curation.extract.render.lift import lift_tree
from curation.extract.render.marks import Items, strip_marks
from curation.extract.render.source import lift_source
from curation.extract.trafilatura_fast.cascade import Favour, main_content, options
from curation.extract.trees import (
    element_count,
    main_text,
    parse,
    resiliparse_tree,
    text_length,
    visible_text,
)

_RESCUE_BELOW = 0.25


class _Main(NamedTuple):
    """trafilatura's Markdown, its block quotations, and how many cells and list items it has.

    layout_cells: cells that became paragraphs.
    """

    text: str = ""
    quotes: tuple[str, ...] = ()
    cells: int = 0
    layout_cells: int = 0
    list_items: int = 0


def trafilatura(html: str) -> Extraction:
    """Return the main text as Markdown, favouring recall, rescued by Resiliparse."""
    return _rescued(html, fast=False)


def fast(html: str) -> Extraction:
    """Return the same without trafilatura's second opinions: a seventh faster, F1 -.003."""
    return _rescued(html, fast=True)


def _rescued(html: str, *, fast: bool) -> Extraction:
    tree = parse(html)
    most = text_length(tree)
    items = lift_tree(tree, html)
    counts = _seen(tree)
    try:
        main = _trafilatura_text(tree, items, "recall", fast=fast)
    except RecursionError:  # thousands of unclosed tags: Resiliparse, which does not recurse, can
        main = _Main()
    made_by = f"trafilatura-{_version('trafilatura')}{'-fast' if fast else ''}"
    main, kept = _restored(main, items)
    # The rescue is a part of the page's text: mostly there is no need to look at it.
    rescue, carried = _rescue(html) if len(main.text) < _RESCUE_BELOW * most else ("", {})
    if len(main.text) < _RESCUE_BELOW * len(rescue):
        made_by = f"{made_by}+resiliparse-{_version('resiliparse')}"
        counts |= {"rescued": 1.0} | _plain_counts(html, rescue) | carried
        return Extraction(text=rescue, title=title(html), engine=made_by, counts=counts, markdown=False)
    return _as_markdown(main, html, made_by, {**kept, **counts})


def _rescue(html: str) -> tuple[str, dict[str, float]]:
    """Return the text that Resiliparse finds, code and formulas in it as they were, and how many."""
    source, items = lift_source(str(resiliparse_tree(html)))
    if not items:
        return main_text(html), {}
    text, counts = items.restore(main_text(source), markdown=False)
    return text, counts


def _restored(main: _Main, items: Items) -> tuple[_Main, dict[str, float]]:
    """Return the text with code and formulas as they were, and how many there were and are."""
    text, counts = items.restore(plain_scripts(main.text))
    return main._replace(text=text, quotes=tuple(map(strip_marks, main.quotes))), counts


def _as_markdown(main: _Main, html: str, made_by: str, counts: dict[str, float]) -> Extraction:
    kept = {
        "table_cells_kept": float(main.cells + main.layout_cells) + counts.get("table_cells_kept", 0.0),
        "list_items_kept": min(float(main.list_items), counts["list_items_seen"]),
        "layout_cells": float(main.layout_cells),
    }
    return Extraction(
        text=main.text, title=title(html), engine=made_by, counts=counts | kept, quotes=main.quotes
    )


def precision(html: str) -> Extraction:
    """Return the main text as Markdown where noise is worse than loss: precision +.014, recall -.06.

    A page too deep for the parser or the library gets the linear engine's text.
    """
    tree = parse(html)
    too_deep = math.isinf(text_length(tree))
    items = lift_tree(tree, html)
    counts = _seen(tree)
    try:
        main = _trafilatura_text(tree, items, "precision")
    except RecursionError:
        main, too_deep = _Main(), True
    made_by = f"trafilatura-{_version('trafilatura')}-precision"
    if too_deep and not main.text:
        rescue = linear(html)
        return replace(rescue, engine=f"{made_by}+{rescue.engine}", counts={**rescue.counts, "rescued": 1.0})
    main, kept = _restored(main, items)
    return _as_markdown(main, html, made_by, {**kept, **counts})


def resiliparse(html: str) -> Extraction:
    """Return the main text at five times the default's speed: F1 -.06, tables lose their rows."""
    made_by = f"resiliparse-{_version('resiliparse')}"
    text = main_text(html)
    counts = _plain_counts(html, text)
    return Extraction(text=text, title=title(html), engine=made_by, counts=counts, markdown=False)


def linear(html: str) -> Extraction:
    """Return all visible text, boilerplate included, in time linear in the page's size.

    No engine of choice (F1 .706): what is left to try on a page that the chosen engine could not finish.
    """
    text = visible_text(html, formatted=True)
    made_by = f"resiliparse-{_version('resiliparse')}-linear"
    counts = _plain_counts(html, text, main=False)
    return Extraction(text=text, title=title(html), engine=made_by, counts=counts, markdown=False)


ENGINES: Mapping[str, Engine] = {
    "trafilatura": trafilatura,
    "blocks": BlockEngine(),
    "fast": fast,
    "precision": precision,
    "resiliparse": resiliparse,
}


def engine_named(name: str) -> Engine:
    """Return the engine of a name, or the function behind "package.module:function".

    Raises ValueError where there is none.
    """
    if name in ENGINES:
        return ENGINES[name]
    module, colon, function = name.partition(":")
    if not colon:
        raise ValueError(
            f"no extraction engine {name!r}; there are {', '.join(ENGINES)},"
            " and any function written as package.module:function"
        )
    try:
        return cast(Engine, getattr(import_module(module), function))
    except (ImportError, AttributeError) as error:
        raise ValueError(f"extraction engine {name!r} cannot be imported: {error}") from None


def _trafilatura_text(tree: Any, items: Items, favour: Favour, *, fast: bool = False) -> _Main:
    """Return what `trafilatura.extract` would, with layout tables unwrapped before Markdown is written."""
    from trafilatura.core import determine_returnstring

    document = main_content(tree, favour, fast=fast)
    if document is None:
        return _Main()
    cells = unwrap_layout(document.body)
    quotes = tuple("\n".join(quote.itertext()) for quote in document.body.iter("quote"))
    again = {cell for table in _written_anew(document.body, items) for cell in table.iter("cell")}
    data = sum(cell not in again and has_text(cell, but=CELLS) for cell in document.body.iter("cell"))
    text = determine_returnstring(document, options(favour, fast=fast))
    listed = sum(has_text(item, but=LISTS) for item in document.body.iter("item"))
    return _Main(text=text, quotes=quotes, cells=data, layout_cells=cells, list_items=listed)


def _written_anew(body: Any, items: Items) -> Iterator[Any]:
    """Yield the tables that are counted when their items come back."""
    return (table for table in body.iter("table") if items and items.has_table("".join(table.itertext())))


def _seen(tree: Any) -> dict[str, float]:
    """Return how many table cells and list items with text of their own are left when all was lifted.

    Captions count as cells, and so do those of tables that only lay out the page, whose menus nobody
    keeps. So they are counted in what the engine kept too: not in its Markdown, where a row is padded to
    its table's width, and where a line of code or prose may have bars of its own.
    """
    cells = tree.iter("td", "th", "caption")
    items = tree.iter("li", "dt", "dd")
    return {
        "table_cells_seen": float(sum(has_text(cell, but=CELLS) for cell in cells)),
        "list_items_seen": float(sum(has_text(item, but=LISTS) for item in items)),
    }


def _plain_counts(html: str, text: str, *, main: bool = True) -> dict[str, float]:
    """Return the same four counts of a text by Resiliparse, which puts two tabs between the cells of a row.

    All cells count here, empty ones too, but not those of a row of one, which looks like any line; tabs of a
    page's own (in `pre`) can look like more cells than it has, and are not counted beyond those. Code has no
    mark in plain text: where a page has some, it is counted in the same text with tags.

    main: whether the text is the page's main text, or all that is visible.
    """
    from resiliparse.extract.html2text import extract_plain_text

    tree = resiliparse_tree(html)
    elements = element_count(html, "td", "th", "pre")
    code = 0
    if elements["pre"]:
        tagged = extract_plain_text(
            tree, main_content=main, comments=False, preserve_formatting="minimal_html"
        )
        code = tagged.count("<pre>")
    cells = elements["td"] + elements["th"]
    rows = (line.count("\t\t") for line in text.split("\n")) if cells else ()
    return {
        "table_cells_seen": float(cells),
        "code_blocks_seen": float(elements["pre"]),
        "table_cells_kept": float(min(cells, sum(tabs + 1 for tabs in rows if tabs))),
        "code_blocks_kept": float(code),
    }


@cache
def _version(package: str) -> str:
    return packages.version(package)
