"""The record gate: what is refused before any extraction, each with its reason.

Order: record kind, status, size, empty body, media type by header and by the bytes themselves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

DROPPED = "dropped"
FAILED = "failed"

_SNIFF_BYTES = 4096
_SHOWN_CHARACTERS = 100  # of a header, which may have a million
_HTML_TYPES = ("", "text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml")
#: Servers send these for anything: the bytes decide.
_VAGUE_TYPES = (
    "text/plain",
    "application/octet-stream",
    "application/xml",
    "text/xml",
    "application/unknown",
    "unknown/unknown",
    "application/x-unknown",
    "binary/octet-stream",
    "text",
    "html",
)
_DOCUMENT_TAG = re.compile(rb"<(?:!doctype\s+html|html|head|body)[\s>]", re.IGNORECASE)
_BINARY_MAGICS = {
    b"%PDF-": "PDF",
    b"\x89PNG": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"\xff\xd8\xff": "JPEG",
    b"PK\x03\x04": "ZIP",
    b"\xd0\xcf\x11\xe0": "an OLE document",
    b"Rar!": "RAR",
    b"7z\xbc\xaf": "7-Zip",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\x00\x00\x01\x00": "an icon",
    b"wOFF": "a font",
    b"wOF2": "a font",
    b"ID3": "MP3",
    b"OggS": "Ogg",
    b"RIFF": "RIFF",
}
_MAGICS = tuple(_BINARY_MAGICS)
_NUL_RUN = b"\0" * 16
#: C0 and C1 controls other than white space, NUL among them, and U+FFFD.
_C0 = bytes((*range(0x09), *range(0x0E, 0x20), 0x7F))
_C1 = re.compile(b"\xc2[\x80-\x84\x86-\x9f]")  # in UTF-8
_REPLACEMENT = "\ufffd".encode()
#: Real pages with stray control characters stay below 0.02, random bytes in any charset above 0.1.
_MAX_NO_TEXT_FRACTION = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """Why a page becomes no document: a row of `document.REASON`."""

    name: str
    state: str
    value: float | None = None
    min: float | None = None
    max: float | None = None
    detail: str | None = None

    def row(self) -> dict[str, Any]:
        """Return the reason as a value of the Arrow struct."""
        return {name: getattr(self, name) for name in self.__slots__}


def refuse_record(
    kind: str, status: int | None, content_type: str, body: bytes, *, max_page_mib: float
) -> Reason | None:
    """Return why a record is not extracted, None if it may be. A status of None (no HTTP) passes."""
    if kind not in ("html", "text"):
        name = "extract.revisit" if kind == "revisit" else "extract.record_type"
        return Reason(name=name, state=DROPPED, detail=f"the input reads no {kind} records as pages")
    if status is not None and not 200 <= status <= 299:
        return Reason(name="extract.status", state=DROPPED, value=status, min=200, max=299)
    size_mib = len(body) / 2**20
    if size_mib > max_page_mib:
        return Reason(name="extract.too_large", state=FAILED, value=size_mib, max=max_page_mib)
    if not body.strip(b" \t\r\n\0"):
        return Reason(name="extract.empty_body", state=DROPPED, detail=f"{len(body)} bytes of nothing")
    if kind == "text":
        return None
    return _refuse_type(content_type, body)


def refuse_text(data: bytes, characters: int) -> Reason | None:
    """Return why a decoded body is no text: random bytes pass every test before this one.

    data: the text in UTF-8, in which to count takes a tenth of the time. characters: how many it has.
    """
    bad = len(data) - len(data.translate(None, _C0)) + len(_C1.findall(data)) + data.count(_REPLACEMENT)
    fraction = bad / max(1, characters)
    if fraction <= _MAX_NO_TEXT_FRACTION:
        return None
    return Reason(
        name="extract.wrong_type",
        state=FAILED,
        value=fraction,
        max=_MAX_NO_TEXT_FRACTION,
        detail="the fraction of control and replacement characters says this is no text",
    )


def _refuse_type(content_type: str, body: bytes) -> Reason | None:
    media = re.split(r"[;,\s]", content_type.strip(), maxsplit=1)[0].lower()
    shown, head = content_type[:_SHOWN_CHARACTERS], body[:_SNIFF_BYTES]
    if head.startswith(_MAGICS):
        name = next(name for magic, name in _BINARY_MAGICS.items() if head.startswith(magic))
        return _wrong_type(f"Content-Type is {shown!r}, the body is {name}")
    if _NUL_RUN in head:
        return _wrong_type(f"Content-Type is {shown!r}, the body is binary (runs of NUL)")
    if media in _HTML_TYPES:
        return None
    tag = _DOCUMENT_TAG if media in _VAGUE_TYPES or "/" not in media else None
    if tag and tag.search(head):
        return None
    return _wrong_type(f"Content-Type is {shown!r}, and the body is no HTML page")


def _wrong_type(detail: str) -> Reason:
    return Reason(name="extract.wrong_type", state=FAILED, detail=detail)
