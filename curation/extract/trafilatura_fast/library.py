"""What we change in trafilatura before it is used: what it escapes, how it searches, what it copies.

But for the escaping, every change leaves the text as it is:
`tests/extract/trafilatura_fast/test_library.py` holds them to that.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from curation.extract.trafilatura_fast.searches import together

#: Lists of expressions in `trafilatura.xpaths` to replace; of some only the first match is used.
_FIRST_MATCH = ("BODY_XPATH",)
_ALL_MATCHES = (
    "DISCARD_IMAGE_ELEMENTS",
    "OVERALL_DISCARD_XPATH",
    "PRECISION_DISCARD_XPATH",
    "RAW_TREE_PRUNE_XPATH",
    "REMOVE_COMMENTS_AND_LISTS_XPATH",
    "REMOVE_COMMENTS_XPATH",
    "TEASER_DISCARD_XPATH",
)


@cache
def prepared() -> Any:
    """Return the module `trafilatura`, changed.

    Raises:
        RuntimeError: this version of the library does its escaping elsewhere.
    """
    import trafilatura

    _search_quickly()
    _pass_over_what_has_no_links()
    _delete_until_nothing_changes()
    _make_trees_when_needed()
    _leave_characters_alone()
    return trafilatura


def _leave_characters_alone() -> None:
    """Keep the library from putting backslashes before _ * [ ] ~ < and backticks in prose.

    They are right for a Markdown renderer and wrong in text to learn from (names of constants, "[sic]").
    Marks at the beginning of a line stay escaped, since there they would change what a line is.
    """
    from trafilatura import xml

    for name in ("_escape_inline_specials", "_escape_and_convert_math"):
        if not hasattr(xml, name):
            raise RuntimeError(f"trafilatura.xml has no {name}: look where it escapes Markdown now")
    xml._escape_inline_specials = lambda text: text
    convert = xml._escape_and_convert_math
    # Formulas begin with a backslash: without one nothing is left to convert.
    xml._escape_and_convert_math = lambda text: convert(text) if "\\" in text else text


def _search_quickly() -> None:
    """Put searches in the place of expressions, in the lists that the library's modules share."""
    from trafilatura import xpaths

    for name in (*_FIRST_MATCH, *_ALL_MATCHES):
        expressions = getattr(xpaths, name, [])  # a list that is no more costs speed, not text
        expressions[:] = together(expressions, first=name in _FIRST_MATCH)


def _pass_over_what_has_no_links() -> None:
    """Answer for the library's test of link density where there is no link, as for most paragraphs."""
    from trafilatura import htmlprocessing

    test = htmlprocessing.link_density_test

    def test_where_there_are_links(element: Any, favor_precision: bool = False) -> Any:
        if next(element.iterdescendants("ref"), None) is None:
            return False, False
        return test(element, favor_precision)

    htmlprocessing.link_density_test = test_where_there_are_links


def _delete_until_nothing_changes() -> None:
    """Leave out the second round of deletions by link density where the first deleted nothing.

    The library makes two rounds of div, list and p, whose verdicts depend on the tree alone.
    """
    main_extractor: Any = import_module("trafilatura.main_extractor")
    prune, delete = main_extractor.prune_unwanted_sections, main_extractor.delete_by_link_density
    settled: set[str] = set()

    def prune_anew(*arguments: Any, **named: Any) -> Any:
        settled.clear()
        return prune(*arguments, **named)

    def delete_unless_settled(tree: Any, tag: str, **named: Any) -> Any:
        if tag in settled:
            return tree
        elements = list(tree.iter(tag))
        tree = delete(tree, tag, **named)
        if any(element.getparent() is None for element in elements):
            settled.clear()
        else:
            settled.add(tag)
        return tree

    main_extractor.prune_unwanted_sections = prune_anew
    main_extractor.delete_by_link_density = delete_unless_settled


def _make_trees_when_needed() -> None:
    """Let the other extractors that the library asks take a function that makes their tree."""
    from trafilatura import external

    for name in ("try_readability", "justext_rescue"):
        setattr(external, name, _with_tree(getattr(external, name)))


def _with_tree(extract: Any) -> Any:
    return lambda tree, *more: extract(tree() if callable(tree) else tree, *more)
