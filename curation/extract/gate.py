"""The record gate: what is refused before any extraction, each with its reason.

Order: record kind, status, empty body, media type by header and by the bytes themselves, size. What was never
meant to be read as a page is dropped; a page that cannot be read has failed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from curation.pages.media import METADATA, UNWANTED, binary, is_html

DROPPED = "dropped"
FAILED = "failed"
WRONG_TYPE = "extract.wrong_type"

_SHOWN_CHARACTERS = 100  # of a header, which may have a million
_NO_PAGES = {
    METADATA: "a metadata record describes a capture and is none",
    UNWANTED: "the input's types leave out HTML pages",
}
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
    if kind in _NO_PAGES:
        return _wrong_type(_NO_PAGES[kind])
    if kind not in ("html", "text"):
        name = "extract.revisit" if kind == "revisit" else "extract.record_type"
        return Reason(name=name, state=DROPPED, detail=f"the input reads no {kind} records as pages")
    if status is not None and not 200 <= status <= 299:
        return Reason(name="extract.status", state=DROPPED, value=status, min=200, max=299)
    if not body.strip(b" \t\r\n\0"):
        return Reason(name="extract.empty_body", state=DROPPED, detail=f"{len(body)} bytes of nothing")
    if kind == "html" and (refused := _refuse_type(content_type, body)):
        return refused
    size_mib = len(body) / 2**20
    if size_mib > max_page_mib:
        return Reason(name="extract.too_large", state=FAILED, value=size_mib, max=max_page_mib)
    return None


def refuse_text(data: bytes, characters: int) -> Reason | None:
    """Return why a decoded body is no text: random bytes pass every test before this one.

    data: the text in UTF-8, in which to count takes a tenth of the time. characters: how many it has.
    """
    bad = len(data) - len(data.translate(None, _C0)) + len(_C1.findall(data)) + data.count(_REPLACEMENT)
    fraction = bad / max(1, characters)
    if fraction <= _MAX_NO_TEXT_FRACTION:
        return None
    return Reason(
        name="extract.not_text",
        state=FAILED,
        value=fraction,
        max=_MAX_NO_TEXT_FRACTION,
        detail="the fraction of control and replacement characters says this is no text",
    )


def _refuse_type(content_type: str, body: bytes) -> Reason | None:
    shown = f"Content-Type is {content_type[:_SHOWN_CHARACTERS]!r}"
    if name := binary(body):
        return _wrong_type(f"{shown}, the body is {name}")
    if is_html(content_type, body):
        return None
    return _wrong_type(f"{shown}, and the body is no HTML page")


def _wrong_type(detail: str) -> Reason:
    return Reason(name=WRONG_TYPE, state=DROPPED, detail=detail)
