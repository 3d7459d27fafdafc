"""YAML text to nodes that know where they stand, with `--set` overrides laid in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import fsspec
import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.reader import ReaderError


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing wrong with a configuration, and where it is."""

    file: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        position = f":{self.line}:{self.column}" if self.line else ""
        return f"{self.file}{position}: {self.text}"


class ConfigError(ValueError):
    """Every mistake found in a configuration; `str` gives one line for each."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(map(str, self.mistakes)))


def _refused(name: str, text: str, line: int = 0, column: int = 0) -> ConfigError:
    return ConfigError([Mistake(name, line, column, text)])


def plain(node: Node) -> Any:
    """Return what YAML makes of `node`: str, int, float, bool, None, list or dict."""
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()


def described(node: Node) -> str:
    """Return a short description of a node, for messages."""
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    return f"'{node.value}'" if node.value != "" else "nothing"


def missing(path: str, *, folder: bool = False) -> str | None:
    """Return what is wrong with a path or URL that must name a file (or a `folder`); None where it does."""
    try:
        filesystem, name = fsspec.core.url_to_fs(path)
        if filesystem.isfile(name) or (folder and filesystem.isdir(name)):
            return None
        return f"no file {'or folder ' if folder else ''}at '{path}'"
    except (OSError, ValueError, ImportError) as error:
        return f"'{path}' cannot be opened: {error}"


def below(node: Node, path: Sequence[str | int]) -> Node:
    """Return the node at `path` below `node`, or the last one on the way that exists."""
    for step in path:
        if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
        elif isinstance(node, MappingNode):
            node = next((child for key, child in node.value if key.value == step), node)
    return node


def compose(path: str, overrides: Sequence[str] = ()) -> Node:
    """Return the YAML node of a file or URL, with `--set dotted.key=value` overrides laid in.

    Raises:
        ConfigError: the file is missing, is no YAML, holds nothing, or an override names no place in it.
    """
    try:
        with fsspec.open(path, "rt", encoding="utf-8") as stream:
            text = stream.read()
    except Exception as error:  # noqa: BLE001 - stores raise kinds of their own
        raise _refused(path, f"cannot be read: {error}") from None
    node = parse(text, path)
    for override in overrides:
        _override(node, override)
    return node


def parse(text: str, name: str) -> Node:
    """Return the node of one YAML document; `name` stands in its messages."""
    try:
        loader = yaml.SafeLoader(text)
    except ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise _refused(
            name, f"no YAML: the character {chr(error.character)!r} is not allowed", line, column
        ) from None
    loader.name = name
    try:
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise _refused(name, f"no YAML: {error.problem}", line, column) from None
    except yaml.YAMLError as error:
        raise _refused(name, f"no YAML: {error}") from None
    except RecursionError:
        raise _refused(name, "no recipe: lists or mappings are nested too deeply", 1, 1) from None
    finally:
        loader.dispose()
    if node is None:
        raise _refused(name, "is empty; expected a mapping", 1, 1)
    return node


def _override(node: Node, override: str) -> None:
    name = f"--set {override}"
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise _refused(name, "expected dotted.key=value")
    lay(node, key, parse(text or "''", name), name)


def lay(node: Node, dotted: str, value: Node, name: str) -> None:
    """Lay a value in where nothing stands, or over what does; `name` says in messages where it is from.

    Raises:
        ConfigError: there is no such place.
    """
    _unplaced(value)
    steps = dotted.split(".")
    for i, step in enumerate(steps):
        last = i == len(steps) - 1
        if isinstance(node, SequenceNode):
            index = _index(node, step)
            if index is None:
                raise _refused(name, f"no item '{step}' in the list at '{'.'.join(steps[:i])}'")
            if last:
                node.value[index] = value
            node = node.value[index]
            continue
        if not isinstance(node, MappingNode):
            raise _refused(name, f"'{'.'.join(steps[:i])}' is {described(node)}, not a mapping")
        node = _step(node, step, value if last else None, value)


def _step(node: MappingNode, step: str, value: Node | None, like: Node) -> Node:
    """Go down one key, making it where it is absent; `value` (if given) replaces what stands there."""
    child: Node
    for i, (key, child) in enumerate(node.value):
        if key.value == step:
            if value is not None or (isinstance(child, ScalarNode) and plain(child) is None):
                child = value or MappingNode("tag:yaml.org,2002:map", [], like.start_mark, like.end_mark)
                node.value[i] = (key, child)
            return child
    key = ScalarNode("tag:yaml.org,2002:str", step, like.start_mark, like.end_mark)
    child = value or MappingNode("tag:yaml.org,2002:map", [], like.start_mark, like.end_mark)
    node.value.append((key, child))
    return child


def _index(node: SequenceNode, step: str) -> int | None:
    """Find an item of a list by its number or by its `name`."""
    if step.isdecimal() and int(step) < len(node.value):
        return int(step)
    for i, child in enumerate(node.value):
        if isinstance(child, MappingNode) and any(
            k.value == "name" and v.value == step for k, v in child.value
        ):
            return i
    return None


def _unplaced(node: Node) -> None:
    """Mark a node as coming from the command line: no line, no column."""
    node.start_mark.line = -1
    children = node.value if isinstance(node, SequenceNode) else []
    if isinstance(node, MappingNode):
        children = [child for pair in node.value for child in pair]
    for child in children:
        _unplaced(child)
