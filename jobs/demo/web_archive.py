"""A small WARC/1.1 writer: one gzip member a record, fixed dates, so the same pages give the same bytes."""

from __future__ import annotations

import base64
import hashlib
import uuid
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

FIRST_CAPTURE = datetime(2025, 1, 6, 8, 0, 0, tzinfo=UTC)
REASONS = {200: "OK", 301: "Moved Permanently", 403: "Forbidden", 404: "Not Found", 503: "Unavailable"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Capture:
    """One response as a crawler saw it."""

    url: str
    body: bytes = field(repr=False)
    content_type: str = "text/html; charset=utf-8"
    status: int = 200
    encoding: str = ""  # "gzip", "chunked" or ""


def archive(captures: list[Capture], name: str) -> list[bytes]:
    """The gzip members of a WARC file: warcinfo, then a request and a response for every capture."""
    info = f"software: demo_pages\r\nformat: WARC File Format 1.1\r\nisPartOf: {name}\r\n".encode()
    members = [_member("warcinfo", f"info:{name}", 0, info, {"Content-Type": "application/warc-fields"})]
    for number, capture in enumerate(captures):
        members += _exchange(capture, number)
    return members


def revisit(url: str, number: int) -> bytes:
    """A member saying that `url` had not changed since an earlier capture."""
    profile = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
    headers = {"WARC-Target-URI": url, "WARC-Profile": profile, "Content-Type": "application/http"}
    return _member("revisit", f"revisit:{url}", number, b"HTTP/1.1 304 Not Modified\r\n\r\n", headers)


def _exchange(capture: Capture, number: int) -> list[bytes]:
    host, _, path = capture.url.partition("://")[2].partition("/")
    asked = f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: demo_pages\r\nAccept: */*\r\n\r\n"
    about = {"WARC-Target-URI": capture.url, "WARC-IP-Address": "192.0.2.1"}
    request = about | {"Content-Type": "application/http; msgtype=request"}
    response = about | {
        "Content-Type": "application/http; msgtype=response",
        "WARC-Concurrent-To": _record_id("request", capture.url, number),
        "WARC-Payload-Digest": _sha1(capture.body),
    }
    return [
        _member("request", capture.url, number, asked.encode(), request),
        _member("response", capture.url, number, _http(capture), response),
    ]


def _http(capture: Capture) -> bytes:
    body, extra = capture.body, ""
    if capture.encoding == "gzip":
        body, extra = gzip_member(body), "Content-Encoding: gzip\r\n"
    if capture.encoding == "chunked":
        pieces = [body[at : at + 4096] for at in range(0, len(body), 4096)] + [b""]
        body, extra = b"".join(_chunk(piece) for piece in pieces), "Transfer-Encoding: chunked\r\n"
    else:
        extra += f"Content-Length: {len(body)}\r\n"
    kind = f"Content-Type: {capture.content_type}\r\n" if capture.content_type else ""
    reason = REASONS.get(capture.status, "Unknown")
    head = f"HTTP/1.1 {capture.status} {reason}\r\nServer: demo\r\n{kind}{extra}\r\n"
    return head.encode() + body


def _chunk(piece: bytes) -> bytes:
    return f"{len(piece):x}\r\n".encode() + piece + b"\r\n"


def _member(kind: str, key: str, number: int, block: bytes, headers: dict[str, str]) -> bytes:
    when = (FIRST_CAPTURE + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
    fields = {"WARC-Type": kind, "WARC-Record-ID": _record_id(kind, key, number), "WARC-Date": when}
    fields |= headers | {"WARC-Block-Digest": _sha1(block), "Content-Length": str(len(block))}
    head = "WARC/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return gzip_member(head.encode() + b"\r\n" + block + b"\r\n\r\n")


def gzip_member(data: bytes) -> bytes:
    """`data` as one gzip member without name or time, so that equal data gives equal bytes."""
    packer = zlib.compressobj(level=6, wbits=31)
    return packer.compress(data) + packer.flush()


def _record_id(kind: str, key: str, number: int) -> str:
    return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{kind} {number} {key}')}>"


def _sha1(data: bytes) -> str:
    return "sha1:" + base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()
