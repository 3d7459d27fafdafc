"""One definition of a site, for all that counts by it."""

from __future__ import annotations

import pyarrow as pa
import pytest

from curation.look.run import RecordBatch
from curation.text.address import site

SITES = [
    ("https://www.example.org/a?b", "example.org"),
    ("http://EXAMPLE.org.:8080", "example.org"),
    ("//user:word@a.example.org/x", "a.example.org"),
    ("example.org/a", "example.org"),
    ("http://localhost/a", "localhost"),
    ("http://münchen.example/", "xn--mnchen-3ya.example"),
    ("http://[2001:db8::1]:80/", "2001:db8::1"),
    ("http://[", ""),
    ("", ""),
    (None, ""),
    ("no address", ""),
    ("no address. At all", ""),
    ("javascript:alert(1)", ""),
    ("data:text/html,<b>//a.org", ""),
    ("a/file/on/disk.html", ""),
]


@pytest.mark.parametrize(("url", "expected"), SITES, ids=str)
def test_a_site_is_a_host(url: str | None, expected: str) -> None:
    assert site(url) == expected


@pytest.mark.parametrize(
    ("url", "parts", "expected"),
    [
        ("http://a.b.example.org/", 2, "example.org"),
        ("http://a.b.example.org/", 9, "a.b.example.org"),
        ("http://192.0.2.7/x", 2, "192.0.2.7"),
    ],
)
def test_the_last_names_of_a_host_but_never_of_a_number(url: str, parts: int, expected: str) -> None:
    assert site(url, parts) == expected


def test_questions_know_the_same_sites() -> None:
    rows = pa.RecordBatch.from_pydict({"url": pa.array([url for url, _ in SITES], pa.string())})
    assert RecordBatch("extract", rows).column("site").to_pylist() == [
        expected or None for _, expected in SITES
    ]
