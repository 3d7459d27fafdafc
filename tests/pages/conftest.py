"""WARC files made by hand, so that each kind of damage is exactly where a test says."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest

HTML = b"<html><head><title>T</title></head><body><p>Body %d</p></body></html>"


def record(
    number: int = 0,
    kind: str = "response",
    block: bytes | None = None,
    length: int | str | None = None,
    version: str = "WARC/1.0",
    trailer: bytes = b"\r\n\r\n",
) -> bytes:
    if block is None:
        page = HTML % number
        block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + page
    declared = len(block) if length is None else length
    head = (
        f"{version}\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{number}>\r\n"
        f"WARC-Target-URI: http://example.org/{number}\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
        f"Content-Type: application/http; msgtype={kind}\r\nContent-Length: {declared}\r\n\r\n"
    )
    return head.encode() + block + trailer


@pytest.fixture
def make_record() -> Callable[..., bytes]:
    return record


@pytest.fixture
def make_member() -> Callable[..., bytes]:
    def member(*args: object, **options: object) -> bytes:
        return gzip.compress(record(*args, **options), mtime=0)  # type: ignore[arg-type]

    return member
