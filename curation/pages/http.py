"""HTTP responses as archives hold them, read tolerantly: status, media type and the decoded body.

Real archives hold LF-only headers, status lines without a reason, header lines without a colon, bodies
without any header, chunked bodies that are not chunked and gzip bodies that are not gzip. None of these
loses the page: what the headers claim is believed only where the bytes agree.

Sources: RFC 9112 (message syntax), RFC 9110 section 8.4 (content codings).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from curation.files.compression import GZIP, RAW, ZLIB, inflated, unbrotli, unzstd
from curation.files.zstd import Damaged
from curation.pages.archives.grammar import header_fields
from curation.pages.page import MAX_BODY_BYTES

_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})(?:[ \t\r\n]|$)", re.IGNORECASE)
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]{0,1024})?\r?\n")
_NEWLINE = re.compile(rb"\r?\n")
_TRAILERS = re.compile(rb"(?:[!-9;-~]++:[^\r\n]*+(?:\r?\n|$))*+[ \t\r\n]*+")
_MAX_LAYERS = 3
#: Headers longer than this are not read to their end: browsers give up at a quarter of it.
_MAX_HEAD_BYTES = 2**20
_DAMAGED = "is damaged or cut off"


class BodyTooLarge(Exception):
    """The decoded body is larger than the cap; the text says so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """A response with its body decoded; `notes` say what did not agree with the headers."""

    status: int | None
    content_type: str
    body: bytes
    notes: tuple[str, ...] = ()

    @property
    def damaged(self) -> bool:
        """Whether a part of the body is lost."""
        return any(note.endswith(_DAMAGED) for note in self.notes)


def parse_response(block: bytes) -> Response:
    r"""Return the response in a record's block; without HTTP headers it is all body, status None.

    Raises BodyTooLarge.

    >>> parse_response(b"HTTP/1.1 200\nContent-Type: text/html\nno colon\n\n<p>hi").body
    b'<p>hi'
    """
    status = _STATUS_LINE.match(block)
    if status is None:
        body, notes = decode_body(block, {})
        return Response(status=None, content_type="", body=body, notes=("no HTTP headers", *notes))
    end = _HEAD_END.search(block)
    head, body = (block[: end.start()], block[end.end() :]) if end else (block, b"")
    headers = header_fields(head[:_MAX_HEAD_BYTES])
    decoded, notes = decode_body(body, headers)
    return Response(
        status=int(status.group(1)),
        content_type=headers.get("content-type", ""),
        body=decoded,
        notes=notes,
    )


def decode_body(body: bytes, headers: Mapping[str, str]) -> tuple[bytes, tuple[str, ...]]:
    """Return the body without transfer and content codings, and notes on what did not agree.

    Codings with a magic number (gzip, zstd) are found by it, whatever the headers say. Deflate and Brotli
    have none: they are tried where the headers name them. A body damaged half-way keeps its good part.
    Raises BodyTooLarge.
    """
    notes: list[str] = []
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body, note = _dechunk(body)
        notes += [note] if note else []
    named = [
        name.strip().lower().removeprefix("x-") for name in headers.get("content-encoding", "").split(",")
    ]
    # The coding named last was applied last.
    for name in reversed(named[-_MAX_LAYERS:]):
        decoded = _decode_layer(body, name)
        if decoded is not None:
            body, whole = decoded
            notes += [] if whole else [f"the {name or 'compressed'} body {_DAMAGED}"]
        elif name not in ("", "identity", "none") and body:
            notes.append(f"Content-Encoding says {name}, the body is not")
    return body, tuple(notes)


def _dechunk(body: bytes) -> tuple[bytes, str]:
    """Return the body without its chunk sizes, and a note where it was not chunked or was cut off."""
    parts: list[bytes] = []
    position = 0
    while position < len(body):
        size = _CHUNK_SIZE.match(body, position)
        if size is None:
            break
        count = int(size.group(1), 16)
        chunk = body[size.end() : size.end() + count]
        position = size.end() + count
        newline = _NEWLINE.match(body, position)
        ends_well = newline if count else _TRAILERS.fullmatch(body, position)
        if not parts and position < len(body) and not ends_well:
            # A text that happens to start with a hexadecimal line.
            return body, "Transfer-Encoding says chunked, the body is not"
        if count == 0:
            return b"".join(parts), ""
        parts.append(chunk)
        position = newline.end() if newline else position
    if not parts:
        return body, "Transfer-Encoding says chunked, the body is not" if body else ""
    # What follows a bad chunk size is kept as it is: half a page is better than none.
    return b"".join([*parts, body[position:]]), f"the chunked body {_DAMAGED}"


def _decode_layer(body: bytes, name: str) -> tuple[bytes, bool] | None:
    """Return the body without one content coding and whether it was whole; None where it has none."""
    if body.startswith(b"\x1f\x8b\x08"):
        return _unpacked(inflated([body], GZIP))
    if body.startswith(b"\x28\xb5\x2f\xfd"):
        return _unpacked(unzstd([body]))
    if name == "br":
        return _unpacked(unbrotli([body]))
    if name != "deflate":
        return None
    if unpacked := _unpacked(inflated([body], ZLIB)):
        return unpacked
    # Raw deflate has no checksum: only a stream that ends as it should is believed.
    raw = _unpacked(inflated([body], RAW))
    return raw if raw and raw[1] else None


def _unpacked(pieces: Iterator[bytes]) -> tuple[bytes, bool] | None:
    """Return what was packed, up to the damage if there is some, and whether it was whole; None if none."""
    parts: list[bytes] = []
    total, whole = 0, True
    try:
        for part in pieces:
            parts.append(part)
            total += len(part)
            if total > MAX_BODY_BYTES:
                raise BodyTooLarge(f"the decoded body has more than {MAX_BODY_BYTES} bytes")
    except Damaged:
        whole = False
    return (b"".join(parts), whole) if total or whole else None
