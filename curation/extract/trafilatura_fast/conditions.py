"""Conditions of an XPath step on an element's own tag and attributes, read into Python.

Understood: `or`, `and`, `not()`, `self::tag`, `@name`, `@name='text'`, and `contains`, `starts-with` and
`re:test` of an attribute, of the first of several (`@id|@class`), or of a `translate` of it. Anything else is
not read at all. Sources: XPath 1.0, sections 3 and 4; EXSLT regular expressions, as lxml has them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, NoReturn, Self

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_TOKEN = re.compile(r"\s*('[^']*'|\"[^\"]*\"|@[\w-]+|[\w-]+(?:::?[\w-]+)?|[()|,=]|\S)")
_MAX_REMEMBERED = 2**13
#: Answers about longer values are not remembered: an attribute may have megabytes.
REMEMBERED_CHARACTERS = 2**10


class TagAttributes(NamedTuple):
    """An element's tag, and its attributes in the order of the page."""

    tag: str
    attributes: Mapping[str, str]


_BARE = TagAttributes("", {})

Test = Callable[[TagAttributes], bool]
Value = Callable[[TagAttributes], str]


class Condition(NamedTuple):
    """A condition; what it depends on: names of attributes, the tag, which of several stands first."""

    holds: Test
    names: tuple[str, ...]
    by_tag: bool = False
    orders: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def all_of(cls, conditions: Sequence[Self]) -> Self:
        """Return the conjunction, true of any element where there are no conditions."""
        tests = [each.holds for each in conditions]
        return cls(
            tests[0] if len(tests) == 1 else lambda element: all(test(element) for test in tests),
            tuple(dict.fromkeys(name for each in conditions for name in each.names)),
            any(each.by_tag for each in conditions),
            tuple(order for each in conditions for order in each.orders),
        )


class _Unknown(Exception):
    """The condition holds something that is not read here."""


def read(text: str) -> Condition | None:
    """Return what a condition says, None where it says something that is not understood.

    >>> condition = read("@id='a' or contains(@class, 'b')")
    >>> condition.names, condition.holds(TagAttributes("p", {"class": "abc"})), read("position() = 1")
    (('id', 'class'), True, None)
    """
    reader = _ConditionParser(_TOKEN.findall(text))
    try:
        holds = reader.either()
    except (_Unknown, re.error):
        return None
    if reader.tokens:
        return None
    return Condition(holds, tuple(dict.fromkeys(reader.names)), reader.by_tag, tuple(reader.orders))


class _ConditionParser:
    """Takes a condition's tokens from the front and makes tests of them."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.names: list[str] = []
        self.by_tag = False
        self.orders: list[tuple[str, ...]] = []

    def either(self) -> Test:
        """Read `a or b or ...`."""
        by_name: dict[str, list[Test]] = {}
        others: list[Test] = []
        while True:
            start, by_tag = len(self.names), self.by_tag
            self.by_tag = False
            test = self._both()
            names = set(self.names[start:])
            # What is about one attribute and false without it need not be asked of elements without it.
            if len(names) == 1 and not self.by_tag and not test(_BARE):
                by_name.setdefault(names.pop(), []).append(test)
            else:
                others.append(test)
            self.by_tag |= by_tag
            if self._next() != "or":
                return _any_of(by_name, others)
            self._take("or")

    def _both(self) -> Test:
        tests = [self._one()]
        while self._next() == "and":
            self._take("and")
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda element: all(test(element) for test in tests)

    def _one(self) -> Test:
        word = self._next()
        if word == "(":
            self._take("(")
            inner = self.either()
            self._take(")")
            return inner
        if word == "not":
            self._take("not")
            negated = self._one() if self._next() == "(" else self._unknown()
            return lambda element: not negated(element)
        if word.startswith("self::"):
            tag = self._take().removeprefix("self::")
            self.by_tag = True
            return lambda element: element.tag == tag
        return self._compared() if word.startswith("@") else self._called()

    def _compared(self) -> Test:
        """Read `@name` or `@name='text'`."""
        name = self._take().removeprefix("@")
        self.names.append(name)
        if self._next() == "=":
            self._take("=")
            text = self._text()
            return lambda element: element.attributes.get(name) == text
        if self._next() == "|":
            self._unknown()
        return lambda element: name in element.attributes

    def _called(self) -> Test:
        """Read one of the three functions of a value and a text."""
        function = self._take()
        self._take("(")
        value = self._value()
        self._take(",")
        text = self._text()
        flags = ""
        if function == "re:test" and self._next() == ",":
            self._take(",")
            flags = self._text()
        self._take(")")
        if function == "contains":
            return lambda element: text in value(element)
        if function == "starts-with":
            return lambda element: value(element).startswith(text)
        if function != "re:test":
            self._unknown()
        search = re.compile(text, re.IGNORECASE if "i" in flags else 0).search
        return lambda element: search(value(element)) is not None

    def _value(self) -> Value:
        """Read `@name`, `@name|@name` or `translate(@name, 'from', 'to')`."""
        if self._next() != "translate":
            return self._attribute()
        self._take("translate")
        self._take("(")
        value = self._attribute()
        self._take(",")
        old = self._text()
        self._take(",")
        new = self._text()
        self._take(")")
        # A character that stands twice is translated as the first says, one too many is dropped.
        table = {ord(each): new[position : position + 1] for position, each in reversed(list(enumerate(old)))}
        return lambda element: value(element).translate(table)

    def _attribute(self) -> Value:
        names = [self._name()]
        while self._next() == "|":
            self._take("|")
            names.append(self._name())
        self.names += names
        if len(names) == 1:
            return lambda element: element.attributes.get(names[0], "")
        self.orders.append(tuple(names))
        return lambda element: next((value for key, value in element.attributes.items() if key in names), "")

    def _name(self) -> str:
        token = self._take()
        return token.removeprefix("@") if token.startswith("@") else self._unknown()

    def _text(self) -> str:
        token = self._take()
        return token[1:-1] if _QUOTED.fullmatch(token) else self._unknown()

    def _next(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def _take(self, expected: str = "") -> str:
        if not self.tokens or (expected and self.tokens[0] != expected):
            self._unknown()
        return self.tokens.pop(0)

    def _unknown(self) -> NoReturn:
        raise _Unknown


def _any_of(by_name: Mapping[str, Sequence[Test]], others: Sequence[Test]) -> Test:
    if not by_name:
        return others[0] if len(others) == 1 else lambda element: any(test(element) for test in others)
    of_value = {name: _remembered(name, tests) for name, tests in by_name.items()}

    def holds(element: TagAttributes) -> bool:
        for name, value in element.attributes.items():
            if name in of_value and of_value[name](value):
                return True
        return any(test(element) for test in others) if others else False

    return holds


def _remembered(name: str, tests: Sequence[Test]) -> Callable[[str], bool]:
    """Return whether any of the tests holds for a value of an attribute: pages repeat their classes."""

    def ask(value: str) -> bool:
        element = TagAttributes("", {name: value})
        return any(test(element) for test in tests)

    remember = lru_cache(_MAX_REMEMBERED)(ask)
    return lambda value: remember(value) if len(value) <= REMEMBERED_CHARACTERS else ask(value)


def parts(path: str) -> list[str]:
    """Return the conditions of `.//*[a][b]`, none where the path is something else.

    >>> parts(".//*[self::p][@id='[']"), parts(".//cite|.//quote")
    (['self::p', "@id='['"], [])
    """
    found: list[str] = []
    rest = path.removeprefix(".//*")
    if rest == path:
        return []
    blank = _QUOTED.sub(lambda quoted: "'" * len(quoted[0]), rest)
    depth = start = 0
    for position, character in enumerate(blank):
        if character == "[":
            depth += 1
            start = position + 1 if depth == 1 else start
        elif character == "]":
            depth -= 1
            if depth == 0:
                found.append(rest[start:position].strip())
        elif depth == 0 and not character.isspace():
            return []
    return found
