"""What a record holds, by its media type and by its bytes: a page, plain text, or something else."""

from __future__ import annotations

import re
from collections.abc import Collection

#: The type of records that say something about captures: what they hold is no page.
METADATA = "metadata"
#: The kind of an HTML page where the input's `types` leave out HTML.
UNWANTED = "unwanted"
#: What crawlers call the text that they took from a page themselves: `urn:text:` and the page's address.
_TEXT_OF_PAGE = re.compile(r"urn:text(?:Final)?:", re.IGNORECASE)

_SNIFF_BYTES = 4096
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


def media_type(content_type: str) -> str:
    """Return the media type that a header names, in lower case and without parameters.

    >>> media_type("Text/HTML; charset=utf-8")
    'text/html'
    """
    return re.split(r"[;,\s]", content_type.strip(), maxsplit=1)[0].lower()


def binary(body: bytes) -> str | None:
    """Return what a body that is no text is, in words; None where nothing says that it is not."""
    head = body[:_SNIFF_BYTES]
    if head.startswith(_MAGICS):
        return next(name for magic, name in _BINARY_MAGICS.items() if head.startswith(magic))
    return "binary (runs of NUL)" if _NUL_RUN in head else None


def is_html(content_type: str, body: bytes) -> bool:
    """Return whether a body is sent as HTML, or as something vague and has the tags of a page."""
    media = media_type(content_type)
    if media in _HTML_TYPES:
        return True
    vague = media in _VAGUE_TYPES or "/" not in media
    return vague and _DOCUMENT_TAG.search(body, 0, _SNIFF_BYTES) is not None


def page_kind(content_type: str, body: bytes, types: Collection[str]) -> str:
    """Return what a response or resource is to the extraction: html, text, or UNWANTED.

    Args:
        content_type: as sent.
        body: decoded.
        types: those of `html` and `text` that the input keeps. Text is what is sent as `text/plain` and is
            neither HTML nor binary.
    """
    if binary(body) is not None:
        return "html"  # the extraction refuses it
    if is_html(content_type, body):
        return "html" if "html" in types else UNWANTED
    return "text" if "text" in types and media_type(content_type) == "text/plain" else "html"


def page_url(url: str) -> str:
    """Return the address of the page that a record is about.

    >>> page_url("urn:text:https://example.org/a"), page_url("https://example.org/a")
    ('https://example.org/a', 'https://example.org/a')
    """
    return _TEXT_OF_PAGE.sub("", url, count=1) if _TEXT_OF_PAGE.match(url) else url
