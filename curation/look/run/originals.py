"""The page behind a document, read again from where it lies: file, offset, length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from curation.extract.engines import Extraction
from curation.extract.guard import Guard
from curation.extract.stage import page_id
from curation.files.block_file import BlockFile
from curation.look.run.opened import OpenedRun
from curation.pages.charset import decode
from curation.pages.page import Page
from curation.pages.reading import record_page
from curation.pages.warc import Record, records

#: All that is visible, boilerplate too, in time linear in the page's size.
_SHOWN_BY = "curation.extract.engines:linear"
_TIMEOUT_S = 5.0
#: Of a longer page the beginning is read.
PAGE_CHARACTERS = 2**21

WAS_TEXT = "the input was text: there is no page behind it"
NOT_WARC = "only pages of WARC and ARC files are read again"
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
    formats = {name: each.get("format", "") for name, each in inputs.items()}
    wanted = list(rows)
    found = [Original(missing=WAS_TEXT)] * len(wanted)
    by_file: dict[str, list[int]] = {}
    for place, row in enumerate(wanted):
        if formats.get(row["source"], "warc") == "warc":
            by_file.setdefault(row["file"], []).append(place)
        elif row["engine"]:
            found[place] = Original(missing=NOT_WARC)
    for file, places in by_file.items():
        places.sort(key=lambda place: wanted[place]["offset"])
        for place, original in zip(places, _of_file(file, [wanted[p] for p in places]), strict=True):
            found[place] = original
    return found


def _of_file(file: str, rows: list[Mapping[str, Any]]) -> list[Original]:
    found: list[Original] = []
    try:
        with BlockFile(file) as source:
            found.extend(_read(source, row) for row in rows)  # those before a fault stay
    except (OSError, ValueError, ImportError) as error:  # ImportError: a file system that is not installed
        missing = f"its file cannot be read: {error}"
        found += [Original(missing=missing)] * (len(rows) - len(found))
    return found


def _read(source: BlockFile, row: Mapping[str, Any]) -> Original:
    record = next(records(source, row["offset"], row["offset"] + 1), None)
    if not isinstance(record, Record):
        return Original(missing=NOT_THERE)
    page: Page = record_page(source.url, record)
    if page_id(asdict(page) | {"source": row["source"]}) != row["id"]:
        return Original(missing=MOVED)
    if page.failure or page.kind != "html" or not page.body:
        return Original(missing="its record holds no page")
    return Original(html=decode(page.body, page.content_type).text[:PAGE_CHARACTERS])


def visible_texts(pages: Iterable[Original]) -> Iterator[Original]:
    """Yield each page with its visible text in the place of its HTML, parsed in a guarded process."""
    with Guard(_SHOWN_BY, timeout_s=_TIMEOUT_S) as guard:
        for page in pages:
            if page.html is None:
                yield page
                continue
            found = guard.extract(page.html)
            text = found.text if isinstance(found, Extraction) else None
            yield Original(html=text) if text is not None else Original(missing="it could not be parsed")
