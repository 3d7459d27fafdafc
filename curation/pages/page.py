"""What readers return: a page, or a failure that says where; and the splits they read."""

from __future__ import annotations

from dataclasses import dataclass

#: A record larger than this is not held in memory: it becomes a failure.
MAX_BODY_BYTES = 64 * 2**20

UNREADABLE = "pages.unreadable"
TOO_LARGE = "pages.too_large"
NO_TEXT = "pages.no_text"


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """One task's share of a file: the records that *start* in bytes [start, end)."""

    file: str
    start: int
    end: int
    format: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One input record: the columns of `document.PAGE` without the source.

    `offset` and `length` are bytes for WARC and plain JSONL, line numbers for compressed JSONL and row
    numbers for Parquet (then `length` is 1). A failure has a reason's name in `failure` and no body.
    """

    file: str
    offset: int
    length: int
    record_id: str = ""
    url: str = ""
    captured_at: str = ""
    status: int | None = None
    content_type: str = ""
    kind: str = "html"
    truncated: str | None = None
    damaged: bool = False
    body: bytes | None = None
    failure: str | None = None
    detail: str | None = None
