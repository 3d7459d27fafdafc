"""Code as Markdown: fenced, or between backticks in a line."""

from __future__ import annotations

import re


def fence(text: str, name: str = "") -> str:
    r"""Return a listing as a fenced block, the fence longer than any in the listing (CommonMark, 4.5).

    >>> fence("f(x)", "python")
    '```python\nf(x)\n```'
    """
    longest = max(map(len, re.findall(r"`{3,}", text)), default=2)
    marks = "`" * (longest + 1)
    return f"{marks}{name}\n{text}\n{marks}"


def code_span(text: str) -> str:
    """Return code in a line between backticks, more of them than it has itself (CommonMark, 6.1).

    >>> code_span("a`b")
    '``a`b``'
    """
    runs = {len(run) for run in re.findall(r"`+", text)}
    marks = "`" * next(length for length in range(1, len(runs) + 2) if length not in runs)
    edge = " " if text[:1] == "`" or text[-1:] == "`" else ""
    return f"{marks}{edge}{text}{edge}{marks}"
