"""Bounds that a user asks to move: read from words, checked at once, and written into a recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from curation.accounting.fingerprint import canonical
from curation.accounting.manifest import published, read_manifest
from curation.look.render.visible import is_bound, number
from curation.look.run.measured import Bounds, bounds
from curation.recipe.config import nearest
from curation.recipe.recipe import read_recipe
from curation.recipe.rewrite import CannotTake, Change, write_recipe
from curation.recipe.sections.passes import interval_mistake


class BadChange(ValueError):
    """Bounds that were asked for and make no sense; one line for each mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One bound, `min` or `max`, of one rule, as it is and as it would be."""

    rule: str
    side: str
    now: float
    then: float

    @property
    def told(self) -> str:
        """The move in words."""
        return f"{self.rule}: {self.side} {number(self.now)} → {number(self.then)}"

    @property
    def looser(self) -> bool:
        """Whether it lets more documents pass."""
        return self.then < self.now if self.side == "min" else self.then > self.now


def moves(directory: str, words: Sequence[str]) -> tuple[Move, ...]:
    """Return the moves that `PASS.RULE.min=NUMBER` and `PASS.RULE.max=NUMBER` ask for.

    Raises:
        BadChange: with every mistake.
    """
    rules = bounds(directory)
    mistakes: list[str] = []
    found: dict[tuple[str, str], Move] = {}
    for word in words:
        read = _read(word, rules)
        if isinstance(read, str):
            mistakes.append(f"{word}: {read}")
        elif (read.rule, read.side) in found:
            mistakes.append(f"{word}: {read.rule}.{read.side} stands here a second time")
        else:
            found[read.rule, read.side] = read
    mistakes += _intervals(directory, found.values())
    if mistakes:
        raise BadChange("\n".join(mistakes))
    return tuple(found.values())


def suggested(measured: pd.DataFrame, rules: pd.DataFrame) -> list[str]:
    """Return the move of one bound that is worth asking about first, in words; none where no rule has one.

    The bound that most documents of a sample break, moved so that half of those would pass it. Where they
    break none, the last one that was measured, moved so that one document in twenty would break it.

    Args:
        measured: `frames.measures`.
        rules: `frames.rules`.
    """
    best, found = 0, []
    for rule in rules.itertuples(index=False):
        values = measured.get(rule.name, pd.Series(dtype="float64")).dropna()
        for side, limit in (("min", rule.min), ("max", rule.max)):
            if not is_bound(limit) or values.empty:
                continue
            broke = values[values < limit] if side == "min" else values[values > limit]
            half = float(broke.median() if len(broke) else values.quantile(0.05 if side == "min" else 0.95))
            if len(broke) >= best:
                best, found = len(broke), [f"{rule.name}.{side}={half!r}"]
    return found


def _read(word: str, rules: Bounds) -> Move | str:
    """Return the move that one word asks for, or what is wrong with it."""
    key, equals, text = word.partition("=")
    rule, _, side = key.rpartition(".")
    if not equals or not rule:
        return "expected PASS.RULE.min=NUMBER or PASS.RULE.max=NUMBER"
    if key in rules.names:
        return f"expected {key}.min or {key}.max"
    if rule not in rules.names:
        return f"no rule is called '{rule}'{nearest(rule, rules.names)}"
    if side not in ("min", "max"):
        return f"{rule} has no bound '{side}'{nearest(side, ('min', 'max'))}"
    try:
        then = float(text)
    except ValueError:
        return f"expected a number (or inf, -inf for no bound), found '{text}'"
    place = rules.names.index(rule)
    return Move(
        rule=rule, side=side, now=float((rules.low if side == "min" else rules.high)[place]), then=then
    )


def _intervals(directory: str, found: Iterable[Move]) -> list[str]:
    """Return what is wrong with the bounds that the moves leave, in the words of `curate check`."""
    config = read_manifest(published(directory, "filter")).config["filter"]
    signals = {f"{each['name']}.{rule['name']}": rule["signal"] for each in config for rule in each["rules"]}
    rules, wrong = moved(bounds(directory), found), []
    for name in dict.fromkeys(each.rule for each in found):
        place = rules.names.index(name)
        low, high = float(rules.low[place]), float(rules.high[place])
        if low <= 0 and high == np.inf:
            continue  # a rule taken out: worth asking, though a recipe would leave it out
        if mistake := interval_mistake(name, signals[name], low, high):
            wrong.append(mistake)
    return wrong


def moved(rules: Bounds, found: Iterable[Move]) -> Bounds:
    """Return the rules with every move made."""
    for each in found:
        rules = rules.changed(each.rule, each.side, each.then)
    return rules


def write_changed(
    directory: str, asked: Sequence[Move], recipe: str, overrides: Sequence[str], out: str
) -> None:
    """Write the recipe that a run was made by, with the moves in it, to `out`.

    Raises:
        BadChange: its filter section is not the run's; names the first rules that differ.
        ConfigError, FileExistsError: as `curation.recipe.rewrite.write_recipe`.
    """
    made_by = read_manifest(published(directory, "filter")).config["filter"]
    declared = canonical(read_recipe(recipe, overrides).filter)
    if made_by != declared:
        run, file = (dict(_named(found)) for found in (made_by, declared))
        names = [name for name in {**run, **file} if run.get(name) != file.get(name)]
        raise BadChange(
            f"{recipe}: is not the recipe that made {directory}; other there: "
            f"{', '.join(names[:5]) or 'the order of the rules'}. Give the recipe as it was, and each --set "
            "that the run was given; a preset that changed since reads otherwise too"
        )
    changes = [
        Change(pass_name=name, rule=rule, side=each.side, value=each.then)
        for each in asked
        for name, _, rule in [each.rule.partition(".")]
    ]
    try:
        write_recipe(recipe, overrides, changes, out)
    except CannotTake as error:
        raise BadChange(str(error)) from error


def _named(passes: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield (what, settings) of every rule, and of every pass but its rules."""
    for each in passes:
        yield f"pass {each['name']}", {key: value for key, value in each.items() if key != "rules"}
        for rule in each["rules"]:
            yield f"{each['name']}.{rule['name']}", rule
