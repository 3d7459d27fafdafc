"""HTTP responses as archives hold them, read tolerantly: status, media type and the decoded body.

Real archives hold LF-only and CR-only headers, status lines without a reason, interim responses before the
real one, header lines without a colon, headers that no blank line ends, bodies without any header, chunked
bodies with empty chunks or without any, and gzip bodies that are not gzip. None of these loses the page: what
the headers claim is believed only where the bytes agree. What was repaired or is lost is noted.

Sources: RFC 9112 (message syntax), RFC 9110 sections 8.4 (content codings) and 15.2 (interim responses).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from curation.files.decoders import GZIP, RAW, ZLIB, unbrotli
from curation.files.frames import Damaged
from curation.files.members import inflated, unzstd
from curation.pages.archives.grammar import header_fields
from curation.pages.page import MAX_BODY_BYTES

_BLANK_LINES = re.compile(rb"(?:[ \t]*+\r*+\n)*+")
_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})(?:[ \t\r\n]|$)", re.IGNORECASE)
_LINE_END = re.compile(rb"\r*+\n|\r")
_HEAD_END = re.compile(rb"\n\r*+\n")
_CR_HEAD_END = re.compile(rb"\r\r(?!\n)|\n\r*+\n")
#: Where a page begins though no blank line has ended the headers. Folded lines may begin with `<` too.
_MARKUP = re.compile(rb"[\r\n](?=<[!/?A-Za-z]|[ \t]+<(?:!doctype|!--|\?xml|html|head|body)\b)", re.IGNORECASE)
_KNOWN_FIELD = re.compile(
    rb"[\r\n](?:content-(?:type|length|encoding)|transfer-encoding|date|server|set-cookie|connection)[ \t]*:",
    re.IGNORECASE,
)
_FIELDS = re.compile(rb"(?:(?:[!-9;-~]++[ \t]*+:|[ \t])[^\r\n]*+(?:\r*+\n|\r|$))*+")
_CHUNK_SIZE = re.compile(rb"[ \t]*0{0,16}([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]{0,1024})?\r?\n")
_NEWLINE = re.compile(rb"\r?\n")
_TRAILERS = re.compile(rb"(?:[!-9;-~]++:[^\r\n]*+(?:\r?\n|$))*+[ \t\r\n\0]*+")
_LEAST_CHUNK_BYTES = 16
_MOST_INTERIM = 16
_MAX_LAYERS = 3
#: Headers longer than this are not read to their end: browsers give up at a quarter of it.
_MAX_HEAD_BYTES = 2**20
_DAMAGED = "is damaged or cut off"
_NO_HEADERS = "no HTTP headers"
_FALSE = "the body is not"
_UNCHUNKED = f"Transfer-Encoding says chunked, {_FALSE}"


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
        """Whether the message was repaired or a part of it is lost; a coding only claimed is neither."""
        return any(note != _NO_HEADERS and not note.endswith(_FALSE) for note in self.notes)


def is_response(block: bytes) -> bool:
    """Return whether a block starts with a status line, after blank lines or at once."""
    return _STATUS_LINE.match(block, _after_blank(block, 0)) is not None


def parse_response(block: bytes) -> Response:
    r"""Return the response in a record's block; without HTTP headers it is all body, status None.

    Of several (interim ones, a proxy's answer to CONNECT) it is the last. Raises BodyTooLarge.

    >>> parse_response(b"HTTP/1.1 200\nContent-Type: text/html\nno colon\n\n<p>hi").body
    b'<p>hi'
    """
    start = _after_blank(block, 0)
    status = _STATUS_LINE.match(block, start)
    if status is None:
        body, notes = decode_body(block, {})
        return Response(status=None, content_type="", body=body, notes=(_NO_HEADERS, *notes))
    repairs = ["blank lines before the status line"] if start else []
    for _ in range(_MOST_INTERIM):
        headers, body_at, wrong = _head(block, start)
        start = _after_blank(block, body_at)
        following = _STATUS_LINE.match(block, start)
        if following is None or not _is_interim(int(status.group(1)), headers):
            break
        repairs.append(f"a response of status {int(status.group(1))} before it")
        status = following
    repairs += [wrong] if wrong else []
    decoded, notes = decode_body(block[body_at:], headers)
    return Response(
        status=int(status.group(1)),
        content_type=headers.get("content-type", ""),
        body=decoded,
        notes=(*repairs, *notes),
    )


def _after_blank(block: bytes, position: int) -> int:
    blank = _BLANK_LINES.match(block, position)
    return blank.end() if blank else position


def _is_interim(status: int, headers: Mapping[str, str]) -> bool:
    """Return whether a response that another follows has no body of its own."""
    length = headers.get("content-length", "0").strip() or "0"
    return status < 200 or not (
        headers.get("content-type") or headers.get("transfer-encoding") or length.strip("0")
    )


def _head(block: bytes, start: int) -> tuple[Mapping[str, str], int, str]:
    """Return the headers, where the body starts, and what is wrong with how they end; "" where nothing is."""
    first = _LINE_END.search(block, start)
    if first is None:
        return {}, len(block), ""
    alone = first[0] == b"\r"
    end = (_CR_HEAD_END if alone else _HEAD_END).search(block, first.end() - 1)
    head_end, body_at = end.span() if end else (len(block), len(block))
    wrong = "its header lines end in CR alone" if alone else ""
    markup = _MARKUP.search(block, first.end() - 1, min(head_end, start + _MAX_HEAD_BYTES))
    if markup and not _KNOWN_FIELD.search(block, markup.end(), head_end):
        head_end, body_at, wrong = markup.start(), markup.end(), "no blank line after its headers"
    elif end is None:
        fields = _FIELDS.match(block, first.end())
        if fields and fields.end() < len(block):
            head_end, body_at, wrong = fields.end(), fields.end(), "no blank line after its headers"
    head = block[start : min(head_end, start + _MAX_HEAD_BYTES)]
    return header_fields(head.replace(b"\r", b"\n") if alone else head), body_at, wrong


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
            notes.append(f"Content-Encoding says {name}, {_FALSE}")
    return body, tuple(notes)


def _dechunk(body: bytes) -> tuple[bytes, str]:
    """Return the body without its chunk sizes, and a note where it was not chunked or not as it should be."""
    parts: list[bytes] = []
    position, emptied = 0, False
    while size := _CHUNK_SIZE.match(body, position):
        count = int(size.group(1), 16)
        if count == 0:
            if _TRAILERS.fullmatch(body, size.end()):
                return b"".join(
                    parts
                ), "the chunked body has an empty chunk before its end" if emptied else ""
            following = _after_empty(body, size.end(), bool(parts))
            if following is None:
                position = size.end() if parts else position
                if parts and is_response(body[position:]):
                    return b"".join(parts), "another response follows its body"
                break
            position, emptied = following, True
            continue
        end = size.end() + count
        newline = _NEWLINE.match(body, end)
        if not parts and not emptied and end < len(body) and not newline:
            return body, _UNCHUNKED  # a text that happens to start with a hexadecimal line
        parts.append(body[size.end() : end])
        position = newline.end() if newline else end
    if not parts:
        return body, _UNCHUNKED if body else ""
    # What follows a bad chunk size is kept as it is: half a page is better than none.
    return b"".join([*parts, body[position:]]), f"the chunked body {_DAMAGED}"


def _after_empty(body: bytes, position: int, chunked: bool) -> int | None:
    """Return where the chunk after an empty one starts; None where none does.

    chunked: whether chunks came before. Else a text of numbers might begin so: then a blank line must follow
    the empty chunk, or a chunk of some size, and a line end that one.
    """
    newline = _NEWLINE.match(body, position)
    position = newline.end() if newline else position
    size = _CHUNK_SIZE.match(body, position)
    if size is None:
        return None
    count = int(size.group(1), 16)
    if not (newline or chunked or count >= _LEAST_CHUNK_BYTES):
        return None
    end = size.end() + count
    whole = _NEWLINE.match(body, end) is not None or _TRAILERS.fullmatch(body, size.end()) is not None
    return position if whole or (chunked and end >= len(body)) else None


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
