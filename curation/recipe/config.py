"""YAML to frozen dataclasses; every mistake at once, as `file:line:column: what was found, what was meant`.

A dataclass is the schema: its fields are the allowed keys, their types the allowed values, their defaults
what is used where a key is absent. Field metadata `min`/`max` bounds numbers (closed) and `help` is shown
nowhere but in the code. A `ValueError` raised by `__post_init__` is reported where the mapping starts; a
static method `mistakes(values)` sees the fields decoded so far and yields (path below the mapping, text).
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from curation.recipe.nodes import ConfigError, Mistake, below, compose, described, lay, parse, plain
from curation.text.mistakes import nearest, one_of

T = TypeVar("T")
_NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}


class Partly(types.SimpleNamespace):
    """What of a section with mistakes was decoded without one; false, so that nobody takes it for whole."""

    def __bool__(self) -> bool:
        """Return False."""
        return False


@dataclass(slots=True)
class Reader:
    """Walks YAML nodes into values and collects mistakes.

    A value with a mistake in it comes back as None; a dataclass as `Partly`: other sections may still be
    checked against what was right in it.
    """

    decoders: Mapping[type, Callable[[Reader, Node], Any]] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def wrong(self, node: Node, text: str) -> None:
        """Record a mistake at the start of `node`."""
        mark = node.start_mark
        line = mark.line + 1 if mark.line >= 0 else 0
        self.mistakes.append(Mistake(mark.name, line, mark.column + 1, text))

    def items(
        self, node: Node, known: Iterable[str] | None = None, what: str = ""
    ) -> dict[str, tuple[Node, Node]]:
        """Return key -> (key node, value node); reports repeated keys and, given `known`, unknown ones."""
        if not isinstance(node, MappingNode):
            self.wrong(node, f"expected a mapping{f' for {what}' if what else ''}, found {described(node)}")
            return {}
        names = None if known is None else list(known)
        out: dict[str, tuple[Node, Node]] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in out:
                self.wrong(key, f"'{name}' stands here a second time")
            elif names is not None and name not in names:
                self.wrong(key, f"{what or 'this'} takes no '{name}'{nearest(name, names)}")
            else:
                out[name] = (key, value)
        return out

    def value(self, node: Node, kind: Any) -> Any:
        """Decode `node` as the type `kind`."""
        origin = get_origin(kind)
        if kind in self.decoders:
            return self.decoders[kind](self, node)
        if dataclasses.is_dataclass(kind):
            return self.dataclass(node, typing.cast(type, kind))
        if origin in (Union, types.UnionType):
            return self._union(node, get_args(kind))
        if origin is Literal:
            return self._choice(node, get_args(kind))
        if origin is tuple:
            return self._sequence(node, get_args(kind)[0])
        if origin is not None and issubclass(origin, Mapping):
            items = self.items(node)
            return {name: self.value(value, get_args(kind)[1]) for name, (_, value) in items.items()}
        return self._scalar(node, kind)

    def dataclass(self, node: Node, kind: type, what: str = "") -> Any:
        """Decode a mapping into the dataclass `kind`."""
        fields = {f.name: f for f in dataclasses.fields(kind) if f.init}
        types_ = typing.get_type_hints(kind)
        what = what or kind.__name__.removesuffix("Config").lower() or "config"
        before = len(self.mistakes)
        values: dict[str, Any] = {}
        right: dict[str, Any] = {}
        for name, (_, child) in self.items(node, fields, what).items():
            already = len(self.mistakes)
            values[name] = self.value(child, types_[name])
            self._bounds(child, name, values[name], fields[name].metadata)
            if len(self.mistakes) == already:
                right[name] = values[name]
        if hasattr(kind, "mistakes"):
            for path, text in kind.mistakes(values):
                self.wrong(below(node, path), text)
        for name, f in fields.items():
            if (
                name not in values
                and f.default is dataclasses.MISSING
                and f.default_factory is dataclasses.MISSING
            ):
                self.wrong(node, f"{what} has no '{name}'")
        if len(self.mistakes) > before:
            return Partly(**right)
        try:
            return kind(**values)
        except ValueError as error:
            self.wrong(node, str(error))
            return Partly(**right)

    def _bounds(self, node: Node, name: str, value: Any, bounds: Mapping[str, Any]) -> None:
        several = isinstance(value, tuple) and isinstance(node, SequenceNode)
        for child, item in zip(node.value, value, strict=True) if several else [(node, value)]:
            if isinstance(item, float) and math.isnan(item):
                self.wrong(child, f"{name} is {described(child)}, which is not a number")
        if isinstance(value, int | float) and not isinstance(value, bool):
            if "min" in bounds and value < bounds["min"]:
                self.wrong(node, f"{name} is {value}; the least is {bounds['min']}")
            if "max" in bounds and value > bounds["max"]:
                self.wrong(node, f"{name} is {value}; the most is {bounds['max']}")

    def _sequence(self, node: Node, kind: Any) -> tuple[Any, ...] | None:
        if not isinstance(node, SequenceNode):
            self.wrong(node, f"expected a list, found {described(node)}")
            return None
        return tuple(self.value(child, kind) for child in node.value)

    def _choice(self, node: Node, choices: tuple[str, ...]) -> Any:
        value = getattr(node, "value", None)
        if not isinstance(node, ScalarNode) or value not in choices:
            is_name = isinstance(node, ScalarNode)
            wrong = f"expected one of {', '.join(choices)}, found {described(node)}"
            self.wrong(node, one_of(str(value), choices) if is_name else wrong)
            return None
        return value

    def _union(self, node: Node, kinds: tuple[Any, ...]) -> Any:
        if type(None) in kinds and plain(node) is None and isinstance(node, ScalarNode):
            return None
        kinds = tuple(k for k in kinds if k is not type(None))
        if isinstance(node, ScalarNode):
            scalars = tuple(k for k in kinds if k in _NAMES or get_origin(k) is Literal)
            kinds = scalars or kinds
        else:
            kinds = tuple(k for k in kinds if k not in _NAMES and get_origin(k) is not Literal) or kinds
        for kind in kinds[:-1]:
            attempt = Reader(self.decoders)
            value = attempt.value(node, kind)
            if not attempt.mistakes:
                return value
        return self.value(node, kinds[-1])

    def _scalar(self, node: Node, kind: type) -> Any:
        value = plain(node) if isinstance(node, ScalarNode) else None
        if kind is object and isinstance(node, ScalarNode):
            return value
        if kind is float and isinstance(value, str):  # YAML 1.1 reads 1e-4 as a string
            value = _number(value)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if kind is str and isinstance(node, ScalarNode) and value is not None:
            return str(node.value)
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
        self.wrong(node, f"expected {_NAMES.get(kind, kind.__name__)}, found {described(node)}")
        return None


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def load(path: str, kind: type[T], overrides: Sequence[str] = ()) -> T:
    """Return the dataclass `kind` decoded from a YAML file or URL.

    Raises:
        ConfigError: with every mistake in it.
    """
    reader = Reader()
    value = reader.dataclass(compose(str(path), overrides), kind)
    if reader.mistakes:
        raise ConfigError(reader.mistakes)
    return typing.cast(T, value)
