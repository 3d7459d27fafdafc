"""Pages from web archives: WARC, WET and ARC, told apart by the files themselves.

Records of type response, resource, revisit, conversion and any type not named here are inputs. Records of
type request, metadata and warcinfo (and an ARC file's own description) describe captures: they are neither
read nor counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from curation.files.block_file import BlockFile
from curation.pages.archives.records import ArchiveRecord, DamagedRange, records
from curation.pages.http import BodyTooLarge, parse_response
from curation.pages.page import TOO_LARGE, FileSplit, Page, ReadOptions, failure

_DESCRIBING = ("request", "metadata", "warcinfo")


def warc_pages(split: FileSplit, options: ReadOptions) -> Iterator[Page]:
    """Yield a page for each record that starts in the split, and a failure for each damaged range."""
    with BlockFile(split.file) as source:
        for record in records(source, split.start, split.end):
            if isinstance(record, DamagedRange):
                yield failure(
                    split.file, record.offset, record.detail, name=record.reason, length=record.length
                )
            elif record.headers.get("warc-type", "").lower() not in _DESCRIBING:
                yield _page(split.file, record, options.records)


def _page(file: str, record: ArchiveRecord, types: Sequence[str]) -> Page:
    """Return the page in an archive record: HTTP parsed, transfer and content codings undone."""
    headers = record.headers
    kind = headers.get("warc-type", "").lower()
    content_type = headers.get("content-type", "")
    notes: tuple[str, ...] = ()
    truncated = headers.get("warc-truncated")
    if truncated is not None:
        notes = (f"WARC-Truncated: {truncated}",)
    status, body, damaged, broken = None, record.block, False, None
    if content_type.lower().replace(" ", "").startswith("application/http") or (
        kind == "response" and body[:5].upper() == b"HTTP/"
    ):
        try:
            response = parse_response(body)
        except BodyTooLarge as error:
            broken, notes, body = TOO_LARGE, (str(error),), b""
        else:
            status, content_type, body = response.status, response.content_type, response.body
            damaged, notes = response.damaged, (*notes, *response.notes)
    return Page(
        file=file,
        offset=record.offset,
        length=record.length,
        record_id=headers.get("warc-record-id", "").strip("<>"),
        url=headers.get("warc-target-uri", "").strip("<> "),
        captured_at=headers.get("warc-date", ""),
        status=status,
        content_type=content_type,
        kind=_kind(kind, types),
        truncated=truncated,
        damaged=damaged,
        body=None if broken else body,
        failure=broken,
        detail="; ".join(notes) or None,
    )


def _kind(record_type: str, types: Sequence[str]) -> str:
    """Return what a record is to the extraction: html, text, or its own type where it is not to be read."""
    if record_type not in types:
        return record_type or "untyped"
    return "text" if record_type == "conversion" else "html"
