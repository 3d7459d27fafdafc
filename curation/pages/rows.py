"""A row of named values (a JSON object, a row of a table) as a page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from curation.pages.page import MAX_BODY_BYTES, NO_TEXT, TOO_LARGE, Page, ReadOptions, failure

_MOST_NAMES = 20
_NAME_CHARACTERS = 100
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_ABSENT = object()


def row_page(file: str, offset: int, length: int, row: Mapping[str, Any], options: ReadOptions) -> Page:
    """Return the page of one row; a failure where it lacks the column or its value is not text.

    A name that the row does not have is one of its path's partitions (`lang=en/`), or leads by dots into a
    nested value. A null is an empty text, which the extraction drops with a reason.
    """
    values = {name: _value(row, name, file) for name in options.named}
    value = values[options.content]
    if value is _ABSENT:
        detail = lacking([options.content], row)
        return failure(file, offset, detail, name=NO_TEXT, length=length)
    if value is not None and not isinstance(value, str | bytes):
        detail = f"column {options.content!r} holds {type(value).__name__}, not text"
        return failure(file, offset, detail, name=NO_TEXT, length=length)
    kind = "text" if options.text else "html"
    media_type = "text/plain" if options.text else "text/html"
    # A str is UTF-8 from here on, whatever its own meta tag says; bytes are decoded by what they declare.
    content_type = media_type if isinstance(value, bytes) else f"{media_type}; charset=utf-8"
    body = value if isinstance(value, bytes) else without_surrogates(value or "").encode()
    if len(body) > MAX_BODY_BYTES:
        detail = f"{len(body)} bytes, the limit is {MAX_BODY_BYTES}"
        return failure(file, offset, detail, name=TOO_LARGE, length=length)
    missing = tuple(name for name, value in values.items() if value is _ABSENT)
    carried = {name: as_text(values[name]) for name in options.columns if name not in missing}
    return Page(
        file=file,
        offset=offset,
        length=length,
        record_id=as_text(values[options.id]) or "" if options.id and options.id not in missing else "",
        url=as_text(values[options.url]) or "" if options.url and options.url not in missing else "",
        content_type=content_type,
        kind=kind,
        body=body,
        detail=lacking(missing, row) if missing else None,
        columns=tuple((name, text) for name, text in carried.items() if text is not None),
        missing=missing,
    )


def lacking(names: Iterable[str], there: Iterable[object]) -> str:
    """Return the message about columns that are not there; of those that are it lists at most 20."""
    shown = sorted(map(str, there))
    more = f" and {len(shown) - _MOST_NAMES:,} more" if len(shown) > _MOST_NAMES else ""
    first = (without_surrogates(name[:_NAME_CHARACTERS]) for name in shown[:_MOST_NAMES])
    listed = f"{', '.join(first) or 'none'}{more}"
    return f"no column {', '.join(map(repr, names))}; found: {listed}"


@lru_cache(maxsize=64)
def partitions(file: str) -> Mapping[str, str | None]:
    """Return the partitions that a file's path names, as Hive writes them.

    >>> partitions("in/lang=en/day=2024-01-01/a%3Db=c/part-0.parquet")
    {'lang': 'en', 'day': '2024-01-01', 'a=b': 'c'}
    """
    values: dict[str, str | None] = {}
    for step in file.split("/")[:-1]:
        name, equals, value = step.partition("=")
        if equals and name:
            values[unquote(name)] = None if value == _NO_VALUE else unquote(value)
    return values


def _value(row: Mapping[str, Any], name: str, file: str) -> Any:
    if name in row:
        return row[name]
    value: Any = row
    for step in name.split("."):
        if value is None:  # nothing nested in a null
            return None
        if not isinstance(value, Mapping) or step not in value:
            return partitions(file).get(name, _ABSENT)
        value = value[step]
    return value


def as_text(value: object) -> str | None:
    """Return a value as text, what is nested as JSON; None for a null."""
    if value is None or isinstance(value, str):
        return value and without_surrogates(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    nested = isinstance(value, bool | list | tuple | Mapping)
    text = json.dumps(value, ensure_ascii=False, default=str) if nested else str(value)
    return without_surrogates(text)


def without_surrogates(text: str) -> str:
    r"""Return the text with U+FFFD for each lone surrogate: JSON can hold them, Arrow cannot.

    >>> without_surrogates("a\ud800b")
    'a�b'
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
