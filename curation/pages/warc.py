"""Pages from web archives: WARC, WET, ARC and WACZ, told apart by the files themselves.

Every record is an input, but requests, which belong to their responses, and what describes the file itself: a
warcinfo, in ARC files the first record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from curation.accounting.loss import RecordLoss
from curation.files.block_file import BlockFile
from curation.pages.archives.containers import records
from curation.pages.archives.records import ArchiveRecord, DamagedRange
from curation.pages.archives.segments import NUMBER, SegmentedRecords, is_first
from curation.pages.http import BodyTooLarge, is_response, parse_response
from curation.pages.media import binary, is_html, page_kind, page_url
from curation.pages.page import TOO_LARGE, FileSplit, Page, ReadOptions, failure

_NOT_COUNTED = ("request", "warcinfo")


def warc_pages(split: FileSplit, options: ReadOptions) -> Iterator[Page]:
    """Yield a page for each record that starts in the split, and a failure for each damaged range."""
    with BlockFile(split.file) as source:
        segments = SegmentedRecords(source, options.max_window_mib)
        for record in records(source, split.start, split.end, max_window_mib=options.max_window_mib):
            if isinstance(record, DamagedRange):
                page = _page(split.file, record.beginning, options) if record.beginning else None
                yield page if page and _is_no_page(page) else _failure(source, record)
            elif record.headers.get("warc-type", "").lower() not in _NOT_COUNTED:
                yield _page(split.file, segments.joined(record), options)


def _is_no_page(page: Page) -> bool:
    """Return whether a record was never to be read, however large it is: a film, not a page above the cap."""
    body = page.body or b""
    wrong_type = binary(body) is not None or not is_html(page.content_type, body)
    return page.kind not in ("html", "text") or (page.kind == "html" and wrong_type)


def _failure(source: BlockFile, lost: DamagedRange) -> Page:
    whole_file = source.size_bytes == 0 or lost.lost_bytes == source.size_bytes
    loss = RecordLoss(lost_bytes=lost.lost_bytes, whole_file=whole_file)
    return failure(source.url, lost.offset, lost.detail, name=lost.reason, length=lost.length, loss=loss)


def _page(file: str, record: ArchiveRecord, options: ReadOptions) -> Page:
    """Return the page in an archive record: HTTP parsed, transfer and content codings undone."""
    headers = record.headers
    kind = headers.get("warc-type", "").lower()
    content_type = headers.get("content-type", "")
    truncated, notes = _cut(headers)
    if record.doubt:
        notes = (*notes, record.doubt)
    status, body, damaged, broken = None, record.block, record.doubt is not None, None
    if content_type.lower().replace(" ", "").startswith("application/http") or (
        kind == "response" and is_response(body)
    ):
        try:
            response = parse_response(body)
        except BodyTooLarge as error:
            broken, notes, body = TOO_LARGE, (str(error),), b""
        else:
            status, content_type, body = response.status, response.content_type, response.body
            damaged, notes = damaged or response.damaged, (*notes, *response.notes)
    return Page(
        file=file,
        offset=record.offset,
        length=record.length,
        record_id=headers.get("warc-record-id", "").strip("<>"),
        url=page_url(headers.get("warc-target-uri", "").strip("<> ")),
        captured_at=headers.get("warc-date", ""),
        status=status,
        content_type=content_type,
        kind=_kind(kind, content_type, body, options),
        truncated=truncated,
        damaged=damaged,
        body=None if broken else body,
        failure=broken,
        detail="; ".join(notes) or None,
    )


def _cut(headers: Mapping[str, str]) -> tuple[str | None, tuple[str, ...]]:
    """Return why a record holds only the beginning of its page, with notes; None where it holds all."""
    truncated = headers.get("warc-truncated")
    if truncated is not None:
        return truncated, (f"WARC-Truncated: {truncated}",)
    if is_first(headers):
        number = headers[NUMBER]
        note = f"WARC-Segment-Number: {number}, and not all of its continuations are in this file"
        return "segmented", (note,)
    return None, ()


def _kind(record_type: str, content_type: str, body: bytes, options: ReadOptions) -> str:
    """Return what a record is to the extraction: html, text, or its own type where it is not to be read."""
    if record_type not in options.records:
        return record_type or "untyped"
    return "text" if record_type == "conversion" else page_kind(content_type, body, options.types)
