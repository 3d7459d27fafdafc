from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from curation.document import DOCUMENT, PAGE
from curation.extract.guard import Guard
from curation.extract.settings import Extract, Gate
from curation.extract.stage import document_id, extract_batch, failure_id

SENTENCE = "The committee met on Tuesday to review the proposal about the water supply. "
HTML = f"<html><head><title>Water</title></head><body><p>{SENTENCE * 5}</p></body></html>"
BASE = {
    "source": "crawl", "file": "s3://b/x.warc.gz", "offset": 7, "length": 9, "record_id": "r",
    "url": "http://e/", "captured_at": "2026", "status": 200, "content_type": "text/html",
    "kind": "html", "body": HTML.encode(), "failure": None, "detail": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    with Guard(Extract(engine="trafilatura", timeout_s=20)) as guard:
        yield guard


def extracted(
    guard: Guard, *pages: dict[str, Any], forms: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    batch = pa.RecordBatch.from_pylist([BASE | page for page in pages], schema=PAGE)
    found = extract_batch(batch, guard, max_page_mib=0.5, forms=forms)
    assert found.schema.equals(DOCUMENT)
    rows: list[dict[str, Any]] = found.to_pylist()
    assert len(rows) == len(pages)
    for row in rows:
        assert row["characters"] == len(row["text"] or "")
        if not row["reasons"]:
            assert row["characters_in"] == row["characters"] + sum(dict(row["edits"]).values())
    return rows


def test_a_page_becomes_a_document(guard: Guard) -> None:
    [row] = extracted(guard, {})
    assert SENTENCE.strip() in row["text"]
    assert (row["reasons"], row["title"], row["language"], row["charset"]) == ([], "Water", "en", "utf-8")
    assert row["characters_in"] == len(HTML)
    assert dict(row["edits"]) == {"extract.markup": len(HTML) - len(row["text"])}
    assert (row["file"], row["offset"], row["length"]) == ("s3://b/x.warc.gz", 7, 9)
    assert row["engine"].startswith("trafilatura-2.3.")
    assert row["merged_into"] is None
    assert row["form"] == "markdown"
    assert dict(row["measures"])["extract.table_cells_seen"] == 0.0


def test_a_document_knows_its_form(guard: Guard) -> None:
    text = {"kind": "text", "content_type": "text/plain", "body": b"# 5*3*2"}
    rows = extracted(
        guard, text, text | {"source": "docs"}, {"source": "docs"}, {"body": b""}, forms={"docs": "markdown"}
    )
    assert [row["form"] for row in rows] == ["plain", "markdown", "markdown", None]
    with Guard(Extract(format="text")) as other:
        [row] = extracted(other, {})
    assert row["form"] == "plain"


@pytest.mark.parametrize(
    ("page", "name", "state", "characters_in"),
    [
        ({"status": 404}, "extract.status", "dropped", len(HTML)),
        ({"kind": "revisit", "body": b""}, "extract.revisit", "dropped", 0),
        ({"content_type": "image/png"}, "extract.wrong_type", "dropped", len(HTML)),
        ({"body": b"a" * 600_000}, "extract.too_large", "failed", 600_000),
        ({"body": b"\r\n"}, "extract.empty_body", "dropped", 2),
        ({"body": b"<html><body></body></html>"}, "extract.no_text", "dropped", 26),
        ({"body": bytes(range(1, 255)) * 20}, "extract.not_text", "failed", 254 * 20),
        ({"body": None, "failure": "pages.unreadable", "detail": "why"}, "pages.unreadable", "failed", 9),
    ],
)  # fmt: skip
def test_every_refusal_is_a_row_with_one_reason(
    guard: Guard, page: dict[str, Any], name: str, state: str, characters_in: int
) -> None:
    row, after = extracted(guard, page, {})
    [reason] = row["reasons"]
    assert (reason["name"], reason["state"]) == (name, state)
    assert (row["text"], row["characters"], row["characters_in"]) == (None, 0, characters_in)
    assert len(row["id"]) == 32
    assert after["reasons"] == []
    if "failure" in page:
        assert reason["detail"] == "why"


@pytest.mark.slow
def test_a_guarded_fault_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sleeper.py").write_text(
        "import time\ndef engine(html):\n    time.sleep(60 if 'SLEEP' in html else 0)\n    raise ValueError('x')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with Guard(Extract(engine="sleeper:engine", timeout_s=1.0)) as guard:
        slow, bad = extracted(guard, {"body": b"<html><!-- SLEEP -->"}, {})
    assert [(r["name"], r["state"], r["value"], r["max"]) for r in slow["reasons"] + bad["reasons"]] == [
        ("extract.timeout", "failed", 1.0, 1.0),
        ("extract.error", "failed", None, None),
    ]
    assert bad["reasons"][0]["detail"] == "ValueError: x"


@pytest.mark.slow
def test_a_page_that_hangs_gets_the_linear_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stubborn.py").write_text(
        "import os, time\ndef engine(html):\n"
        "    os._exit(1) if 'EXIT' in html else bytearray(10**13) if 'FILL' in html else None\n"
        "    time.sleep(60 if 'SLEEP' in html else 0)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    hazards = [
        {"body": f"<nav>Home</nav><p>{name} {SENTENCE}</p>".encode()} for name in ("EXIT", "FILL", "SLEEP")
    ]
    with Guard(Extract(engine="stubborn:engine", timeout_s=1.0)) as guard:
        rows = extracted(guard, *hazards)
    for row in rows:
        assert (row["reasons"], dict(row["measures"])["extract.retried"]) == ([], 1.0)
        assert row["text"].startswith("Home")
        assert SENTENCE.strip() in row["text"]
        assert row["engine"].startswith("resiliparse-2")
        assert row["engine"].endswith("-linear")


def test_options_reach_the_row_and_the_gate_says_what_it_measured() -> None:
    gate = Gate(languages=("en",), min_characters=20)
    settings = Extract(timeout_s=20, gate=gate, format="text", structured=True)
    english = (
        f"<html lang='en-GB'><body><article><h2>A title</h2><p>{SENTENCE * 5}</p></article></body></html>"
    )
    german = "<html><p>" + "Der Ausschuss traf sich am Dienstag, um über das Wasser zu reden. " * 4
    with Guard(settings) as guard:
        kept, other, short = extracted(
            guard, {"body": english.encode()}, {"body": german.encode()}, {"body": b"<p>So short."}
        )
    assert kept["reasons"] == []
    assert kept["text"].startswith("A title\n\nThe committee")
    assert [block["kind"] for block in kept["blocks"]] == ["heading", "paragraph"]
    assert kept["blocks"][0]["text"] == "## A title"
    assert dict(kept["metadata"]) == {"language": "en-GB"}
    assert dict(kept["measures"])["gate.language"] > 0.9
    [language], [length] = other["reasons"], short["reasons"]
    assert (language["name"], language["state"], language["min"]) == ("gate.language", "dropped", 0.3)
    assert language["value"] == dict(other["measures"])["gate.language"] == 0.0
    assert (other["language"], other["text"], other["engine"]) == ("de", None, None)
    assert (length["name"], length["state"], length["value"], length["min"]) == (
        "gate.length", "dropped", 9.0, 20.0,
    )  # fmt: skip
    assert dict(short["measures"]) == {"gate.length": 9.0}


def test_no_gate_measures_nothing(guard: Guard) -> None:
    [row] = extracted(guard, {"body": b"<html><p>Der Ausschuss traf sich am Dienstag wegen des Wassers."})
    assert not any(name.startswith("gate.") for name in dict(row["measures"]))
    assert (row["reasons"], row["blocks"], row["metadata"]) == ([], None, [])


def test_text_rows_go_straight_through(guard: Guard) -> None:
    page = {"kind": "text", "status": None, "content_type": "text/plain", "body": "<b> naïve".encode()}
    [row] = extracted(guard, page)
    assert (row["text"], row["engine"], dict(row["edits"]), row["reasons"]) == ("<b> naïve", None, {}, [])


def test_replaced_characters_are_measured(guard: Guard) -> None:
    body = HTML.replace("Tuesday", "Tuesday “naïve” café").encode() + b"\xff"
    [row] = extracted(guard, {"body": body})
    assert dict(row["measures"])["extract.replaced_characters"] == 1.0


def test_a_capture_that_was_cut_short_says_so(guard: Guard) -> None:
    whole, cut = extracted(guard, {}, {"truncated": "length"})
    assert "extract.truncated" not in dict(whole["measures"])
    assert dict(cut["measures"])["extract.truncated"] == 1.0


def test_a_body_that_was_damaged_says_so(guard: Guard) -> None:
    whole, damaged = extracted(guard, {}, {"damaged": True})
    assert "pages.damaged_body" not in dict(whole["measures"])
    assert dict(damaged["measures"])["pages.damaged_body"] == 1.0


def test_ids_come_from_content_and_provenance_not_position() -> None:
    base = ("crawl", "http://e/", "2026", "r", b"body")
    assert document_id(*base) == document_id(*base)
    for at in range(4):
        other = [*base]
        other[at] = "other"
        assert document_id(*other) != document_id(*base)
    assert document_id("a", "b", "", "", b"") != document_id("ab", "", "", "", b"")
    assert failure_id("s", "s3://one/x.gz", 1, 2) == failure_id("s", "/other/x.gz", 1, 2)
    assert failure_id("s", "x.gz", 1, 2) != failure_id("s", "x.gz", 2, 2)


ALLOWED = {
    "extract": {"kept"},
    "extract_partial": {"kept"},
    "no_text": {"extract.no_text", "extract.empty_body", "extract.wrong_type", "extract.not_text"},
    "skip_mime": {"extract.wrong_type"},
    "skip_status": {"extract.status"},
    "policy": {"kept", "extract.wrong_type"},
    "extract_or_size_limit": {"kept", "extract.too_large"},
    "extract_or_error": {"kept"},
    "any_but_no_crash": {"kept", "extract.timeout", "extract.error", "extract.memory", "extract.no_text"},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.shared
def test_every_odd_record_of_the_crawl_ends_as_labelled(shared: Path) -> None:
    import json

    from curation.pages.formats import read, splits

    path = shared / "data/crawl_dev.warc.gz"
    lines = (shared / "data/records_dev.jsonl").read_text().splitlines()
    odd = {row["record_id"].strip("<>"): row for row in map(json.loads, lines) if row["kind"] == "odd"}
    ends: Counter[tuple[str, str]] = Counter()
    # Three of them take as long as they may; of the others none takes a second.
    with Guard(Extract(engine="trafilatura", timeout_s=1.5)) as guard:
        for split in splits([(str(path), path.stat().st_size)], "warc", 2**26):
            for batch in read(split, source="crawl"):
                ids = batch.column("record_id").to_pylist()
                batch = batch.filter(pa.array([one in odd for one in ids]))
                documents = extract_batch(batch, guard, max_page_mib=5).to_pylist()
                for one, row in zip(batch.column("record_id").to_pylist(), documents, strict=True):
                    end = row["reasons"][0]["name"] if row["reasons"] else "kept"
                    assert end in ALLOWED[odd[one]["expect"]], (odd[one]["variant"], row["reasons"])
                    ends[odd[one]["expect"], end] += 1
    assert sum(ends.values()) == 112
    assert ends["extract", "kept"] == 61
