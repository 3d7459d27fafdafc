"""A recipe with other bounds, as text: comments, order and style stay, and only the bounds change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import fsspec
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from curation.filters.rules import Pass
from curation.recipe.config import ConfigError
from curation.recipe.nodes import below, parse, plain
from curation.recipe.recipe import read_recipe


class CannotTake(ValueError):
    """A recipe's text has no place where a bound could stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBound:
    """One bound, `min` or `max`, of one rule of one pass, and its new value."""

    pass_name: str
    rule: str
    side: str
    value: float


def write_recipe(path: str, overrides: Sequence[str], changes: Sequence[NewBound], out: str) -> None:
    """Write the recipe at `path` with other bounds to `out`.

    What is written is read back with the same `--set` overrides: it is a good recipe whose filter section
    is the old one with these bounds, or nothing is written.

    Raises:
        ConfigError: the recipe has mistakes, or would have.
        FileExistsError: there is something at `out`.
        CannotTake: a bound stands where another text than its own decides it (an alias, an override).
    """
    before = read_recipe(path, overrides)
    filesystem, name = fsspec.core.url_to_fs(out)
    if filesystem.exists(name):
        raise FileExistsError(f"{out}: is there already; name a file that is not")
    with fsspec.open(path, "rt", encoding="utf-8", newline="") as stream:
        text = stream.read()
    for change in changes:
        text = with_bound(text, path, change)
    filesystem.pipe_file(name, text.encode())
    try:
        after = read_recipe(out, overrides).filter
    except ConfigError as error:
        filesystem.rm_file(name)
        mistakes = [
            replace(mistake, file=path, text=f"with these bounds: {mistake.text}")
            for mistake in error.mistakes
        ]
        raise ConfigError(mistakes) from None
    if after != tuple(_changed(filter_pass, changes) for filter_pass in before.filter):
        filesystem.rm_file(name)
        raise CannotTake(
            f"{path}: its text cannot take these bounds: an alias, a merge key, `measure:` or a --set "
            "decides them, not a line of their own; change it by hand"
        )


def _changed(filter_pass: Pass, changes: Sequence[NewBound]) -> Pass:
    rules = list(filter_pass.rules)
    for change in changes:
        for i, rule in enumerate(rules):
            if (change.pass_name, change.rule) == (filter_pass.name, rule.name):
                rules[i] = replace(rule, **{change.side: change.value})  # type: ignore[arg-type]
    return replace(filter_pass, rules=tuple(rules))


def with_bound(text: str, name: str, change: NewBound) -> str:
    """Return a recipe's text with one bound set, where the pass has the rule or only its preset does.

    Raises:
        CannotTake: the text, called `name` in messages, has no such pass.

    >>> with_bound("filter: [{name: g, preset: gopher}]  # all", "r", NewBound(
    ...     pass_name="g", rule="word_count", side="min", value=80.0))
    'filter: [{name: g, preset: gopher, keep: {word_count: {min: 80}}}]  # all'
    """
    node = _pass(parse(text, name), change.pass_name)
    if node is None:
        raise CannotTake(f"{name}: its text has no pass called '{change.pass_name}'; change it by hand")
    number = _number(change.value)
    entries = [
        ("keep", f"keep: {{{change.rule}: {{{change.side}: {number}}}}}"),
        (change.rule, f"{change.rule}: {{{change.side}: {number}}}"),
        (change.side, f"{change.side}: {number}"),
    ]
    for step, entry in entries:
        child = _child(node, step)
        if child is None:
            return _inserted(text, node, entry)
        if not isinstance(child, MappingNode):  # the bound itself: every step before it is a mapping
            return text[: child.start_mark.index] + number + text[child.end_mark.index :]
        node = child
    raise CannotTake(
        f"{name}: {change.pass_name}.{change.rule}.{change.side} is a mapping; expected a number"
    )


def _pass(root: Node, name: str) -> MappingNode | None:
    passes = below(root, ["filter"]).value
    for node in passes if isinstance(passes, list) else []:
        if isinstance(node, MappingNode):
            child = _child(node, "name")
            if isinstance(child, ScalarNode) and child.value == name:
                return node
    return None


def _child(node: MappingNode, step: str) -> Node | None:
    return next((value for key, value in node.value if key.value == step), None)


def _inserted(text: str, node: MappingNode, entry: str) -> str:
    """Return the text with one more `key: value` at the end of a mapping, in the mapping's own style."""
    if not node.value:
        at = node.start_mark.index + 1
    elif node.flow_style:
        at, entry = _end(text, node.value[-1][1]), f", {entry}"
    else:  # on a line of its own, behind whatever comment ends the last one
        last = _end(text, node.value[-1][1])
        newline = text.find("\n", last)
        at = len(text) if newline < 0 else newline
        entry = f"\n{' ' * node.value[0][0].start_mark.column}{entry}"
    return text[:at] + entry + text[at:]


def _end(text: str, node: Node) -> int:
    """Return where a node's text ends; the mark of a block collection lies behind the comments after it."""
    if isinstance(node, ScalarNode):
        return len(text[: node.end_mark.index].rstrip()) if node.style in ("|", ">") else node.end_mark.index
    if not isinstance(node, CollectionNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(text, last[1] if isinstance(node, MappingNode) else last)


def _number(value: float) -> str:
    """Return a number as YAML reads it back, whole numbers without a point.

    >>> [_number(number) for number in (80.0, 0.25, 1e-07, float("-inf"))]
    ['80', '0.25', '1.0e-07', '-.inf']
    """
    if value in (float("inf"), float("-inf")):
        return ".inf" if value > 0 else "-.inf"
    text = str(int(value)) if value == int(value) else repr(value)
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")
    assert plain(parse(text, "a number")) == value
    return text
