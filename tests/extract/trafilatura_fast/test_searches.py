from __future__ import annotations

import importlib.util
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree, html
from trafilatura import xpaths

from curation.extract.trafilatura_fast.library import _ALL_MATCHES, _FIRST_MATCH, prepared
from curation.extract.trafilatura_fast.searches import TreeSearch, merged, together
from curation.extract.trees import parse


def originals() -> dict[str, list[Any]]:
    """The library's expressions as they are before `prepared` has replaced them."""
    spec = importlib.util.find_spec("trafilatura.xpaths")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: getattr(module, name) for name in (*_FIRST_MATCH, *_ALL_MATCHES)}


ORIGINALS = originals()
EXPRESSIONS = [
    pytest.param(xpath, name in _FIRST_MATCH, id=f"{name}-{place}")
    for name, expressions in ORIGINALS.items()
    for place, xpath in enumerate(expressions)
]
TAGS = (
    "div",
    "section",
    "article",
    "main",
    "p",
    "span",
    "list",
    "item",
    "ul",
    "ol",
    "details",
    "aside",
    "h1",
    "o:p",
)
VALUES = (
    "", "x", "post", "entry", "Comment-list", "comments-title", "reply-1", "article-body", "story", "content",
    "main-content", "Page-content", "sidebar", "cookie", "tags", "nav", "footer", "hidden", "display: none",
    "infinite-scroll", "mvp-post-add-box", "elementor-share-buttons", "caption", "Teaser", "bottom", "a link b",
    "border", "articleBody", "respond", "true", "mainly", "-hide-x", "it's",
)  # fmt: skip
NAMES = (
    "id",
    "class",
    "style",
    "role",
    "itemprop",
    "aria-hidden",
    "data-component",
    "data-lp-replacement-content",
)

ELEMENT = st.tuples(
    st.sampled_from(TAGS),
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=3),
    st.integers(1, 4),
)


def tree_of(elements: list[tuple[str, list[tuple[str, str]], int]]) -> Any:
    """A page: each element with its attributes in that order, the given number of levels up from the last."""
    root = parse("<html><body></body></html>")
    place = root[0]
    for tag, attributes, up in elements:
        for _ in range(up - 1):
            parent = place.getparent()
            place = place if parent is None or parent is root else parent
        # Through the parser: a tag like "o:p" cannot be made otherwise.
        child = html.fragment_fromstring(f"<{tag}></{tag}>")
        for name, value in attributes:
            child.set(name, value)
        place.append(child)
        place = child
    return root


@pytest.mark.slow
@pytest.mark.parametrize(("xpath", "first"), EXPRESSIONS)
@given(elements=st.lists(ELEMENT, max_size=25))
def test_a_search_finds_what_the_expression_finds(xpath: Any, first: bool, elements: list[Any]) -> None:
    tree = tree_of(elements)
    wanted = xpath(tree)
    [find] = together([xpath], first=first)
    found = list(find(tree))
    assert found[:1] == wanted[:1] if first else found == wanted


@given(elements=st.lists(ELEMENT, max_size=25))
def test_one_search_finds_what_a_list_of_expressions_finds(elements: list[Any]) -> None:
    tree = tree_of(elements)
    for name in _ALL_MATCHES:
        wanted = {each for xpath in ORIGINALS[name] for each in xpath(tree)}
        found = [each for find in together(ORIGINALS[name]) for each in find(tree)]
        assert len(found) == len(wanted)
        assert set(found) == wanted
    all_of_them = [find for name in _ALL_MATCHES for find in together(ORIGINALS[name])]
    wanted = {each for find in all_of_them for each in find(tree)}
    assert {each for find in merged(all_of_them) for each in find(tree)} == wanted


def test_what_depends_on_more_than_the_element_stays_with_the_expression() -> None:
    for path in (
        ".//cite|.//quote",
        "(.//article)[1]",
        ".//*[p]/div",
        ".//p[@id='a']",
        ".//*[2]",
        ".//*[not(@id)]",
    ):
        xpath = etree.XPath(path)
        assert together([xpath]) == [xpath]


def test_a_first_match_is_only_searched_where_only_the_first_is_used() -> None:
    xpath = etree.XPath("(.//*[self::div][@id='a'])[1]")
    assert together([xpath]) == [xpath]
    assert isinstance(together([xpath], first=True)[0], TreeSearch)


def test_answers_about_long_values_are_not_kept() -> None:
    search = together([etree.XPath(".//*[contains(@class, 'a')]")])[0]
    assert isinstance(search, TreeSearch)
    tree = parse(f"<html><body><p class='{'x' * 10_000}a'>a</p><p class=a>b</p></body></html>")
    assert [each.text for each in search(tree)] == ["a", "b"]
    assert len(search._verdicts) == 1


def test_the_library_uses_the_searches() -> None:
    prepared()
    for name in ORIGINALS:
        quick = [not isinstance(each, etree.XPath) for each in getattr(xpaths, name)]
        assert any(quick), f"{name} has no expression that `together` can read"
