"""Whether embeddings can be had from where a recipe says: a table's columns, a function's name."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

#: Name of a column -> what must be in it.
COLUMNS = {"id": "text", "embedding": "lists of numbers"}


def table_mistake(path: str) -> str | None:
    """Return what is wrong with a table of embeddings (a Parquet file, a pattern or a folder), or None."""
    try:
        filesystem, name = fsspec.core.url_to_fs(path)
        found = filesystem.find(name) if filesystem.isdir(name) else filesystem.glob(name)
        files = sorted(each for each in found if each.rpartition("/")[2][:1] not in "._")
        if not files:
            return f"'{path}' names no file; expected a Parquet table with the columns id and embedding"
        with filesystem.open(files[0], "rb") as stream:
            schema = pq.read_schema(stream)
    except (OSError, ValueError, ImportError) as error:  # pyarrow's own errors are among them
        return f"'{path}' cannot be read as Parquet: {error}"
    for column, what in COLUMNS.items():
        kind = schema.field(column).type if column in schema.names else None
        if kind is None or not _is(what, kind):
            names = ", ".join(f"{each.name} ({each.type})" for each in schema)
            return f"'{path}' needs a column '{column}' of {what}; it has {names}"
    return None


def _is(what: str, kind: pa.DataType) -> bool:
    if what == "text":
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if not any(each(kind) for each in lists):
        return False
    return bool(pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type))


def function_mistake(name: str) -> str | None:
    """Return what is wrong with `module:function`, or None; the module is found but not run.

    What a module binds without saying so in its own text (`import *`, `__getattr__`) is believed.
    """
    module, colon, function = name.partition(":")
    if not (module and colon and function.isidentifier()):
        return f"expected 'module:function', found '{name}'"
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):  # of the package it would be in, or not a name
        spec = None
    if spec is None:
        return f"there is no module '{module}' here; install it, or put it on PYTHONPATH"
    if not (spec.origin or "").endswith(".py"):
        return None
    bound = _bound(ast.parse(Path(str(spec.origin)).read_bytes()))
    if bound & {function, "*", "__getattr__"}:
        return None
    return f"module '{module}' ({spec.origin}) has no '{function}'; it has {', '.join(sorted(bound)[:20])}"


def _bound(tree: ast.Module) -> set[str]:
    """Return the names that a module binds anywhere but inside its functions and classes."""
    names: set[str] = set()
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {each.asname or each.name.partition(".")[0] for each in node.names}
        waiting += ast.iter_child_nodes(node)
    return names
