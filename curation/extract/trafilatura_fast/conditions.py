"""Conditions of an XPath step on an element's own tag and attributes, read into Python.

Understood: `or`, `and`, `not()`, `self::tag`, `@name`, `@name='text'`, and `contains`, `starts-with` and
`re:test` of an attribute, of the first of several (`@id|@class`), or of a `translate` of it. Anything else is
not read at all. Sources: XPath 1.0, sections 3 and 4; EXSLT regular expressions, as lxml has them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, Self

_QUOTED = r"""(?:'[^']*'|"[^"]*")"""
#: One test, or one of the words and brackets that join tests, which Python writes as XPath does.
_TERM = re.compile(
    rf"""\s*(?:
      self::(?P<tag>[\w-]+)
    | @(?P<attribute>[\w-]+)(?:\s*=\s*(?P<equal>{_QUOTED}))?
    | (?P<function>contains|starts-with|re:test)\(
      (?:translate\()?(?P<names>@[\w|@-]+)(?:,\s*(?P<old>{_QUOTED}),\s*(?P<new>{_QUOTED})\))?
      ,\s*(?P<text>{_QUOTED})(?:,\s*(?P<flags>{_QUOTED}))?\)
    | (?P<joint>(?:or|and)\b|not(?=\()|[()])
    )\s*""",
    re.VERBOSE,
)
_STEP = re.compile(rf"\.//\*((?:\s*\[(?:[^][\"']|{_QUOTED})*\])+)\s*")
_BRACKETS = re.compile(rf"\[((?:[^][\"']|{_QUOTED})*)\]")
_MAX_REMEMBERED = 2**13
#: Answers about longer values are not remembered: an attribute may have megabytes.
REMEMBERED_CHARACTERS = 2**10


class TagAttributes(NamedTuple):
    """An element's tag, and its attributes in the order of the page."""

    tag: str
    attributes: Mapping[str, str]


Test = Callable[[TagAttributes], bool]
Value = Callable[[TagAttributes], str]


class Condition(NamedTuple):
    """A condition, the attributes it looks at, and groups of them of which the first in the page counts."""

    holds: Test
    names: tuple[str, ...]
    orders: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def all_of(cls, conditions: Sequence[Self]) -> Self:
        """Return the conjunction, true of any element where there are no conditions."""
        tests = [condition.holds for condition in conditions]
        return cls(
            tests[0] if len(tests) == 1 else lambda element: all(test(element) for test in tests),
            tuple(dict.fromkeys(name for condition in conditions for name in condition.names)),
            tuple(order for condition in conditions for order in condition.orders),
        )


def read(text: str) -> Condition | None:
    """Return what a condition says, None where it says something that is not understood.

    >>> condition = read("@id='a' or contains(@class, 'b')")
    >>> condition.names, condition.holds(TagAttributes("p", {"class": "abc"})), read("position() = 1")
    (('id', 'class'), True, None)
    """
    tests: list[Test] = []
    names: list[tuple[str, ...]] = []
    source, position = "", 0
    while position < len(text):
        term = _TERM.match(text, position)
        if term is None:
            return None
        position = term.end()
        if term["joint"]:
            source += f" {term['joint']} "
            continue
        names.append(tuple(re.findall(r"@([\w-]+)", term["names"] or "")) or (term["attribute"] or "",))
        source += f"tests[{len(tests)}](element)"
        try:
            tests.append(_test(term, names[-1]))
        except re.error:
            return None
    try:
        # Nothing but calls of these tests and the words of `_TERM`.
        holds: Test = eval(f"lambda element: {source}", {"tests": tests})
    except SyntaxError:
        return None
    attributes = dict.fromkeys(name for group in names for name in group if name)
    return Condition(holds, tuple(attributes), tuple(group for group in names if len(group) > 1))


def _test(term: re.Match[str], names: tuple[str, ...]) -> Test:
    """Return one test; `names` are the attributes that it looks at."""
    (name, *others), tag = names, term["tag"]
    if tag:
        return lambda element: element.tag == tag
    if term["equal"]:
        equal = term["equal"][1:-1]
        return lambda element: element.attributes.get(name) == equal
    if term["attribute"]:
        return lambda element: name in element.attributes
    test = _test_of_value(term["function"], term["text"][1:-1], term["flags"] or "")
    if term["old"]:
        old, new = term["old"][1:-1], term["new"][1:-1]
        # A character that stands twice is translated as the first says, one too many is dropped.
        table = {ord(old[i]): new[i : i + 1] for i in reversed(range(len(old)))}
        translated, test = test, lambda value: translated(value.translate(table))
    if not others:
        return lambda element: test(element.attributes.get(name, ""))
    return lambda element: test(
        next((value for key, value in element.attributes.items() if key in names), "")
    )


def _test_of_value(function: str, text: str, flags: str) -> Callable[[str], bool]:
    if function == "contains":
        return lambda value: text in value
    if function == "starts-with":
        return lambda value: value.startswith(text)
    search = re.compile(text, re.IGNORECASE if "i" in flags else 0).search
    # Pages repeat their classes.
    remembered = lru_cache(_MAX_REMEMBERED)(lambda value: search(value) is not None)
    return lambda value: (remembered if len(value) <= REMEMBERED_CHARACTERS else remembered.__wrapped__)(
        value
    )


def parts(path: str) -> list[str]:
    """Return the conditions of `.//*[a][b]`, none where the path is something else.

    >>> parts(".//*[self::p][@id='[']"), parts(".//cite|.//quote")
    (['self::p', "@id='['"], [])
    """
    step = _STEP.fullmatch(path)
    return [condition.strip() for condition in _BRACKETS.findall(step[1])] if step else []
