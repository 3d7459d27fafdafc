"""What a recipe may say to a function: its keyword parameters, decoded by their types."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable
from typing import Any

from yaml.nodes import Node, SequenceNode

from curation.recipe.config import Reader
from curation.recipe.nodes import missing
from curation.signals import blocklist
from curation.signals.models.model_files import damage
from curation.signals.registry import FilePath, ListPath, Pattern


def options(function: Callable[..., Any]) -> dict[str, Any]:
    """Return keyword parameter -> type of a signal or an edit: the options a recipe may give it."""
    hints = typing.get_type_hints(function)
    parameters = inspect.signature(function).parameters.values()
    return {p.name: hints[p.name] for p in parameters if p.kind is p.KEYWORD_ONLY}


def required(
    reader: Reader, key: Node, name: str, function: Callable[..., Any], chosen: dict[str, Any]
) -> None:
    """Report, where `key` stands, every option that the function needs and that was not chosen."""
    for parameter in inspect.signature(function).parameters.values():
        required = parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
        if required and parameter.name not in chosen:
            reader.wrong(key, f"{name} has no '{parameter.name}', which it needs")


def decode(
    reader: Reader, function: Callable[..., Any], items: dict[str, tuple[Node, Node]]
) -> dict[str, Any]:
    """Decode the options that `items` give to a function, by the types of its parameters."""
    kinds = options(function)
    out: dict[str, Any] = {}
    for name, (_, node) in items.items():
        if name not in kinds:
            continue
        kind = kinds[name]
        if Pattern in typing.get_args(kind):
            out[name] = _patterns(reader, node)
            continue
        if ListPath in typing.get_args(kind):
            out[name] = _lists(reader, node)
            continue
        is_file = FilePath in (kind, *typing.get_args(kind))
        out[name] = reader.value(node, str | None if is_file else kind)
        if is_file and out[name]:
            _file(reader, node, name, out[name])
    return out


def _lists(reader: Reader, node: Node) -> tuple[str, ...] | None:
    """Decode one path of a list or a folder of lists, or several."""
    paths: str | tuple[str | None, ...] | None = reader.value(node, str | tuple[str, ...])
    several = (paths,) if isinstance(paths, str) else paths or ()
    nodes = node.value if isinstance(node, SequenceNode) else [node]
    for child, path in zip(nodes, several, strict=False):
        if path and (wrong := missing(path, folder=True) or blocklist.damage(path)):
            reader.wrong(child, wrong)
    return tuple(path for path in several if path)


def _file(reader: Reader, node: Node, option: str, path: str) -> None:
    if wrong := missing(path) or damage(option, path):
        reader.wrong(node, wrong)


def _patterns(reader: Reader, node: Node) -> tuple[str, ...] | None:
    """Decode a list of regular expressions; one that does not compile is a mistake where it stands."""
    patterns: tuple[str, ...] | None = reader.value(node, tuple[str, ...])
    for child, pattern in zip(node.value, patterns or (), strict=False):
        try:
            re.compile(pattern or "")
        except re.error as error:
            reader.wrong(child, f"'{pattern}' is no regular expression: {error}")
    return patterns
