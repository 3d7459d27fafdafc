"""What the head of a page declares: title, language, canonical address, site, publication date.

`light` reads declarations only, in a tenth of a millisecond. `full` asks trafilatura, which also looks for an
author and a date in the page itself, and costs as much as the extraction.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

Mode = Literal["light", "full", "none"]

_HEAD_CHARACTERS = 2**18
_MAX_TITLE_CHARACTERS = 1000
_HEAD_END = re.compile(r"</head\s*>|<body[\s>]", re.IGNORECASE)
_TAG = re.compile(r"<(?:meta|link)\s[^>]{1,2000}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([a-z:-]{2,20})\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)
_NAME = re.compile(r"(?:property|name)\s*=\s*[\"']?(?:og|twitter):title[\"'\s/>]", re.IGNORECASE)
_CONTENT = re.compile(r"content\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_TITLE = re.compile(r"<title(?:\s[^>]{0,500})?>([^<]{0,5000})", re.IGNORECASE)
_HTML_LANGUAGE = re.compile(
    r"<html\s[^>]{0,2000}?\b(?:xml:)?lang\s*=\s*[\"']?\s*([A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*)",
    re.IGNORECASE,
)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*")
_DATE = re.compile(r"\s*((?:19|20)\d\d)([-/.]?)(\d\d)\2(\d\d)(?!\d)")
#: What a meta element must be called to say it, in order of trust.
_CALLED = {
    "language": ("content-language", "language", "dc.language", "og:locale"),
    "canonical": ("og:url",),
    "site": ("og:site_name", "application-name"),
    "published": (
        "article:published_time", "og:article:published_time", "og:published_time", "datepublished",
        "date.published", "publication_date", "publishdate", "publish-date", "pubdate", "parsely-pub-date",
        "sailthru.date", "citation_publication_date", "citation_date", "dc.date.issued", "dcterms.issued",
        "dcterms.created", "dc.date", "date",
    ),
}  # fmt: skip


def title(html: str) -> str:
    r"""Return the title in one line, at most 1,000 characters; "" where the page has none.

    The title element (the first that is not empty), else og:title or twitter:title.

    >>> title("<title> A &amp; B\n</title>")
    'A & B'
    """
    head = html[:_HEAD_CHARACTERS]
    for match in _TITLE.finditer(head):
        text = _one_line(match[1])
        if text:
            return text
    for tag in _TAG.findall(head):
        content = _CONTENT.search(tag) if _NAME.search(tag) else None
        if content:
            return _one_line(content.group(1) or content.group(2) or "")
    return ""


def light(html: str) -> dict[str, str]:
    """Return what the head declares of `canonical`, `language`, `published` (YYYY-MM-DD) and `site`.

    >>> light('<html lang="de-AT"><meta property="article:published_time" content="2024-05-06T07:08:09Z">')
    {'language': 'de-AT', 'published': '2024-05-06'}
    """
    head = html[:_HEAD_CHARACTERS]
    language = _HTML_LANGUAGE.search(head[:8192])
    end = _HEAD_END.search(head)
    declared, canonical = _declared(head[: end.start()] if end else head)
    facts = {
        "canonical": _address(canonical) or _first(declared, "canonical", _address),
        "language": language[1] if language else _first(declared, "language", _language),
        "published": _first(declared, "published", _day),
        "site": _first(declared, "site", _one_line),
    }
    return {name: value for name, value in facts.items() if value}


def full(html: str, tree: Any) -> dict[str, str]:
    """Return `light`, and what trafilatura finds beyond it: author, description, tags and a date by guess."""
    from trafilatura.metadata import extract_metadata

    # A fixed last day: the default, today, would make a page's date depend on when it was extracted.
    dates = {"original_date": True, "extensive_search": False, "max_date": "2100-01-01"}
    guess = extract_metadata(tree, date_config=dates, extensive=False)
    guessed = {
        "author": guess.author,
        "canonical": guess.url,
        "categories": "; ".join(guess.categories or ()),
        "description": guess.description,
        "published": guess.date,
        "site": guess.sitename,
        "tags": "; ".join(guess.tags or ()),
    }
    all_of_it = {name: _one_line(value) for name, value in guessed.items() if value} | light(html)
    return dict(sorted(all_of_it.items()))


def _declared(head: str) -> tuple[Mapping[str, str], str]:
    """Return (name -> content of the first meta element called so, address of the canonical link)."""
    declared: dict[str, str] = {}
    canonical = ""
    for tag in _TAG.findall(head):
        if tag[1] in "lL" and "canonical" not in tag.lower():
            continue  # style sheets and icons: half of all
        attributes = {m[1].lower(): m[2] or m[3] or m[4] or "" for m in _ATTRIBUTE.finditer(tag)}
        if tag[1] in "lL":
            if attributes.get("rel", "").lower() == "canonical":
                canonical = canonical or attributes.get("href", "")
            continue
        for key in ("property", "name", "itemprop", "http-equiv"):
            if key in attributes:
                declared.setdefault(attributes[key].lower(), attributes.get("content", ""))
    return declared, canonical


def _first(declared: Mapping[str, str], what: str, read: Any) -> str:
    values = (read(declared[name]) for name in _CALLED[what] if name in declared)
    return next((value for value in values if value), "")


def _address(text: str) -> str:
    address = _one_line(text)
    return address if address.lower().startswith(("http://", "https://")) else ""


def _language(text: str) -> str:
    code = _LANGUAGE.fullmatch(text.strip())
    return code[0] if code else ""


def _day(text: str) -> str:
    match = _DATE.match(text)
    if not match:
        return ""
    try:
        return date(int(match[1]), int(match[3]), int(match[4])).isoformat()
    except ValueError:  # the 31st of February
        return ""


def _one_line(text: str) -> str:
    return " ".join(entities.unescape(text).split())[:_MAX_TITLE_CHARACTERS]
