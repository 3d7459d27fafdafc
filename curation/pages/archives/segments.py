"""Records that a writer cut into segments, joined where all of them stand in one file.

Source: WARC 1.1 (ISO 28500:2017), "Record segmentation".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from curation.files.block_file import Blocks
from curation.pages.archives.containers import records
from curation.pages.archives.records import ArchiveRecord
from curation.pages.page import MAX_BODY_BYTES

NUMBER = "warc-segment-number"
_ORIGIN, _TOTAL = "warc-segment-origin-id", "warc-segment-total-length"
_FIRST = "1"


def is_first(headers: Mapping[str, str]) -> bool:
    """Return whether a record is the first segment of several."""
    return NUMBER in headers and headers.get("warc-type", "").lower() != "continuation"


class SegmentedRecords:
    """The continuations in a file, looked up once, from the first record that has some."""

    def __init__(self, source: Blocks, max_window_mib: int) -> None:
        self._source = source
        self._max_window_mib = max_window_mib
        self._offsets: dict[str, list[int]] | None = None

    def joined(self, record: ArchiveRecord) -> ArchiveRecord:
        """Return a first segment with the blocks of the others and no number; else the record as it is.

        That is where one of them is not behind it in the file, or where they are not as long together as the
        last one says, or longer than any record may be.
        """
        if not is_first(record.headers) or record.headers[NUMBER] != _FIRST:
            return record
        parts = {_FIRST: record, **self._continuations(record)}
        segments = [parts[number] for count in range(1, len(parts) + 1) if (number := str(count)) in parts]
        length = sum(len(segment.block) for segment in segments)
        if segments[-1].headers.get(_TOTAL) != str(length) or length > MAX_BODY_BYTES:
            return record
        return replace(
            record,
            headers={name: value for name, value in record.headers.items() if name != NUMBER},
            block=b"".join(segment.block for segment in segments),
            doubt=next((segment.doubt for segment in segments if segment.doubt), None),
        )

    def _continuations(self, first: ArchiveRecord) -> dict[str, ArchiveRecord]:
        """Return number -> segment of those behind the first; of two with one number the later one."""
        origin = first.headers.get("warc-record-id", "")
        if self._offsets is None:
            self._offsets = self._look(first.offset)
        return {
            record.headers.get(NUMBER, ""): record
            for offset in self._offsets.get(origin, ()) if offset >= first.offset
            for record in records(self._source, offset, offset + 1, max_window_mib=self._max_window_mib)
            if isinstance(record, ArchiveRecord) and record.headers.get(_ORIGIN) == origin
        }  # fmt: skip

    def _look(self, start: int) -> dict[str, list[int]]:
        offsets: dict[str, list[int]] = {}
        size_bytes = self._source.size_bytes
        for record in records(self._source, start, size_bytes, max_window_mib=self._max_window_mib):
            if isinstance(record, ArchiveRecord) and (origin := record.headers.get(_ORIGIN)):
                offsets.setdefault(origin, []).append(record.offset)
        return offsets
