"""The select section, and the rules that ask for the best share: what is chosen after the filter."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from yaml.nodes import Node

from curation.filters.rules import Pass, Top
from curation.quality.selection import Selection
from curation.recipe.config import Reader
from curation.text.mistakes import Where, nearest

TOP = ("top_fraction", "weigh", "per")
DOCUMENTS = "documents"


def decode_top(reader: Reader, given: dict[str, tuple[Node, Node]]) -> Top | None:
    """Take `top_fraction`, `weigh` and `per` out of what a rule is given; None where there are none."""
    items = {name: given.pop(name) for name in TOP if name in given}
    if not items:
        return None
    if "top_fraction" not in items:
        name, (key, _) = next(iter(items.items()))
        reader.wrong(key, f"'{name}' says how top_fraction counts, which is not here")
        return None
    values: Mapping[str, Any] = {
        "fraction": reader.value(items["top_fraction"][1], float),
        "weigh": reader.value(items["weigh"][1], str) if "weigh" in items else DOCUMENTS,
        "per": reader.value(items["per"][1], tuple[str, ...]) if "per" in items else (),
    }
    fraction = values["fraction"]
    if fraction is not None and not 0 < fraction < 1:
        reader.wrong(
            items["top_fraction"][1], f"top_fraction is {fraction:g}; expected a share between 0 and 1"
        )
    for name in values["per"] or ():
        if name not in ("source", "language"):
            reader.wrong(items["per"][1], f"expected source, language or both, found '{name}'")
    return Top(**values) if None not in values.values() else None


def selections(passes: Sequence[Pass], section: Sequence[Selection]) -> tuple[Selection, ...]:
    """Return what is selected, in order: the rules with a top_fraction, then the select section."""
    ruled = [
        Selection(
            name=f"{filter_pass.name}.{rule.name}",
            of=(f"{filter_pass.name}.{rule.name}",),
            top_fraction=rule.top.fraction,
            weigh=rule.top.weigh,
            per=rule.top.per,  # type: ignore[arg-type]  # checked where it was read
            reason=f"{filter_pass.name}.{rule.name}",
        )
        for filter_pass in passes
        for rule in filter_pass.rules
        if rule.top
    ]
    return (*ruled, *section)


def measured_only(filter_pass: Pass) -> Pass:
    """Return a pass as the filter stage has it: the best share is chosen by a later one."""
    return replace(filter_pass, rules=tuple(replace(rule, top=None) for rule in filter_pass.rules))


def mistakes(passes: Sequence[Pass], section: Sequence[object], measures: Collection[str]) -> Iterator[Where]:
    """Yield (where, what) for measures that no pass takes, and for names that stand twice.

    Of a selection or rule with a mistake in it, what is right is checked.
    """
    names: set[str] = set()
    for i, selection in enumerate(section):
        for name in getattr(selection, "of", ()):
            if name not in measures:
                yield ("select", i, "of"), f"no pass measures '{name}'{nearest(name, measures)}"
        if wrong := _weigh_mistake(getattr(selection, "weigh", DOCUMENTS), measures):
            yield ("select", i, "weigh"), wrong
        called = getattr(selection, "name", None)
        if called in names:
            yield ("select", i, "name"), f"a second selection is called '{called}'; names must differ"
        names |= {called} if called else set()
    for i, one in enumerate(passes):
        for rule in one.rules:
            if rule.top and (wrong := _weigh_mistake(rule.top.weigh, measures)):
                yield ("filter", i, "keep", rule.name, "weigh"), wrong


def _weigh_mistake(weigh: str, measures: Collection[str]) -> str | None:
    if weigh in (DOCUMENTS, *measures):
        return None
    if weigh == "tokens":
        return (
            "tokens are weighed where a pass counts them: `measure: {token_count: {tokenizer: FILE}}` in a "
            "pass, here `weigh: PASS.token_count`"
        )
    return f"no pass measures '{weigh}'{nearest(weigh, (DOCUMENTS, *measures))}"
