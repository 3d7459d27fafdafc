"""A text in Markdown as typed blocks, and as plain text: two more forms of one extraction.

Reads the Markdown that the engines write, not all that Markdown may be.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Literal

from curation.text.markdown import plain

Kind = Literal["heading", "paragraph", "list", "table", "code", "quote"]
Block = tuple[Kind, str]

_FENCE = "```"
_STARTS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("heading", re.compile(r"#{1,6} ")),
    ("table", re.compile(r"\|")),
    ("list", re.compile(r"\s*(?:[-*+•]|\d{1,9}[.)]) ")),
    ("quote", re.compile(r">")),
)


def blocks(text: str, quotes: Collection[str] = (), *, markdown: bool = True) -> list[Block]:
    r"""Return (kind, text) of each block, in order; their lines are the text's lines but for blank ones.

    quotes: texts of the page's block quotations, which the engine's text does not mark. markdown: False for a
        text without marks, whose lines are paragraphs and quotes, whatever they begin with.

    >>> blocks("# Title\n\nSome words.\n- one\n- two")
    [('heading', '# Title'), ('paragraph', 'Some words.'), ('list', '- one\n- two')]
    """
    quoted = {line for quote in quotes for line in map(_words, quote.split("\n")) if line}
    result: list[tuple[Kind, list[str]]] = []
    last: Kind | None = None
    for kind, line in _lines(text) if markdown else _plain_lines(text):
        if kind is None:
            last = None if last not in ("list", "code") else last
            continue
        if kind == "paragraph" and quoted and _words(plain(line)) in quoted:
            kind = "quote"
        if kind == last and kind != "heading":
            result[-1][1].append(line)
        else:
            result.append((kind, [line]))
        last = kind
    return [(kind, "\n".join(lines)) for kind, lines in result]


def _lines(markdown: str) -> Iterator[tuple[Kind | None, str]]:
    """Yield (kind, line), a block of code as one line; kind is None for a blank line."""
    code: list[str] = []
    for line in markdown.split("\n"):
        if code or line.startswith(_FENCE):
            code.append(line)
            if len(code) > 1 and line.startswith(_FENCE):
                yield "code", "\n".join(code)
                code = []
        elif not line.strip():
            yield None, line
        else:
            yield next((kind for kind, start in _STARTS if start.match(line)), "paragraph"), line
    if code:
        yield "code", "\n".join(code)


def _plain_lines(text: str) -> Iterator[tuple[Kind | None, str]]:
    for line in text.split("\n"):
        yield "paragraph" if line.strip() else None, line


def as_text(markdown: str) -> str:
    r"""Return the Markdown's words without its marks, line by line; rulers and fences leave no line.

    >>> as_text("## A *title*\n\n| a | b |\n|---|---|\n| c | d |\n\n```\nf(x)  # 1\n```")
    'A title\n\na   b\nc   d\n\nf(x)  # 1'
    """
    lines = zip(markdown.split("\n"), plain(markdown).split("\n"), strict=True)
    return "\n".join(reads for line, reads in lines if reads.strip() or not line.strip())


def _words(text: str) -> str:
    return " ".join(text.split())
