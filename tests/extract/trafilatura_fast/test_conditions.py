"""Conditions read into Python say what lxml's XPath says of the same element."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from curation.extract.trafilatura_fast.conditions import REMEMBERED_CHARACTERS, TagAttributes, read

NAMESPACES = {"re": "http://exslt.org/regular-expressions"}
CONDITIONS = (
    "@id",
    "@id='a b'",
    'contains(@class, "it\'s")',
    "not(@id) and @class='x'",
    "@id='a' or @class='x' and not(self::div or @style)",
    "(@id='a' or @class='x') and self::p",
    "starts-with(@id|@class, 'x')",
    "re:test(@class|@id, '^x|y$')",
    "re:test(@class, 'XY', 'i')",
    "contains(translate(@class, 'XxY', 'ab'), 'ab')",
    "contains(translate(@id|@class, 'Xa', 'y'), 'y')",
    "re:test(@id, '\\d{2}') or contains(@style, 'none') or self::div",
    "not(re:test(@id, 'x') or contains(@class, 'y'))",
)
VALUES = ("", "a", "a b", "x", "xy", "XY", "it's", "y", "12", "display:none", "ab", "Xx")
ATTRIBUTES = st.lists(
    st.tuples(st.sampled_from(("id", "class", "style")), st.sampled_from(VALUES)),
    unique_by=lambda each: each[0],
)


@pytest.mark.slow
@pytest.mark.parametrize("text", CONDITIONS)
@given(tag=st.sampled_from(("p", "div")), attributes=ATTRIBUTES)
def test_a_condition_holds_where_xpath_says_so(
    text: str, tag: str, attributes: list[tuple[str, str]]
) -> None:
    root = etree.Element("body")
    element = etree.SubElement(root, tag)
    for name, value in attributes:
        element.set(name, value)
    wanted = bool(etree.XPath(f".//*[{text}]", namespaces=NAMESPACES)(root))
    condition = read(text)
    assert condition is not None
    for _ in range(2):  # the second answer is remembered
        assert condition.holds(TagAttributes(tag, dict(attributes))) == wanted
    assert set(condition.names) == {name for name in ("id", "class", "style") if f"@{name}" in text}
    assert bool(condition.orders) == ("|" in text.replace("^x|y$", ""))


@pytest.mark.parametrize(
    "text",
    [
        "position() = 1", "@id = @class", "rel='me'", ".//h1", "@id|@class", "string-length(@id) > 2", "not @id",
        "contains(., 'a')", "re:test(@id, '(')", "@id or", "@id @class", "", "2", "'a'", "contains(@id, 'a'",
    ],
)  # fmt: skip
def test_anything_else_is_not_read(text: str) -> None:
    assert read(text) is None


def test_values_too_long_to_remember_are_judged_as_well() -> None:
    condition = read("contains(@id, 'b')")
    assert condition is not None
    for end in ("b", "c", "b"):
        assert condition.holds(TagAttributes("p", {"id": "a" * REMEMBERED_CHARACTERS + end})) == (end == "b")
