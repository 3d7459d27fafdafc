"""The rows that travel between stages, as Arrow schemas.

A *page* is one response record (or one line of JSONL, one row of Parquet) before its text is extracted.
A *document* is one text with an id. A page that never becomes a document is still a row, with the reason.
Kept, dropped, merged and failed rows therefore share one schema.
"""

from __future__ import annotations

import pyarrow as pa

#: Why a row was removed. `state` is "dropped", "merged" or "failed". If the reason is a rule, `value` broke
#: `min` or `max`; all three are null if nothing was measured. `detail` is for people to read.
REASON = pa.struct(
    [
        pa.field("name", pa.string()),
        pa.field("state", pa.string()),
        pa.field("value", pa.float64()),
        pa.field("min", pa.float64()),
        pa.field("max", pa.float64()),
        pa.field("detail", pa.string()),
    ]
)

#: What a failure stands for, see `accounting.loss`.
LOSS = pa.struct(
    [
        pa.field("records", pa.int64()),
        pa.field("lost_bytes", pa.int64()),  # null: `records` is exact
        pa.field("whole_file", pa.bool_()),
    ]
)

#: What begins names in `metadata`: of labels that passes of the filter gave, of columns that inputs carry.
LABEL, COLUMN = "label.", "column."

#: One input record, read and located but not judged. Damaged input has `failure` set and no body.
PAGE = pa.schema(
    [
        pa.field("source", pa.string()),
        pa.field("file", pa.string()),
        pa.field("offset", pa.int64()),  # byte (WARC, plain JSONL), line (compressed JSONL), row (Parquet)
        pa.field("length", pa.int64()),  # bytes; 1 if offset counts lines or rows
        pa.field("record_id", pa.string()),  # WARC-Record-ID or the value of the id column, else ""
        pa.field("url", pa.string()),
        pa.field("captured_at", pa.string()),  # WARC-Date as sent, else ""
        pa.field("status", pa.int32()),  # HTTP status, or null
        pa.field("content_type", pa.string()),  # as sent, else ""
        pa.field("kind", pa.string()),  # "html" (to extract), "text" (already text) or the record type
        pa.field("truncated", pa.string()),  # WARC-Truncated as sent (length, time, ...), else null
        pa.field("damaged", pa.bool_()),  # whether the body is damaged or cut short: the rest is lost
        pa.field("body", pa.binary()),  # transfer- and content-decoded; null for a failure
        pa.field("failure", pa.string()),  # a reason's name, or null
        pa.field("detail", pa.string()),  # about the failure, else how the body contradicts its headers
        pa.field("loss", LOSS),  # of a failure; null: one record
        pa.field("columns", pa.map_(pa.string(), pa.string())),  # carried along: name -> value as text
        pa.field("missing", pa.list_(pa.string())),  # columns that the recipe names and the record lacks
    ]
)

#: A typed part of a text: the kind is heading, paragraph, list, table, code or quote; the text is Markdown.
BLOCK = pa.struct([pa.field("kind", pa.string()), pa.field("text", pa.string())])

#: One row of every table between stages.
DOCUMENT = pa.schema(
    [
        pa.field("id", pa.string()),  # 32 hex digits of content and provenance, never of position
        pa.field("source", pa.string()),
        pa.field("record_id", pa.string()),  # the id in the input: WARC-Record-ID or the id column
        pa.field("url", pa.string()),
        pa.field("captured_at", pa.string()),
        pa.field("file", pa.string()),  # file, offset and length are never changed
        pa.field("offset", pa.int64()),
        pa.field("length", pa.int64()),
        pa.field("title", pa.string()),
        pa.field("language", pa.string()),  # ISO 639-1 if it has one; "un" is unknown
        pa.field("charset", pa.string()),
        pa.field("engine", pa.string()),  # name and version of the extractor
        pa.field("metadata", pa.map_(pa.string(), pa.string())),  # what the page says about itself
        pa.field("text", pa.string()),
        pa.field("form", pa.string()),  # of the text: "markdown" or "plain"; null if there is no text
        pa.field("blocks", pa.list_(BLOCK)),  # as extracted, if configured; null from the filter stage on
        pa.field("characters_in", pa.int64()),  # of the text as this stage received it
        pa.field("characters", pa.int64()),  # of `text`
        pa.field("edits", pa.map_(pa.string(), pa.int64())),  # name -> characters removed in this stage
        pa.field("measures", pa.map_(pa.string(), pa.float64())),  # "pass.rule" -> value
        pa.field("merged_into", pa.string()),  # id of the kept duplicate, else null
        pa.field("reasons", pa.list_(REASON)),  # empty = kept
    ]
)
