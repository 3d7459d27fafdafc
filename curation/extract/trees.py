"""HTML text to trees: lxml's for trafilatura, Resiliparse's for the gate, the rescue and its own engine."""

from __future__ import annotations

import math
import re
from functools import cache, lru_cache
from html import escape
from typing import Any

#: XML 1.0 section 2.2: no character of these may stand in a document; libxml2 would stop at a NUL.
_CONTROLS = bytes(set(range(0x20)) - set(b"\t\n\r"))
_NONCHARACTERS = re.compile(b"\xef\xbf[\xbe\xbf]")  # U+FFFE and U+FFFF in UTF-8
_DOCTYPE = re.compile(rb"\s*<!doctype[^>]*>", re.IGNORECASE)
_SELF_CLOSED = re.compile(rb"(<html[^>]*?)\s*/>", re.IGNORECASE)
_NOSCRIPT = re.compile(rb"<noscript[\s/>].*?(?:</noscript|\Z)", re.IGNORECASE | re.DOTALL)
#: A template that browsers show where it stands, without a script. Its end tag is of nothing then: ignored.
_SHADOW_ROOT = re.compile(r"<template(?=\s[^<>]*\bshadowroot(?:mode)?\s*=)", re.IGNORECASE)


@lru_cache(maxsize=1)
def _clean(html: str) -> tuple[str, bytes]:
    """Return the page without what XML forbids, as text and in UTF-8: once for both trees."""
    try:
        data = html.encode()
    except UnicodeEncodeError:  # lone surrogates
        data = html.encode("utf-8", "ignore")
        html = data.decode()
    clean = data.translate(None, _CONTROLS)
    if not html.isascii() and ("\ufffe" in html or "\uffff" in html):  # slow to ask of bytes
        clean = _NONCHARACTERS.sub(b"", clean)
    return (html if len(clean) == len(data) else clean.decode()), clean


def parse(html: str) -> Any:
    """Return an lxml tree, always with a root; huge and deep pages included.

    A page without an html tag in front is wrapped: trafilatura rejects a fragment with a single root.
    """
    from lxml import html as lxml_html

    data = _clean(html)[1]
    declared = _DOCTYPE.match(data)
    if declared:
        data = data[declared.end() :]
    if b"html" not in data[:50].lower():
        data = b"<html><body>" + data + b"</body></html>"
    if b"/>" in data[:4096]:
        data = _SELF_CLOSED.sub(rb"\1>", data, count=1)
    return lxml_html.document_fromstring(data, parser=_parser(), ensure_head_body=False)


@cache
def _parser() -> Any:
    """Return a parser without size and depth limits whose classes are looked up in C."""
    from lxml import etree
    from lxml import html as lxml_html

    parser = etree.HTMLParser(
        collect_ids=False,
        default_doctype=False,
        encoding="utf-8",
        remove_comments=True,
        remove_pis=True,
        huge_tree=True,
    )
    parser.set_element_class_lookup(
        etree.ElementDefaultClassLookup(
            element=lxml_html.HtmlElement,
            comment=lxml_html.HtmlComment,
            pi=lxml_html.HtmlProcessingInstruction,
            entity=lxml_html.HtmlEntity,
        )
    )
    return parser


def fragment(source: str) -> Any:
    """Return a `body` with the elements of a piece of a page."""
    from lxml import etree

    data = _clean(source)[1] if "\0" in source else source.encode("utf-8", "ignore")
    root = etree.fromstring(b"<html><body>" + data + b"</body></html>", parser=_parser())
    return root.find("body")


def serialized(body: Any) -> str:
    """Return the HTML inside an element."""
    from lxml import etree

    parts = [escape(body.text or "", quote=False)]
    parts += [etree.tostring(child, encoding="unicode", method="html") for child in body]
    return "".join(parts)


def text_length(tree: Any) -> float:
    """Return the characters of a fresh tree's text, white space included, scripts and styles left out.

    Infinite where the parser gave up on the page: at 2,048 open elements.
    """
    if tree.getroottree().parser.error_log.filter_from_fatals():
        return math.inf
    unseen = sum(len(element.text or "") for element in tree.iter("script", "style", "noscript", "template"))
    return len(tree.xpath("string()")) - unseen


def element_count(html: str, *tags: str) -> dict[str, int]:
    """Return how many elements of each name Resiliparse's tree has."""
    # Mostly none, and a look at the bytes is quicker than a walk. Lengths only: to iterate over such a list
    # takes quadratic time.
    if not re.search(rb"<(?:%s)[\s/>]" % "|".join(tags).encode(), _clean(html)[1], re.IGNORECASE):
        return dict.fromkeys(tags, 0)
    document = resiliparse_tree(html).document
    return {tag: len(document.get_elements_by_tag_name(tag)) for tag in tags}


@lru_cache(maxsize=1)
def resiliparse_tree(html: str) -> Any:
    """Return Resiliparse's tree, parsed once for the gate and the engine; its readers leave it as it is."""
    from resiliparse.parse.html import HTMLTree

    return HTMLTree.parse(_SHADOW_ROOT.sub("<div", _clean(html)[0]))


def main_text(html: str) -> str:
    """Return the main text as Resiliparse finds it."""
    text = _text(html, main_content=True, comments=False, preserve_formatting=True)
    if not _scripted(html, len(text)):
        return text
    return _text(html, main_content=True, comments=False, preserve_formatting=True, noscript=True)


def visible_text(html: str, *, formatted: bool = False) -> str:
    """Return what a reader of the page would see, boilerplate included: linear in the page's size."""
    text = _text(html, main_content=False, preserve_formatting=formatted)
    if not _scripted(html, len(text)):
        return text
    return _text(html, main_content=False, preserve_formatting=formatted, noscript=True)


def _scripted(html: str, least: int) -> bool:
    """Return whether scripts make the page: its `noscript` hold more text than the rest of it.

    Elsewhere they repeat a picture, or ask for scripts. The rest has at least `least` characters, which is
    enough for most pages.
    """
    if sum(len(match[0]) for match in _NOSCRIPT.finditer(_clean(html)[1])) <= least:
        return False
    rest = _text(html, main_content=False, preserve_formatting=False)
    whole = _text(html, main_content=False, preserve_formatting=False, noscript=True)
    return len(whole) > 2 * len(rest)


def _text(html: str, **options: Any) -> str:
    from resiliparse.extract.html2text import extract_plain_text

    text: str = extract_plain_text(resiliparse_tree(html), **options)
    return text
