"""Pages whose main text is known, from JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from curation.files.packed_file import open_unpacked

_FIELDS = ("html", "text", "url", "set")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPage:
    """One page, its main text as people wrote or reviewed it, its address, and the data set it is from."""

    html: str
    text: str
    url: str
    set: str


class BadPages(ValueError):
    """A file from which no training pages can be read; says where."""


def read_pages(path: str) -> Iterator[TrainingPage]:
    """Yield the pages of JSON lines with `html`, `text`, `url` and `set`, compressed or not.

    Raises:
        BadPages: a line is no JSON object with these fields as strings.
    """
    with open_unpacked(path) as stream:
        for number, line in enumerate(stream, 1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise BadPages(f"{path}, line {number}: is no JSON: {error}") from None
            lacking = [
                name for name in _FIELDS if not isinstance(row, dict) or not isinstance(row.get(name), str)
            ]
            if lacking:
                raise BadPages(
                    f"{path}, line {number}: has no {', '.join(lacking)}; expected {', '.join(_FIELDS)}"
                )
            yield TrainingPage(**{name: row[name] for name in _FIELDS})
