from __future__ import annotations

import pytest

from curation.extract.gate import Reason, refuse_record, refuse_text

HTML = b"<!DOCTYPE html><html><body><p>Hello</p></body></html>"


def verdict(
    kind: str = "html",
    status: int | None = 200,
    content_type: str = "text/html",
    body: bytes = HTML,
    max_page_mib: float = 1.0,
) -> Reason | None:
    return refuse_record(kind, status, content_type, body, max_page_mib=max_page_mib)


@pytest.mark.parametrize(
    ("status", "refused"), [(199, True), (200, False), (299, False), (300, True), (None, False)]
)
def test_status_has_both_bounds(status: int | None, refused: bool) -> None:
    found = verdict(status=status)
    expected = Reason(name="extract.status", state="dropped", value=status, min=200, max=299)
    assert found == (expected if refused else None)


def test_size_has_its_bound() -> None:
    page = HTML + b" " * (2**20 - len(HTML))
    assert verdict(body=page) is None
    assert verdict(body=page * 2) == Reason(name="extract.too_large", state="failed", value=2.0, max=1.0)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("revisit", "extract.revisit"),
        ("continuation", "extract.record_type"),
        ("resource", "extract.record_type"),
    ],
)
def test_kinds_that_the_input_does_not_name(kind: str, name: str) -> None:
    found = verdict(kind=kind, body=b"")
    assert found is not None
    assert (found.name, found.state) == (name, "dropped")
    assert found.detail == f"the input reads no {kind} records as pages"


@pytest.mark.parametrize(
    ("kind", "detail"),
    [
        ("metadata", "a metadata record describes a capture and is none"),
        ("unwanted", "the input's types leave out HTML pages"),
    ],
)
def test_records_that_hold_no_page_are_dropped_as_of_the_wrong_type(kind: str, detail: str) -> None:
    assert verdict(kind=kind, status=None) == Reason(
        name="extract.wrong_type", state="dropped", detail=detail
    )


def test_a_large_image_is_of_the_wrong_type_and_not_too_large() -> None:
    found = verdict(content_type="video/mp4", body=b"x" * (2**20 + 1))
    assert found is not None
    assert (found.name, found.state) == ("extract.wrong_type", "dropped")


@pytest.mark.parametrize("body", [b"", b" \r\n", b"\0" * 50])
@pytest.mark.parametrize("kind", ["html", "text"])
def test_empty_bodies(body: bytes, kind: str) -> None:
    found = verdict(kind=kind, body=body)
    assert found is not None
    assert (found.name, found.state) == ("extract.empty_body", "dropped")


@pytest.mark.parametrize(
    ("content_type", "body", "refused"),
    [
        ("text/html; charset=utf-8", HTML, False),
        ("TEXT/HTML;charset=x", HTML, False),
        ("text/html, text/html; charset=utf-8", HTML, False),
        ("application/xhtml+xml", HTML, False),
        ("", b"no tag at all", False),
        ("text/html", b"no tag at all", False),
        ("text/plain", HTML, False),
        ("text/plain", b"plain text", True),
        ("application/octet-stream", HTML, False),
        ("application/octet-stream", b"who knows", True),
        ("html", HTML, False),
        ("image/png", HTML, True),
        ("application/json", b'{"a": "<html>"}', True),
        ("text/css", b"body {}", True),
        ("application/rss+xml", b"<rss></rss>", True),
        ("text/html", b"%PDF-1.4 ...", True),
        ("text/html", b"\x89PNG....", True),
        ("text/html", b"PK\x03\x04....", True),
        ("text/html", b"<html>" + b"\0" * 15 + b"a", False),
        ("text/html", b"<html>" + b"\0" * 16 + b"a", True),
    ],
)
def test_the_type_is_judged_by_header_and_bytes(content_type: str, body: bytes, refused: bool) -> None:
    found = verdict(content_type=content_type, body=body)
    assert (found is not None) == refused
    if found:
        assert (found.name, found.state) == ("extract.wrong_type", "dropped")
        assert found.detail is not None
        assert found.detail.startswith(f"Content-Type is {content_type!r}, ")


def test_text_pages_have_no_type_to_judge() -> None:
    assert verdict(kind="text", status=None, content_type="text/plain", body=b"words") is None


def test_random_bytes_are_no_text_and_a_few_controls_are() -> None:
    assert refuse_text(b"a" * 95 + b"\x01" * 5, 100) is None
    found = refuse_text(b"a" * 94 + b"\x01" * 6, 100)
    assert found is not None
    assert (found.name, found.state) == ("extract.not_text", "failed")
    assert (found.value, found.max) == (0.06, 0.05)
    assert refuse_text(b"", 0) is None


def test_of_a_long_header_the_beginning_is_told() -> None:
    reason = refuse_record("html", 200, "image/png; " + "x" * 1_000_000, b"<p>words", max_page_mib=1)
    assert reason is not None
    shown = "image/png; " + "x" * 89
    assert reason.detail == f"Content-Type is {shown!r}, and the body is no HTML page"
