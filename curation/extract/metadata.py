"""The title of a page, read from its head in a tenth of a millisecond.

Full metadata would cost as much as the extraction itself.
"""

from __future__ import annotations

import html as entities
import re

_HEAD_CHARACTERS = 2**18
_MAX_TITLE_CHARACTERS = 1000
_META = re.compile(r"<meta\s[^>]{1,2000}>", re.IGNORECASE)
_NAME = re.compile(r"(?:property|name)\s*=\s*[\"']?(?:og|twitter):title[\"'\s/>]", re.IGNORECASE)
_CONTENT = re.compile(r"content\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_TITLE = re.compile(r"<title(?:\s[^>]{0,500})?>([^<]{0,5000})", re.IGNORECASE)


def title(html: str) -> str:
    r"""Return the title in one line, at most 1,000 characters; "" where the page has none.

    The title element (the first that is not empty), else og:title or twitter:title.

    >>> title("<title> A &amp; B\n</title>")
    'A & B'
    """
    head = html[:_HEAD_CHARACTERS]
    for found in _TITLE.finditer(head):
        text = _one_line(found.group(1))
        if text:
            return text
    for tag in _META.findall(head):
        content = _CONTENT.search(tag) if _NAME.search(tag) else None
        if content:
            return _one_line(content.group(1) or content.group(2) or "")
    return ""


def _one_line(text: str) -> str:
    return " ".join(entities.unescape(text).split())[:_MAX_TITLE_CHARACTERS]
