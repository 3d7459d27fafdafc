"""trafilatura's steps from a tree to Markdown, for our settings: the same text for half of the copies.

The library copies the tree before each step that changes it, for steps that may follow. With comments off and
a focus on recall or precision some never follow, and others need their copy on a few pages in a hundred: it
is made there, of what it would have been made of.
"""

from __future__ import annotations

from copy import copy
from functools import cache, partial
from typing import Any, Literal

from curation.extract.trafilatura_fast.library import prepared
from curation.extract.trafilatura_fast.searches import Find, merged

Favour = Literal["recall", "precision"]


def main_content(tree: Any, favour: Favour, *, fast: bool) -> Any:
    """Return the `Document` that `trafilatura.bare_extraction` would, None where it finds no text.

    The tree is used up. fast: without other extractors' opinions.
    """
    from trafilatura.settings import Document

    try:
        body, text = _steps(tree, options(favour, fast=fast))
    except (TypeError, ValueError):  # which the library takes for a page without text
        return None
    return Document(body=body) if text else None


def _steps(tree: Any, settings: Any) -> tuple[Any, str]:
    """Return the main content as an element and as text, each step only where those before found little."""
    core = prepared().core
    precise = settings.focus == "precision"
    is_forum = core._forum_thread_page(tree)
    core.prune_unwanted_nodes(tree, _unwanted(comments=precise or not is_forum))
    cleaned = core.convert_tags(core.tree_cleaning(copy(tree), settings), settings)
    if precise and not is_forum:
        cleaned = core.prune_unwanted_nodes(cleaned, core.REMOVE_COMMENTS_XPATH)
    body, text = core.extract_content(cleaned, settings)
    if not settings.fast:
        raw = copy(tree) if precise else partial(copy, tree)
        body, text = core.compare_extraction(
            lambda: core.tree_cleaning(copy(tree), settings), raw, body, text, settings
        )
    if not precise and len(text) < settings.min_extracted_size:
        baseline = core.baseline(tree)
        if baseline[2] > len(text):
            body, text, _ = baseline
    return body, text


@cache
def _unwanted(*, comments: bool) -> list[Find]:
    """Return what the raw tree is pruned of."""
    from trafilatura import xpaths

    lists = (xpaths.RAW_TREE_PRUNE_XPATH, xpaths.REMOVE_COMMENTS_AND_LISTS_XPATH if comments else ())
    return merged([search for searches in lists for search in searches])


@cache
def options(favour: Favour, *, fast: bool) -> Any:
    """Return the library's settings; made once, since to read its configuration takes a percent of a page."""
    from trafilatura.settings import Extractor

    return Extractor(
        output_format="markdown",
        comments=False,
        tables=True,
        dedup=False,
        fast=fast,
        recall=favour == "recall",
        precision=favour == "precision",
    )
