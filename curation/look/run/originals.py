"""The page behind a document, read again from where it lies: file, offset, length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from curation.extract.extraction import Extraction
from curation.extract.guard import Guard
from curation.extract.settings import Extract
from curation.extract.stage import page_id
from curation.look.run.opened import OpenedRun
from curation.pages.charset import decode
from curation.pages.formats import FORMATS
from curation.pages.page import UNREADABLE, FileSplit, ReadOptions

#: All that is visible, boilerplate too, in time linear in the page's size.
_SHOWN_BY = "curation.extract.engines:linear"
_TIMEOUT_S = 5.0
#: Of a longer page the beginning is read.
PAGE_CHARACTERS = 2**21

WAS_TEXT = "the input was text: there is no page behind it"
NOT_READ_AGAIN = "pages are read again from archives, not from the rows of a table"
MOVED = "another page stands there now: the input has changed since the run"
NOT_THERE = "no record begins there any more: the input has changed since the run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A document's page: its HTML, decoded, or why there is none to show."""

    html: str | None = None
    missing: str = ""


def read_originals(run: OpenedRun, rows: Iterable[Mapping[str, Any]]) -> list[Original]:
    """Return the page behind each row of any stage, in their order; no failure to read one is an error.

    A page counts only if it has the document's id still: id and content belong together.
    """
    inputs = run.manifest("extract").config.get("inputs", {})
    names = {source: settings.get("format", "") for source, settings in inputs.items()}
    wanted = list(rows)
    originals = [Original(missing=WAS_TEXT)] * len(wanted)
    by_file: dict[tuple[str, str], list[int]] = {}
    for index, row in enumerate(wanted):
        format = names.get(row["source"], "")
        if format in FORMATS and not FORMATS[format].columns:
            by_file.setdefault((row["file"], format), []).append(index)
        elif row["engine"]:
            originals[index] = Original(missing=NOT_READ_AGAIN)
    for (file, format), indices in by_file.items():
        indices.sort(key=lambda index: wanted[index]["offset"])
        for index, original in zip(
            indices, _of_file(file, format, [wanted[p] for p in indices]), strict=True
        ):
            originals[index] = original
    return originals


def _of_file(file: str, format: str, rows: list[Mapping[str, Any]]) -> list[Original]:
    originals: list[Original] = []
    try:
        originals.extend(_read(file, format, row) for row in rows)  # those before a fault stay
    except (OSError, ValueError, ImportError) as error:  # ImportError: a file system that is not installed
        missing = f"its file cannot be read: {error}"
        originals += [Original(missing=missing)] * (len(rows) - len(originals))
    return originals


def _read(file: str, format: str, row: Mapping[str, Any]) -> Original:
    split = FileSplit(file=file, start=row["offset"], end=row["offset"] + 1, format=format)
    page = next(FORMATS[format].read(split, ReadOptions()), None)
    if page is None or page.failure == UNREADABLE:
        return Original(missing=NOT_THERE)
    if page_id(asdict(page) | {"source": row["source"]}) != row["id"]:
        return Original(missing=MOVED)
    if page.failure or page.kind != "html" or not page.body:
        return Original(missing="its record holds no page")
    return Original(html=decode(page.body, page.content_type).text[:PAGE_CHARACTERS])


def visible_texts(pages: Iterable[Original]) -> Iterator[Original]:
    """Yield each page with its visible text in the place of its HTML, parsed in a guarded process."""
    with Guard(Extract(engine=_SHOWN_BY, timeout_s=_TIMEOUT_S)) as guard:
        for page in pages:
            if page.html is None:
                yield page
                continue
            result = guard.extract(page.html)
            text = result.text if isinstance(result, Extraction) else None
            yield Original(html=text) if text is not None else Original(missing="it could not be parsed")
