"""Real pages, written again in the legacy encodings of their languages, must come back to the letter."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.pages.charset import codec, decode
from curation.pages.formats import read, splits
from curation.text.language import detect

LABELS = {
    "ja": ("shift_jis", "euc-jp"), "zh": ("gb2312", "big5"), "ko": ("euc-kr",), "ru": ("windows-1251", "koi8-r"),
    "ar": ("windows-1256",), "he": ("windows-1255",), "el": ("windows-1253", "iso-8859-7"), "th": ("windows-874",),
    "tr": ("windows-1254",), "pl": ("iso-8859-2", "windows-1250"), "cs": ("iso-8859-2", "windows-1250"),
    "hr": ("windows-1250",), "hu": ("iso-8859-2",), "lv": ("windows-1257",), "de": ("windows-1252",),
    "fr": ("windows-1252",), "es": ("windows-1252",), "pt": ("iso-8859-1",), "it": ("iso-8859-1",),
    "sv": ("iso-8859-1",), "nb": ("iso-8859-1",), "en": ("windows-1252",),
}  # fmt: skip
#: Column -> what its header says whatever the page is in, other than browsers' defaults.
LIES = {
    "header says a Cyrillic one": ("windows-1251", "koi8-r"),
    "header says a Central European one": ("iso-8859-2", "windows-1250"),
    "header says an East Asian one": ("euc-kr", "shift_jis", "big5", "gb2312"),
}
#: A copyright or pound sign alone is as good a letter in Latin-2.
_LEAST_OF = {"header says a Central European one": 0.97}
_MOST = 30  # of one language and label, so that German and Chinese do not decide alone
_LEAST = 0.98

_DECLARATION = re.compile(r"<meta[^>]*charset[^>]*>|<\?xml[^>]*\?>", re.IGNORECASE)
_MARKUP = re.compile(r"<(script|style)\b.*?</\1|<[^>]+>", re.DOTALL)
_HEAD = re.compile(r"<head[^>]*>|^", re.IGNORECASE)


def utf8_pages(crawl: Path) -> Iterator[tuple[str, str]]:
    """Yield (language, HTML without declaration) of the crawl's pages in UTF-8, in an order by hash."""
    found: dict[str, str] = {}
    for split in splits([(str(crawl), crawl.stat().st_size)], "warc", 2**40):
        for batch in read(split, source="crawl"):
            for body in batch.column("body").to_pylist():
                try:
                    html = (body or b"").decode("utf-8-sig")
                except UnicodeDecodeError:
                    continue
                if len(html) > 500 and "\0" not in html and "\ufffd" not in html and not html.isascii():
                    found[hashlib.sha1(body).hexdigest()] = html
    for _, html in sorted(found.items()):
        yield detect(_MARKUP.sub(" ", html[:1_000_000])).code, _DECLARATION.sub("", html)


def fits(html: str, name: str) -> bool:
    """Return whether a page could have been written in a charset: nearly all of it can be encoded."""
    high = "".join(letter for letter in html if ord(letter) > 127)
    lost = len(high) - len(high.encode(name, "ignore").decode(name))
    return bool(high) and lost <= 0.02 * len(high)


def columns(html: str, label: str, name: str) -> Iterator[tuple[str, bytes, str, str]]:
    """Yield (column, body, Content-Type, the text it must give) of one page in one charset."""
    body = html.encode(name, "xmlcharrefreplace")
    text = body.decode(name)
    declared = _HEAD.sub(lambda head: f'{head[0]}<meta charset="{label}">', text, count=1)
    yield "right header", body, f"text/html; charset={label}", text
    yield "meta only", declared.encode(name), "text/html", declared
    yield "nothing", body, "text/html", text
    yield "header says utf-8", body, "text/html; charset=utf-8", text
    yield "header says iso-8859-1", body, "text/html; charset=ISO-8859-1", text
    for number, (column, lies) in enumerate(LIES.items()):
        # Another of the lies for each page, but none that is the truth.
        lie = [each for each in lies if codec(each) != name][(len(body) + number) % (len(lies) - 1)]
        yield column, body, f"text/html; charset={lie}", text
    yield "utf-8", html.encode(), "text/html; charset=utf-8", html
    yield "utf-8, lying header", html.encode(), f"text/html; charset={label}", html


@pytest.mark.long
@pytest.mark.shared
def test_every_column_comes_back(shared: Path) -> None:
    tried: Counter[tuple[str, str]] = Counter()
    right: Counter[str] = Counter()
    wrong: list[str] = []
    for language, html in utf8_pages(shared / "data/crawl_dev.warc.gz"):
        for label in LABELS.get(language, ()):
            name = codec(label)
            assert name
            if tried[language, label] == _MOST or not fits(html, name):
                continue
            tried[language, label] += 1
            for column, body, content_type, text in columns(html, label, name):
                found = decode(body, content_type)
                right[column] += found.text == text
                if found.text != text:
                    wrong.append(f"{column}: {language} in {label} read as {found.charset} ({found.method})")
    total = sum(tried.values())
    rates = {column: count / total for column, count in right.items()}
    assert total >= 200
    assert len({language for language, _ in tried}) >= 13
    too_few = [column for column, rate in rates.items() if rate < _LEAST_OF.get(column, _LEAST)]
    assert not too_few, (json.dumps(rates), wrong)
    assert rates["right header"] == rates["meta only"] == rates["utf-8"] == 1, wrong
