"""A row of named values (a JSON object, a row of a table) as a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.pages.page import MAX_BODY_BYTES, NO_TEXT, TOO_LARGE, Page, ReadOptions, failure


def row_page(file: str, offset: int, length: int, row: Mapping[str, Any], options: ReadOptions) -> Page:
    """Return the page of one row; a failure where it lacks the column or its value is not text.

    A null is an empty text, which the extraction drops with a reason.
    """
    if options.content not in row:
        names = ", ".join(sorted(map(str, row))[:20])
        detail = f"no column {options.content!r}; found: {names or 'none'}"
        return failure(file, offset, detail, name=NO_TEXT, length=length)
    value = row[options.content]
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
    return Page(
        file=file,
        offset=offset,
        length=length,
        record_id=_string(row.get(options.id)) if options.id else "",
        url=_string(row.get(options.url)) if options.url else "",
        content_type=content_type,
        kind=kind,
        body=body,
    )


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


def _string(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else without_surrogates(str(value))
