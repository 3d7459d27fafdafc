"""A table of languages: what a pass asks of each, in YAML, JSONL or CSV, as nodes that know where they stand.

In YAML a language is a key, in JSONL and CSV it stands under `language`; under it come rules as in `keep:`.

    de: {mean_word_length: {min: 4}, stop_word_count: {words: [der, die, und]}, curly_bracket_count: false}

    {"language": "de", "mean_word_length": {"min": 4}, "stop_word_count": {"words": ["der", "die", "und"]}}

    language,mean_word_length.min,stop_word_count.words[]
    de,4,der die und

In CSV an empty cell says nothing, and a column that ends in `[]` holds lists, cut at white space.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator

import fsspec
from yaml import Mark
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from curation.recipe.config import ConfigError, Reader
from curation.recipe.nodes import compose, missing, parse

_LANGUAGE = "language"
#: Language -> (where it stands, rule -> what is said of it).
Items = dict[str, tuple[Node, Node]]


def languages(reader: Reader, node: Node) -> Items:
    """Return what the table that `node` names says of each language; mistakes go to the reader.

    Those in the table stand at the table's own lines and columns.
    """
    path = reader.value(node, str)
    if path is None:
        return {}
    if wrong := missing(path):
        reader.wrong(node, wrong)
        return {}
    try:
        if path.endswith((".csv", ".jsonl")):
            with fsspec.open(path, "rt", encoding="utf-8", newline="") as stream:
                text = stream.read()
            rows = _csv(reader, text, path) if path.endswith(".csv") else _jsonl(reader, text, path)
            return _by_language(reader, rows)
        return reader.items(compose(path), what="a table of languages")
    except ConfigError as error:
        reader.mistakes.extend(error.mistakes)
    except UnicodeDecodeError as error:
        reader.wrong(node, f"'{path}' is no UTF-8: {error}")
    return {}


def _by_language(reader: Reader, rows: Iterator[MappingNode]) -> Items:
    languages: Items = {}
    for row in rows:
        column = next((i for i, (key, _) in enumerate(row.value) if key.value == _LANGUAGE), None)
        if column is None:
            reader.wrong(row, f"this row has no '{_LANGUAGE}'")
            continue
        _, name = row.value.pop(column)
        if name.value in languages:
            reader.wrong(name, f"'{name.value}' stands here a second time")
        else:
            languages[str(name.value)] = name, row
    return languages


def _jsonl(reader: Reader, text: str, path: str) -> Iterator[MappingNode]:
    for number, line in enumerate(text.splitlines()):
        if not line.strip():
            continue
        try:
            json.loads(line)
        except ValueError as error:
            reader.wrong(_scalar("", path, number, getattr(error, "pos", 0)), f"no JSON: {error}")
            continue
        node = parse("\n" * number + line, path)  # JSON is YAML
        if isinstance(node, MappingNode):
            yield node
        else:
            reader.wrong(node, "expected an object with a language and what its rules ask")


def _csv(reader: Reader, text: str, path: str) -> Iterator[MappingNode]:
    lines = text.splitlines()
    rows = csv.reader(lines)
    header = next(rows, [])
    for row in rows:
        number, line, at = rows.line_num - 1, lines[rows.line_num - 1], 0
        if not row:
            continue
        if len(row) != len(header):
            wrong = f"expected {len(header)} cells as in the header, found {len(row)}"
            reader.wrong(_scalar("", path, number, 0), wrong)
            continue
        node = _mapping(_mark(path, number, 0))
        for name, cell in zip(header, row, strict=True):
            at = max(line.find(cell, at), at)
            if cell:
                _put(node, name, cell, _scalar(name, path, number, at))
            at += len(cell)
        yield node


def _put(row: MappingNode, name: str, cell: str, key: ScalarNode) -> None:
    """Lay a cell into the row: `a.b` is b of a."""
    path, at, lists = key.start_mark.name, key.start_mark, name.endswith("[]")
    outer, dot, inner = name.removesuffix("[]").partition(".")
    value: Node = parse(cell, path) if cell.strip() else _scalar("", path, at.line, at.column)
    if lists or not isinstance(value, ScalarNode):
        parts: list[Node] = [_scalar(part, path, at.line, at.column) for part in cell.split()]
        value = SequenceNode("tag:yaml.org,2002:seq", parts)
    value.start_mark = value.end_mark = at
    key.value = outer
    if not dot:
        row.value.append((key, value))
        return
    within = next((child for old, child in row.value if old.value == outer), None)
    if not isinstance(within, MappingNode):
        within = _mapping(at)
        row.value.append((key, within))
    within.value.append((_scalar(inner, path, at.line, at.column), value))


def _scalar(value: str, path: str, line: int, column: int) -> ScalarNode:
    at = _mark(path, line, column)
    return ScalarNode("tag:yaml.org,2002:str", value, at, at)


def _mapping(at: Mark) -> MappingNode:
    return MappingNode("tag:yaml.org,2002:map", [], at, at)


def _mark(path: str, line: int, column: int) -> Mark:
    return Mark(path, 0, line, column, None, 0)
