"""The filter section of a manifest as the values that a recipe reads it into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from curation.filters.rules import Edit, Label, Pass, Rule, Top

Json = Mapping[str, Any]


def read_passes(section: Sequence[Json]) -> tuple[Pass, ...]:
    """Return the passes of a manifest's `config["filter"]`; what an earlier version left out has its default.

    >>> rule = {"name": "words", "signal": "word_count", "min": 50, "max": "inf", "options": {}}
    >>> (gopher,) = read_passes([{"name": "gopher", "rules": [rule]}])
    >>> gopher.rules[0].min, gopher.rules[0].max
    (50.0, inf)
    """
    return tuple(_pass(each) for each in section)


def _pass(section: Json) -> Pass:
    return Pass(
        name=section["name"],
        edits=tuple(Edit(name=edit["name"], options=_options(edit)) for edit in section.get("edits") or ()),
        rules=_rules(section["rules"]),
        only=tuple(section.get("only") or ()),
        labels=tuple(
            Label(name=label["name"], labeller=label["labeller"], options=_options(label))
            for label in section.get("labels") or ()
        ),
        when={name: tuple(values) for name, values in (section.get("when") or {}).items()},
        per_language={
            language: _rules(rules) for language, rules in (section.get("per_language") or {}).items()
        },
    )


def _rules(section: Sequence[Json]) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            name=rule["name"],
            signal=rule["signal"],
            min=float(rule["min"]),
            max=float(rule["max"]),
            options=_options(rule),
            top=_top(rule.get("top")),
        )
        for rule in section
    )


def _top(section: Json | None) -> Top | None:
    if section is None:
        return None
    return Top(fraction=section["fraction"], weigh=section["weigh"], per=tuple(section["per"]))


def _options(section: Json) -> dict[str, object]:
    options = section.get("options") or {}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
