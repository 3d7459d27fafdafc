"""The filter section: a pass from YAML, its preset laid under it, its rules checked against the signals."""

from __future__ import annotations

import functools
import math
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib import resources
from itertools import chain
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from curation.filters.registry import EDITS
from curation.filters.rules import Edit, Pass, Rule, Splitters
from curation.recipe.config import Reader
from curation.recipe.nodes import described, parse, plain
from curation.recipe.options import decode, options, required
from curation.recipe.sections.labels import decode_labels, decode_when
from curation.recipe.sections.select import TOP, decode_top
from curation.recipe.tables import languages
from curation.signals import LABELLERS, SIGNALS, blocklist
from curation.signals.models.options import option_mistakes
from curation.signals.registry import UNITS, FilePath, ListPath
from curation.text.mistakes import nearest

_KEYS = (
    *("name", "preset", "only", "when", "edit", "label", "keep", "measure"),
    *("per_language", "splitters"),
)
_PRESET_KEYS = ("source", "differs", "edit", "keep", "measure", "per_language")
#: What `per_language` says to name the table that ships with the package.
_SHIPPED = "shipped"
_NAME = re.compile(r"[A-Za-z0-9_-]+")  # reasons and measures are called PASS.RULE
_BOUNDS = ("min", "max")
_FOLDER = resources.files("curation.recipe") / "presets"
_LANGUAGES = resources.files("curation.recipe") / "languages.yaml"


def presets() -> list[str]:
    """Return the names of the presets that ship with the package."""
    return sorted(file.name[: -len(".yaml")] for file in _FOLDER.iterdir() if file.name.endswith(".yaml"))


def files_of(filter_pass: Pass) -> Iterator[str]:
    """Yield every file (model, list) that a pass reads: their digests enter the fingerprint."""
    functions: list[tuple[Callable[..., Any], Mapping[str, object]]] = []
    rules = chain(filter_pass.rules, *filter_pass.per_language.values())
    functions += [(SIGNALS[rule.signal], rule.options) for rule in rules]
    functions += [(LABELLERS[label.labeller], label.options) for label in filter_pass.labels]
    functions += [(EDITS[edit.name], edit.options) for edit in filter_pass.edits]
    for function, given in functions:
        for name, kind in options(function).items():
            if FilePath in (kind, *typing.get_args(kind)) and given.get(name):
                yield str(given[name])
            if ListPath in typing.get_args(kind):
                for path in typing.cast(tuple[str, ...], given.get(name) or ()):
                    yield from blocklist.files(path)


def decode_pass(reader: Reader, node: Node) -> Pass:
    """Return one pass of the recipe; mistakes go to the reader.

    Where there are any, the pass is what could be read of it: other checks need its names.
    """
    before = len(reader.mistakes)
    items = {key: value for key, (_, value) in reader.items(node, _KEYS, "a pass").items()}
    edits, rules, shipped = _preset(reader, items["preset"]) if "preset" in items else ([], {}, False)
    if "edit" in items:
        edits = _edits(reader, items["edit"])
    _lay(reader, items, rules)
    name = str(reader.value(items["name"], str)) if "name" in items else ""
    if "name" in items and not _NAME.fullmatch(name):
        reader.wrong(items["name"], f"'{name}' cannot name a pass; use letters, digits, '_' and '-'")
    if "name" not in items and len(reader.mistakes) == before:
        reader.wrong(node, "a pass has no 'name'; its reasons are called NAME.RULE")
    only = reader.value(items["only"], tuple[str, ...]) if "only" in items else ()
    labels = decode_labels(reader, items["label"]) if "label" in items else ()
    if not rules and not edits and not labels and len(reader.mistakes) == before:
        wrong = (
            "this pass neither edits nor labels nor keeps by any rule nor measures, so it would do nothing"
        )
        reader.wrong(node, wrong)
    splitters = reader.value(items["splitters"], Splitters) if "splitters" in items else None
    table = items.get("per_language")
    chosen = plain(table) if isinstance(table, ScalarNode) else None
    shipped = chosen == _SHIPPED or (shipped and chosen is not False)
    step = Pass(
        name=name,
        edits=tuple(edits),
        rules=tuple(rules.values()),
        only=only or (),
        labels=labels,
        when=decode_when(reader, items["when"]) if "when" in items else {},
        splitters=splitters or "by_language",
    )
    if shipped:
        step = replace(step, shipped=_shipped(reader, step))
    if table is None or chosen in (_SHIPPED, False):
        return step
    return replace(step, per_language=_per_language(reader, table, step))


def _per_language(reader: Reader, node: Node, step: Pass) -> dict[str, tuple[Rule, ...]]:
    """Decode the table that `per_language:` names: what it says of a language lies over the pass's rules."""
    by_language: dict[str, tuple[Rule, ...]] = {}
    names = [rule.name for rule in step.rules]
    for language, (_, value) in languages(reader, node).items():
        items = reader.items(value, names, f"the table for '{language}'")
        own = {rule.name: rule for rule in step.rules_for(language)}
        _rules(reader, items, own, bounded=True)
        by_language[language] = tuple(own.values())
    return by_language


def _shipped(reader: Reader, step: Pass) -> dict[str, tuple[Rule, ...]]:
    """Decode the package's table: what it says of rules that the pass has, by name and signal."""
    by_language: dict[str, tuple[Rule, ...]] = {}
    for language, (_, value) in reader.items(_languages()).items():
        own = {rule.name: rule for rule in step.rules_for(language)}
        items = {
            name: pair
            for name, pair in reader.items(value).items()
            if name in own and own[name].signal == plain(reader.items(pair[1])["signal"][1])
        }
        _rules(reader, items, own, bounded=True)
        if items:
            by_language[language] = tuple(own[name] for name in items)
    return by_language


@functools.cache
def _languages() -> Node:
    return parse(_LANGUAGES.read_text(encoding="utf-8"), "the bounds by language that ship")


def _preset(reader: Reader, node: Node) -> tuple[list[Edit], dict[str, Rule], bool]:
    """Return a preset's edits and rules, and whether the package's table of languages lies over them."""
    name = reader.value(node, str)
    if name not in presets():
        if name is not None:
            reader.wrong(node, f"no preset named '{name}'{nearest(name, presets())}")
        return [], {}, False
    text = (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    root = parse(text, f"preset {name}")
    items = {key: value for key, (_, value) in reader.items(root, _PRESET_KEYS).items()}
    rules: dict[str, Rule] = {}
    _lay(reader, items, rules)
    edits = _edits(reader, items["edit"]) if "edit" in items else []
    return edits, rules, "per_language" in items


def _edits(reader: Reader, node: Node) -> list[Edit]:
    """Decode `edit: [name, {name: {option: value}}]`."""
    if not isinstance(node, SequenceNode):
        reader.wrong(node, f"expected a list of edits, found {described(node)}")
        return []
    edits = []
    for child in node.value:
        pairs = [(child, None)] if isinstance(child, ScalarNode) else list(reader.items(child).values())
        for key, value in pairs:
            if key.value not in EDITS:
                reader.wrong(key, f"no edit named '{key.value}'{nearest(key.value, EDITS)}")
                continue
            edit = EDITS[key.value]
            items = reader.items(value, options(edit), key.value) if value is not None else {}
            chosen = decode(reader, edit, items)
            required(reader, key, key.value, edit, chosen)
            edits.append(Edit(name=key.value, options=chosen))
    return edits


def _lay(reader: Reader, items: Mapping[str, Node], rules: dict[str, Rule]) -> None:
    """Lay the rules of `keep:` and what `measure:` names over `rules`; `NAME: false` takes a preset's out.

    What is measured is a rule without bounds: it has a value and drops nothing.
    """
    kept = reader.items(items["keep"], what="keep") if "keep" in items else {}
    measured = reader.items(items["measure"], what="measure") if "measure" in items else {}
    for name in kept.keys() & measured.keys():
        reader.wrong(measured[name][0], f"'{name}' stands under keep too, where it is measured already")
    _rules(reader, kept, rules, bounded=True)
    _rules(reader, {name: measured[name] for name in measured if name not in kept}, rules, bounded=False)


def _rules(
    reader: Reader, items: Mapping[str, tuple[Node, Node]], rules: dict[str, Rule], *, bounded: bool
) -> None:
    for name, (key, value) in items.items():
        if isinstance(value, ScalarNode) and plain(value) is False:
            if rules.pop(name, None) is None:
                reader.wrong(
                    key, f"'{name}: false' takes out a rule of the preset, which has none of that name"
                )
            continue
        if not _NAME.fullmatch(name):
            reader.wrong(key, f"'{name}' cannot name a rule; use letters, digits, '_' and '-'")
        rules[name] = _rule(reader, name, key, value, rules.get(name), bounded=bounded)


def _rule(reader: Reader, name: str, key: Node, node: Node, under: Rule | None, *, bounded: bool) -> Rule:
    """Decode one rule. With a mistake in it, its name and its top are all that other checks use."""
    before = len(reader.mistakes)
    if not isinstance(node, MappingNode):
        expected = "min, max and options" if bounded else "the options ({} for none)"
        reader.wrong(node, f"expected {expected} of {name}, found {described(node)}")
        return Rule(name=name, signal=name)
    items = reader.items(node)
    top = decode_top(reader, items) if bounded else None
    known = Rule(name=name, signal=name, top=top)
    signal = under.signal if under else name
    where = key
    if "signal" in items:
        where = items.pop("signal")[1]
        signal = reader.value(where, str)
    if signal not in SIGNALS:
        if signal is not None:
            reader.wrong(where, f"no signal named '{signal}'{nearest(signal, SIGNALS)}")
        return known
    if under is not None and under.signal != signal:
        under = None
    given = _known(reader, signal, items, bounded=bounded)
    below = under if under and bounded else Rule(name=name, signal=signal)
    low = reader.value(given.pop("min")[1], float) if "min" in given else below.min
    high = reader.value(given.pop("max")[1], float) if "max" in given else below.max
    chosen = {**(under.options if under else {}), **decode(reader, SIGNALS[signal], given)}
    if len(reader.mistakes) > before:
        return known
    unbounded = top is not None and low == -math.inf and high == math.inf
    if bounded and not unbounded and (wrong := interval_mistake(name, signal, low, high)):
        reader.wrong(key, wrong)
    required(reader, key, signal, SIGNALS[signal], chosen)
    for option, wrong in option_mistakes(signal, chosen) if len(reader.mistakes) == before else ():
        reader.wrong(given[option][1] if option in given else key, wrong)
    if len(reader.mistakes) > before:
        return known
    return Rule(name=name, signal=signal, min=low, max=high, options=chosen, top=top or below.top)


def _known(
    reader: Reader, signal: str, items: dict[str, tuple[Node, Node]], *, bounded: bool
) -> dict[str, tuple[Node, Node]]:
    takes = [*((*_BOUNDS, *TOP) if bounded else ()), *options(SIGNALS[signal])]
    for name in [name for name in items if name not in takes]:
        key, _ = items.pop(name)
        if name in (*_BOUNDS, *TOP):
            reader.wrong(key, f"what is under measure has no '{name}'; a bound belongs under keep")
        else:
            reader.wrong(key, f"{signal} takes no '{name}'{nearest(name, takes)}")
    return items


def interval_mistake(name: str, signal: str, low: float, high: float) -> str | None:
    """Return what is wrong with the bounds of a rule, given its signal's unit; None if nothing is."""
    unit = signal.rpartition("_")[2]
    least, most = UNITS[unit]
    if math.isnan(low) or math.isnan(high):
        return f"{name} has a bound that is not a number"
    if low == -math.inf and high == math.inf:
        meant = "to measure it only, put it under measure"
        return f"{name} has neither min nor max, so it would keep every document; {meant}"
    if low > high:
        return f"{name} has min {low:g} above max {high:g}, so it would drop every document"
    if low > most or high < least:
        bound = f"min {low:g}" if low > most else f"max {high:g}"
        return f"{name} has {bound}, but a {unit} is {least:g} to {most:g}"
    if low <= least and high == math.inf > most:
        return f"{name} has min {low:g} and no max, so it would keep every document"
    if low <= least and high > most:
        return f"{name} has max {high:g}, but a {unit} is at most {most:g}"
    return None
