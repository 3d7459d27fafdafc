"""Mistakes in the source of embeddings that a recipe names: a table's columns, a function's name."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

#: Column -> the kind of its values.
COLUMNS = {"id": "text", "embedding": "lists of numbers"}


def table_mistake(path: str) -> str | None:
    """Return what is wrong with a table of embeddings (a Parquet file, a pattern or a folder), or None."""
    try:
        filesystem, name = fsspec.core.url_to_fs(path)
        paths = filesystem.find(name) if filesystem.isdir(name) else filesystem.glob(name)
        files = sorted(file for file in paths if file.rpartition("/")[2][:1] not in "._")
        if not files:
            return f"'{path}' names no file; expected a Parquet table with the columns id and embedding"
        with filesystem.open(files[0], "rb") as stream:
            schema = pq.read_schema(stream)
    except (OSError, ValueError, ImportError) as error:  # pyarrow's own errors are among them
        return f"'{path}' cannot be read as Parquet: {error}"
    for column, expected in COLUMNS.items():
        kind = schema.field(column).type if column in schema.names else None
        if kind is None or not _is(expected, kind):
            names = ", ".join(f"{field.name} ({field.type})" for field in schema)
            return f"'{path}' needs a column '{column}' of {expected}; it has {names}"
    return None


def _is(expected: str, kind: pa.DataType) -> bool:
    if expected == "text":
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if not any(is_kind(kind) for is_kind in lists):
        return False
    return bool(pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type))


def function_mistake(name: str) -> str | None:
    """Return what is wrong with `module:function`, or None. The module is read but not run.

    A module that binds names at run time (`import *`, `__getattr__`) is assumed to have the function.
    """
    module, colon, function = name.partition(":")
    if not (module and colon and function.isidentifier()):
        return f"expected 'module:function', found '{name}'"
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):  # of the package it would be in, or not a name
        spec = None
    if spec is None:
        return f"module '{module}' is not installed; install it, or put it on PYTHONPATH"
    if not (spec.origin or "").endswith(".py"):
        return None
    bound = _bound(ast.parse(Path(str(spec.origin)).read_bytes()))
    if bound & {function, "*", "__getattr__"}:
        return None
    return f"module '{module}' ({spec.origin}) has no '{function}'; it has {', '.join(sorted(bound)[:20])}"


def _bound(tree: ast.Module) -> set[str]:
    """Return the names that a module binds outside its functions and classes."""
    names: set[str] = set()
    nodes: list[ast.AST] = [*tree.body]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        nodes += ast.iter_child_nodes(node)
    return names
