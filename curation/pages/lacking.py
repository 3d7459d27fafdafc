"""Columns that a recipe names and its files lack, as far as the first record of each local file tells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from curation.pages.formats import FORMATS
from curation.pages.page import NO_TEXT, FileSplit, Page, ReadOptions

_MOST_FILES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class LackingFiles:
    """Files of an input without a column that the recipe names.

    Attributes:
        option: that names it: text, html, id, url or columns.
        files: those without it; `read`: how many were looked at, of `total`.
        detail: what the first of them says.
        everywhere: whether it is certain that no record of the input has it.
    """

    option: str
    column: str
    files: Sequence[str]
    read: int
    total: int
    detail: str
    everywhere: bool

    def __str__(self) -> str:
        count = f"{len(self.files):,} of the {self.read:,} files that were looked at lack it"
        which = "its only file lacks it" if self.total == 1 else count
        return f"{self.option} names the column '{self.column}', but {which}: {self.files[0]}: {self.detail}"


def lacking_files(
    files: Sequence[tuple[str, int]], format: str, options: ReadOptions
) -> Iterator[LackingFiles]:
    """Yield the columns that some of the files lack; a file without a record says nothing.

    Looks at the local ones of the first 64. What cannot be read is not reported: the run counts it.

    Args:
        files: (url, size in bytes) of each.
        format: a name in `FORMATS`.
        options: what is read of them.
    """
    local = [(url, size) for url, size in files[:_MOST_FILES] if "://" not in url] if options.named else []
    first = {url: page for url, size in local if (page := _first_page(url, size, format, options))}
    for option, column in _options(options):
        lacking = [url for url, page in first.items() if column in _missing(page, options)]
        if lacking:
            yield LackingFiles(
                option=option,
                column=column,
                files=lacking,
                read=len(first),
                total=len(files),
                detail=first[lacking[0]].detail or "",
                everywhere=FORMATS[format].uniform and len(lacking) == len(files),
            )


def _first_page(url: str, size_bytes: int, format: str, options: ReadOptions) -> Page | None:
    split = FileSplit(file=url, start=0, end=max(1, size_bytes), format=format, size_bytes=size_bytes)
    try:
        return next(islice(FORMATS[format].read(split, options), 1), None)
    except OSError:
        return None


def _missing(page: Page, options: ReadOptions) -> Sequence[str]:
    return (options.content,) if page.failure == NO_TEXT else page.missing


def _options(options: ReadOptions) -> Iterator[tuple[str, str]]:
    for option in ("text", "html", "id", "url"):
        if column := getattr(options, option):
            yield option, column
    for column in options.columns:
        yield "columns", column
