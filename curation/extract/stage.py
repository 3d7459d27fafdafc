"""The extraction stage on one Arrow batch: pages in, documents out, row for row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import xxhash

from curation.accounting.budget import WITHOUT
from curation.accounting.loss import RecordLoss
from curation.document import COLUMN, DOCUMENT
from curation.extract.extraction import Extraction
from curation.extract.gate import DROPPED, FAILED, Reason, refuse_record, refuse_text
from curation.extract.guard import Fault, Guard
from curation.extract.visible import Refusal
from curation.pages.charset import decode, decode_text
from curation.text.language import UNKNOWN, detect
from curation.text.markdown import Form

MARKUP = "extract.markup"
_HTML = "html"  # in a row that waits for the engine
_LINEAGE = ("source", "record_id", "url", "captured_at", "file", "offset", "length")
_SEPARATOR = "\x1f"
#: Of 6,813 texts one gets another label than by four times as many, for a third to a half less time.
_LANGUAGE_CHARACTERS = 2**11


def extract_batch(
    pages: pa.RecordBatch, guard: Guard, *, max_page_mib: float, forms: Mapping[str, Form] | None = None
) -> pa.RecordBatch:
    """Return the documents of a PAGE batch in the DOCUMENT schema, one row for each page, in order.

    `forms` says for a source which form its texts have that need no extraction ("plain" where it is silent).

    Rows that became no text carry their reason. `characters_in` is the length of the decoded page, or its
    bytes where it was refused before decoding, or the bytes of what was lost; what the engine took
    away is the edit `extract.markup`. Raises GuardError where no extraction process can be started.
    """
    rows = [
        _read(page, max_page_mib, (forms or {}).get(page["source"], "plain")) for page in pages.to_pylist()
    ]
    waiting = [row for row in rows if _HTML in row]
    for row, outcome in zip(waiting, guard.extract_all([row[_HTML] for row in waiting]), strict=True):
        _extracted(row, outcome)
    columns = {name: [row.get(name) for row in rows] for name in DOCUMENT.names}
    return pa.RecordBatch.from_pydict(columns, schema=DOCUMENT)


def document_id(source: str, url: str, captured_at: str, record_id: str, body: bytes) -> str:
    """Return 32 hex digits of provenance and content: the same for the same record, wherever it lies.

    >>> document_id("web", "", "", "", b"") == document_id("web", "", "", "", b"x")
    False
    """
    digest = xxhash.xxh3_128_hexdigest(body)
    return _digest(source, url, captured_at, record_id, digest)


def failure_id(source: str, file: str, offset: int, length: int) -> str:
    """Return 32 hex digits for a stretch that gave no record, from where it lies."""
    return _digest(source, file.rstrip("/").rsplit("/", 1)[-1], str(offset), str(length))


def page_id(page: Mapping[str, Any]) -> str:
    """Return the id of the document that a row of PAGE becomes, known before it is extracted."""
    if page["failure"]:
        return failure_id(page["source"], page["file"], page["offset"], page["length"])
    body = page["body"] or b""
    return document_id(page["source"], page["url"], page["captured_at"], page["record_id"], body)


def _digest(*parts: str) -> str:
    return xxhash.xxh3_128_hexdigest(_SEPARATOR.join(parts).encode("utf-8", "replace"))


def _read(page: dict[str, Any], max_page_mib: float, form: Form) -> dict[str, Any]:
    """Return a page's row: its lineage, then what the first step that settles it says.

    A page to be extracted has its text in UTF-8 at `_HTML`.
    """
    row = {name: page[name] for name in _LINEAGE}
    row |= {
        "id": page_id(page),
        "language": UNKNOWN.code,
        "characters": 0,
        "metadata": {f"{COLUMN}{name}": value for name, value in page["columns"] or ()},
        "edits": {},
        "measures": {f"extract.{WITHOUT}{name}": 1.0 for name in page["missing"] or ()},
        "reasons": [],
    }
    if page["failure"]:
        reason = Reason(name=page["failure"], state=FAILED, detail=page["detail"])
        loss = RecordLoss(**(page["loss"] or {}))
        row["measures"] |= loss.measures()
        return _refused(row, reason, loss.lost_bytes or page["length"])
    body: bytes = page["body"] or b""
    refused = refuse_record(
        page["kind"], page["status"], page["content_type"], body, max_page_mib=max_page_mib
    )
    if refused:
        return _refused(row, refused, len(body))
    if page["truncated"]:  # the archive says that the crawler stopped early
        row["measures"]["extract.truncated"] = 1.0
    if page["damaged"]:
        row["measures"]["pages.damaged_body"] = 1.0
    to_text = decode_text if page["kind"] == "text" else decode
    decoded = to_text(body, page["content_type"])
    row["charset"] = decoded.charset
    if decoded.replaced_count:
        row["measures"]["extract.replaced_characters"] = float(decoded.replaced_count)
    # Decoded as strict UTF-8, the body is what encoding the text again would give.
    data = body if decoded.method == "utf-8" else decoded.text.encode("utf-8", "replace")
    refused = refuse_text(data, len(decoded.text))
    if refused:
        return _refused(row, refused, len(decoded.text))
    if page["kind"] == "text":
        return _with_text(row, decoded.text, form, len(decoded.text))
    return row | {_HTML: data, "characters_in": len(decoded.text)}


def _extracted(row: dict[str, Any], outcome: Extraction | Refusal | Fault) -> dict[str, Any]:
    """Return the row, changed in place, with what the guarded engine made of its page."""
    characters_in: int = row["characters_in"]
    if isinstance(outcome, Refusal):
        row["language"] = outcome.language
        row["measures"] |= outcome.measures
        return _refused(row, outcome.reason, characters_in)
    if isinstance(outcome, Fault):
        reason = Reason(
            name=outcome.name, state=FAILED, value=outcome.value, max=outcome.limit, detail=outcome.detail
        )
        return _refused(row, reason, characters_in)
    row["engine"] = outcome.engine
    row["title"] = _clean(outcome.title)
    row["metadata"] |= {name: _clean(value) for name, value in outcome.metadata.items()}
    row["measures"] |= outcome.gate
    row["measures"] |= {f"extract.{name}": value for name, value in outcome.counts.items()}
    text = _clean(outcome.text)
    if not text.strip():
        reason = Reason(name="extract.no_text", state=DROPPED, detail="the page has no main text")
        return _refused(row, reason, characters_in)
    if outcome.blocks is not None:
        row["blocks"] = [{"kind": kind, "text": _clean(part)} for kind, part in outcome.blocks]
    return _with_text(row, text, "markdown" if outcome.markdown else "plain", characters_in)


def _with_text(row: dict[str, Any], text: str, form: Form, characters_in: int) -> dict[str, Any]:
    row["text"] = text
    row["form"] = form
    row["characters"] = len(text)
    row["characters_in"] = characters_in
    row["language"] = detect(text, characters=_LANGUAGE_CHARACTERS).code
    if characters_in != len(text):
        row["edits"] = {MARKUP: characters_in - len(text)}
    return row


def _refused(row: dict[str, Any], reason: Reason, characters_in: int) -> dict[str, Any]:
    row["characters_in"] = characters_in
    row["reasons"] = [reason.row()]
    return row


def _clean(text: str) -> str:
    """Return the text without lone surrogates, which neither Arrow nor UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
