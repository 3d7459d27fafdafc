"""trafilatura's XPath searches for elements by tag and attributes: the same answers for a sixth of the work.

A third of an extraction is XPath: expressions of a hundred alternatives, tried on every element of a page,
with regular expressions. Their answer depends on an element's tag and a few attributes alone, and pages
repeat those. So the library's own expression is read once (`trafilatura_fast.conditions`), several of a list
at a time, and what it says of a combination is remembered; nothing of what they say is written down here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, takewhile
from typing import Any, NamedTuple

from curation.extract.trafilatura_fast.conditions import (
    REMEMBERED_CHARACTERS,
    Condition,
    TagAttributes,
    parts,
    read,
)

_FIRST = re.compile(r"\((.*)\)\[1\]|(.*\])\[1\]", re.DOTALL)
_TAGS = re.compile(r"self::\w+(?: or self::\w+)*")
_MAX_REMEMBERED = 2**14

Find = Callable[[Any], Sequence[Any]]
Key = tuple[Any, ...]


class Expression(NamedTuple):
    """One XPath expression: the tags it selects (none: any), and its condition on tag and attributes.

    rest: the expression itself, where it has conditions on more than the element; it is evaluated on trees
    with elements that meet the other conditions.
    """

    tags: tuple[str, ...]
    condition: Condition
    rest: Any = None

    def takes_bare(self) -> bool:
        """Return whether an element without attributes is taken."""
        return any(self.condition.holds(TagAttributes(tag, {})) for tag in self.tags or ("div",))


class TreeSearch:
    """Stands in for an `lxml.etree.XPath`: tree in, descendants that match any part, in document order.

    first: return the first match only.
    """

    def __init__(self, parts: Sequence[Expression], *, first: bool) -> None:
        self.parts = parts
        self.first = first
        all_tags = dict.fromkeys(tag for part in parts for tag in part.tags)
        self._tags = tuple(all_tags) if all(part.tags for part in parts) else ("*",)
        self._names = tuple(dict.fromkeys(name for part in parts for name in part.condition.names))
        orders = {names for part in parts for names in part.condition.orders}
        self._orders = [
            pair for names in orders for pair in combinations(sorted(map(self._names.index, names)), 2)
        ]
        self._verdicts: dict[Key, tuple[Expression, ...]] = {}

    def __call__(self, tree: Any) -> Sequence[Any]:
        """Return the matches."""
        matches: list[Any] = []
        partial: list[Expression] = []
        for element, takers in self._candidates(tree):
            partial += [part for part in takers if part.rest is not None and part not in partial]
            if any(part.rest is None for part in takers):
                matches.append(element)
                if self.first:
                    break
        # Conditions that cannot be read are left to the expression itself; few trees have such elements.
        for part in partial:
            matches += part.rest(tree)
        return list(dict.fromkeys(matches)) if partial else matches

    def _candidates(self, tree: Any) -> Iterator[tuple[Any, tuple[Expression, ...]]]:
        """Yield the elements that some parts take, with those parts."""
        names, orders, verdicts = self._names, self._orders, self._verdicts
        nothing = (None,) * len(names)
        if len(verdicts) > _MAX_REMEMBERED:
            verdicts.clear()
        for element in tree.iterdescendants(*self._tags):
            key: Key = tuple(map(element.get, names))
            if key == nothing:
                continue  # `together` made sure that no expression takes such an element
            # A test of two attributes at once (`@id|@class`) is of the one that stands first in the page.
            for one, other in orders:
                if key[one] is not None and key[other] is not None:
                    key = (*key, *(name for name, _ in element.items() if name in names))
                    break
            key = (element.tag, *key)
            takers = verdicts.get(key)
            if takers is None:
                known = TagAttributes(
                    element.tag, {name: value for name, value in element.items() if name in names}
                )
                takers = tuple(part for part in self.parts if part.condition.holds(known))
                if sum(map(len, known.attributes.values())) <= REMEMBERED_CHARACTERS:
                    verdicts[key] = takers
            if takers:
                yield element, takers


def together(xpaths: Sequence[Any], *, first: bool = False) -> list[Find]:
    """Return searches with the answers of the expressions: one for all that can be read, then the others.

    What can be read is one step down to any element under conditions on its tag and attributes; further
    conditions are left to the expression. first: only the first match of each is used; they stay apart.
    """
    parts = [_part(xpath, one=first) for xpath in xpaths]
    pairs = list(zip(parts, xpaths, strict=True))
    if first:
        return [TreeSearch([part], first=True) if part else xpath for part, xpath in pairs]
    readable = [part for part in parts if part]
    others = [xpath for part, xpath in pairs if not part]
    return [*([TreeSearch(readable, first=False)] if readable else ()), *others]


def merged(finds: Sequence[Find]) -> list[Find]:
    """Return the same with all searches for every match as one, so that a tree is walked through once."""
    searches = [find for find in finds if isinstance(find, TreeSearch) and not find.first]
    others = [find for find in finds if find not in searches]
    parts = [part for search in searches for part in search.parts]
    return [*([TreeSearch(parts, first=False)] if parts else ()), *others]


def _part(xpath: Any, *, one: bool) -> Expression | None:
    """Return what an expression says, None where it cannot be read. one: only its first match is used."""
    path = " ".join(xpath.path.split())
    only = _FIRST.fullmatch(path)
    conditions = parts((only[1] or only[2]) if only else path)
    if (only and not one) or not conditions:
        return None
    tags = re.findall(r"self::(\w+)", conditions[0]) if _TAGS.fullmatch(conditions[0]) else ()
    understood = [condition for condition in takewhile(bool, map(read, conditions)) if condition]
    whole = len(understood) == len(conditions)
    if not understood or (one and not whole):
        return None
    part = Expression(tuple(tags), Condition.all_of(understood), None if whole else xpath)
    # Elements without attributes are passed over without a look.
    return None if part.takes_bare() else part
