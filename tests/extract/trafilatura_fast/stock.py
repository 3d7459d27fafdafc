"""Run as a program: the unchanged library's Markdown of pages, but for the backslashes that we leave out.

python stock.py < [[page, favour, fast], ...] > [Markdown, ...], both JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import trafilatura
from trafilatura import xml
from trafilatura.core import determine_returnstring
from trafilatura.settings import Extractor

from curation.extract.trees import parse


def markdown(page: str, favour: str, fast: bool) -> str:
    """Return what the library makes of our tree of a page."""
    options = Extractor(
        output_format="markdown",
        comments=False,
        tables=True,
        dedup=False,
        fast=fast,
        recall=favour == "recall",
        precision=favour == "precision",
    )
    document: Any = trafilatura.bare_extraction(parse(page), options=options)
    return "" if document is None else determine_returnstring(document, options)


if __name__ == "__main__":
    xml._escape_inline_specials = lambda text: text
    sys.stdout.write(json.dumps([markdown(*each) for each in json.load(sys.stdin)]))
