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
    (
        "https://faß.de/",
        "xn--fa-hia.de",
    ),  # the four characters in which UTS 46 and IDNA 2003 differ (UTS 46, table 1)
    ("βόλος.com", "xn--nxasmm1c.com"),
    ("ශ්‍රී.com", "xn--10cl1a0b660p.com"),
    ("نامه‌ای.com", "xn--mgba3gch31f060k.com"),
    ("http://ΒΌΛΟΣ.com/", "xn--nxasmq6b.com"),
    ("http://☕.example", "xn--53h.example"),  # no name of IDNA 2008, and browsers go there
    ("http://例え。テスト。/", "xn--r8jz45g.xn--zckzah"),
    ("http://ex\u00adample.ⓞrg", "example.org"),
    ("http://b%C3%BCcher.de/%C3%BC", "xn--bcher-kva.de"),
    ("http://%77%77w.Example%2Eorg/", "example.org"),
    ("http://a%2Fb.org/", "a%2fb.org"),  # a slash is in no host
    ("http://a%FF.org/", "a%ff.org"),
    ("http://[2001:db8::1]:80/", "2001:db8::1"),
    # The numbers of the URL standard's own tests of hosts.
    ("http://0x7f.1/a", "127.0.0.1"),
    ("http://127.1", "127.0.0.1"),
    ("http://2130706433/", "127.0.0.1"),
    ("http://017700000001/", "127.0.0.1"),
    ("http://0X7F.0x0.0/", "127.0.0.0"),
    ("http://１２７.１/", "127.0.0.1"),
    ("http://%31%32%37.1/", "127.0.0.1"),
    ("127.1/a", "127.0.0.1"),
    ("http://256.256.256.256/", "256.256.256.256"),  # no address: as it stands
    ("http://09.1/", "09.1"),
    ("http://4294967296/", "4294967296"),
    ("http://1.2.3.4.5/", "1.2.3.4.5"),
    ("http://a.0x7f/", "a.0x7f"),
    ("http://[2001:0DB8:0:0:0::0001]/", "2001:db8::1"),
    ("http://[::FFFF:127.0.0.1]/", "::ffff:7f00:1"),
    ("2130706433", ""),
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
