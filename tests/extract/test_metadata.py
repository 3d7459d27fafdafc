"""What a head declares: each source of each name, nonsense refused, the first of several wins."""

from __future__ import annotations

import pytest

from curation.extract.engines import linear
from curation.extract.metadata import light
from curation.extract.settings import Extract
from curation.extract.steps import extract_page

META = '<meta property="{}" content="{}">'


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<html lang="en-GB">', {"language": "en-GB"}),
        ("<HTML dir=ltr xml:lang='fr'>", {"language": "fr"}),
        ('<html lang="">' + META.format("og:locale", "de_AT"), {"language": "de_AT"}),
        ('<meta http-equiv="Content-Language" content="pt">', {"language": "pt"}),
        ('<meta http-equiv="Content-Language" content="en, fr">', {}),
        ('<link rel="canonical" href="https://e.org/a?b=1&amp;c=2">', {"canonical": "https://e.org/a?b=1&c=2"}),
        ("<link href=/a rel=canonical>" + META.format("og:url", "http://e.org/b"), {"canonical": "http://e.org/b"}),
        ('<link rel="alternate" href="https://e.org/a">', {}),
        ('<link rel="canonical" href="javascript:alert(1)">', {}),
        (META.format("og:site_name", "The  Daily\nNews &amp; Co"), {"site": "The Daily News & Co"}),
        (META.format("article:published_time", "2024-02-29T10:00:00Z"), {"published": "2024-02-29"}),
        (META.format("article:published_time", "2023-02-29"), {}),
        (META.format("date", "20240506"), {"published": "2024-05-06"}),
        (META.format("date", "2024/05/06 10:00"), {"published": "2024-05-06"}),
        (META.format("date", "May 6, 2024"), {}),
        (META.format("date", "2024-05-061"), {}),
        ('<meta itemprop=datePublished content=2020-01-02>', {"published": "2020-01-02"}),
        (META.format("date", "2020-01-01") + META.format("date", "2021-01-01"), {"published": "2020-01-01"}),
        ("<head></head><body>" + META.format("og:site_name", "in the body"), {}),
        ("", {}),
        ("<meta " + "a" * 100_000, {}),
        ("<html " + "a=b " * 100_000, {}),
    ],
)  # fmt: skip
def test_declarations(html: str, expected: dict[str, str]) -> None:
    assert light(html) == expected


PAGE = (
    '<html lang="en"><head><title>T</title><meta name="author" content="Ada Byron"><meta name="date"'
    ' content="2024-05-06"></head><body><p>Some words of a page that has an author.</p></body></html>'
)


def test_modes() -> None:
    found = {
        mode: extract_page(PAGE, linear, Extract(metadata=mode)).metadata
        for mode in ("none", "light", "full")
    }
    declared = {"language": "en", "published": "2024-05-06"}
    assert found["none"] == {}
    assert found["light"] == declared
    assert found["full"] == {"author": "Ada Byron", **declared}


def test_a_date_does_not_depend_on_today() -> None:
    later = PAGE.replace("2024-05-06", "2031-05-06")
    assert extract_page(later, linear, Extract(metadata="full")).metadata["published"] == "2031-05-06"
