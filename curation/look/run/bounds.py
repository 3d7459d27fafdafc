"""Changes of bounds: read from the command line, checked at once, and written into a recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from curation.filters.rules import Pass
from curation.look.errors import BadQuestion
from curation.look.render.visible import is_bound, number
from curation.look.run.measured import RuleBounds
from curation.look.run.opened import OpenedRun
from curation.recipe.recipe import read_recipe
from curation.recipe.rewrite import CannotTake, NewBound, write_recipe
from curation.recipe.sections.passes import interval_mistake
from curation.text.mistakes import nearest


class BadChange(BadQuestion):
    """Changes of bounds that make no sense; one line for each mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundChange:
    """A new value of one bound, `min` or `max`, of one rule."""

    rule: str
    side: str
    now: float
    then: float

    def __str__(self) -> str:
        """Return the change in words."""
        return f"{self.rule}: {self.side} {number(self.now)} → {number(self.then)}"

    @property
    def looser(self) -> bool:
        """Whether it lets more documents pass."""
        return self.then < self.now if self.side == "min" else self.then > self.now


def read_changes(run: OpenedRun, arguments: Sequence[str]) -> tuple[BoundChange, ...]:
    """Return the changes that `PASS.RULE.min=NUMBER` and `PASS.RULE.max=NUMBER` ask for.

    Raises:
        BadChange: with every mistake.
    """
    mistakes: list[str] = []
    changes: dict[tuple[str, str], BoundChange] = {}
    for argument in arguments:
        change = _read(argument, run.bounds)
        if isinstance(change, str):
            mistakes.append(f"{argument}: {change}")
        elif (change.rule, change.side) in changes:
            mistakes.append(f"{argument}: {change.rule}.{change.side} stands here a second time")
        else:
            changes[change.rule, change.side] = change
    mistakes += _intervals(run, list(changes.values()))
    if mistakes:
        raise BadChange("\n".join(mistakes))
    return tuple(changes.values())


def suggested(measures: pd.DataFrame, rules: pd.DataFrame) -> list[str]:
    """Return the change of one bound that is worth asking about first, in words; none where no rule has one.

    The bound that most documents of a sample break is moved so that half of those would pass it. Where no
    document breaks any, the last one that was measured is moved so that one in twenty would break it.

    Args:
        measures: of `frames.measures`.
        rules: of `frames.rules`.
    """
    most, change = 0, []
    for rule in rules.itertuples(index=False):
        values = measures.get(rule.name, pd.Series(dtype="float64")).dropna()
        for side, limit in (("min", rule.min), ("max", rule.max)):
            if not is_bound(limit) or values.empty:
                continue
            broke = values[values < limit] if side == "min" else values[values > limit]
            half = float(broke.median() if len(broke) else values.quantile(0.05 if side == "min" else 0.95))
            if len(broke) >= most:
                most, change = len(broke), [f"{rule.name}.{side}={half!r}"]
    return change


def _read(argument: str, rules: RuleBounds) -> BoundChange | str:
    """Return the change that one argument asks for, or what is wrong with it."""
    key, equals, text = argument.partition("=")
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
    bounds = rules.low if side == "min" else rules.high
    return BoundChange(rule=rule, side=side, now=float(bounds[rules.names.index(rule)]), then=then)


def _intervals(run: OpenedRun, changes: Sequence[BoundChange]) -> list[str]:
    """Return what is wrong with the bounds that the changes leave, in the words of `curate check`."""
    rules, wrong = apply_changes(run.bounds, changes), []
    for name in dict.fromkeys(change.rule for change in changes):
        index = rules.names.index(name)
        low, high = float(rules.low[index]), float(rules.high[index])
        if low <= 0 and high == np.inf:
            continue  # a rule taken out: worth asking, though a recipe would leave it out
        if mistake := interval_mistake(name, run.rules[name].signal, low, high):
            wrong.append(mistake)
    return wrong


def apply_changes(rules: RuleBounds, changes: Iterable[BoundChange]) -> RuleBounds:
    """Return the rules with every change made."""
    for change in changes:
        rules = rules.changed(change.rule, change.side, change.then)
    return rules


def write_changed(
    run: OpenedRun, changes: Sequence[BoundChange], recipe: str, overrides: Sequence[str], out: str
) -> None:
    """Write the recipe that a run was made by, with the changes in it, to `out`.

    Raises:
        BadChange: its filter section is not the run's; names the first rules that differ.
        ConfigError, FileExistsError: as `curation.recipe.rewrite.write_recipe`.
    """
    run.manifest("filter")
    declared = read_recipe(recipe, overrides).filter
    if run.passes != declared:
        made, file = (dict(_settings(passes)) for passes in (run.passes, declared))
        names = [name for name in {**made, **file} if made.get(name) != file.get(name)]
        raise BadChange(
            f"{recipe}: is not the recipe that made {run.directory}; other there: "
            f"{', '.join(names[:5]) or 'the order of the rules'}. Give the recipe as it was, and each --set "
            "that the run was given; a preset that changed since reads otherwise too"
        )
    edits = [
        NewBound(pass_name=name, rule=rule, side=change.side, value=change.then)
        for change in changes
        for name, _, rule in [change.rule.partition(".")]
    ]
    try:
        write_recipe(recipe, overrides, edits, out)
    except CannotTake as error:
        raise BadChange(str(error)) from error


def _settings(passes: Iterable[Pass]) -> Iterator[tuple[str, object]]:
    """Yield (name, settings) of every rule, and of every pass but its rules."""
    for filter_pass in passes:
        yield f"pass {filter_pass.name}", replace(filter_pass, rules=())
        for rule in filter_pass.rules:
            yield f"{filter_pass.name}.{rule.name}", rule
