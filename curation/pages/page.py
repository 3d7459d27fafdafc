"""What a reader returns (a page, or a failure that says where) and the options it reads by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from curation.accounting.loss import RecordLoss
from curation.files.compression import MAX_WINDOW_MIB
from curation.files.zstd import MOST_WINDOW_MIB

#: A record larger than this is not held in memory: it becomes a failure.
MAX_BODY_BYTES = 64 * 2**20

UNREADABLE = "pages.unreadable"
TOO_LARGE = "pages.too_large"
NO_TEXT = "pages.no_text"
ONE_RECORD = RecordLoss()

RecordType = Literal["response", "resource", "conversion", "revisit"]
PageType = Literal["html", "text"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FileSplit:
    """A range of one file, read by one task: the records that *start* in bytes [start, end).

    `size_bytes` is the whole file's, as it was listed: what is lost where it cannot be opened.
    """

    file: str
    start: int
    end: int
    format: str
    size_bytes: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadOptions:
    """What is read of an input's files.

    Attributes:
        text: column with text (no extraction); else `html`: column with HTML to extract.
        id: column that identifies a record; its value enters the document's id.
        url: column with the address.
        columns: other columns, carried along as labels of the document.
        records: types of archive records to read as pages; the others are dropped with their type as reason.
        max_window_mib: memory that unpacking a file may take, so the largest window of zstd and dictionary
            of xz that is read; `zstd --long=31` needs 2048.
        types: what responses and resources are kept: HTML pages, texts sent as `text/plain` (also the
            `urn:text:` records of Browsertrix), or both. Whatever else a crawl holds is dropped.
    """

    text: str | None = None
    html: str | None = None
    id: str | None = None
    url: str | None = None
    columns: tuple[str, ...] = ()
    records: tuple[RecordType, ...] = ("response", "resource", "conversion")
    max_window_mib: int = field(default=MAX_WINDOW_MIB, metadata={"min": 1, "max": MOST_WINDOW_MIB})
    types: tuple[PageType, ...] = ("html",)

    @property
    def content(self) -> str:
        """The column with the text or HTML."""
        return str(self.text or self.html)

    @property
    def named(self) -> list[str]:
        """The names of all columns to read, without repeats; a dot leads into a nested one."""
        names = (self.text, self.html, self.id, self.url, *self.columns)
        return list(dict.fromkeys(name for name in names if name))


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One input record: the columns of `document.PAGE` without the source.

    `offset` and `length` are bytes for WARC and plain JSONL, line numbers for compressed JSONL and row
    numbers for Parquet (then `length` is 1). A failure has a reason's name in `failure`, no body, and says in
    `loss` how many records it stands for. `columns` are names and values, as text, of those carried along;
    `missing` are named columns that the record lacks.

    `kind` is "text" where nothing is to be extracted. `record_id`, `url`, `captured_at` and the body make the
    document's id: where all four are the same, two records have one id.
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
    loss: RecordLoss = ONE_RECORD
    columns: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()


def failure(
    file: str,
    offset: int,
    detail: str,
    *,
    name: str = UNREADABLE,
    length: int = 1,
    loss: RecordLoss = ONE_RECORD,
) -> Page:
    """Return the failure that stands for a record, or for a part of a file: `loss` says for how much."""
    return Page(file=file, offset=offset, length=length, failure=name, detail=detail, loss=loss)


def lost_file(
    split: FileSplit, detail: str, *, name: str = UNREADABLE, records: int | None = None
) -> Iterator[Page]:
    """Yield the failure of a file that gives nothing, of the one split that starts at 0.

    records: how many it holds, where its index says so; None: to be estimated from its bytes.
    """
    if split.start == 0:
        lost_bytes = split.size_bytes if records is None else None
        loss = RecordLoss(records=1 if records is None else records, lost_bytes=lost_bytes, whole_file=True)
        yield failure(split.file, 0, detail, name=name, length=0, loss=loss)


def by_bytes(_url: str, size_bytes: int, split_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of equal ranges of a file; an empty file has one too."""
    for start in range(0, max(1, size_bytes), split_bytes):
        yield start, min(start + split_bytes, max(1, size_bytes))


def undivided(_url: str, size_bytes: int, _split_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield one range: the whole file."""
    yield 0, max(1, size_bytes)
