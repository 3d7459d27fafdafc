"""Pages that have hung or felled extractors in the wild: each costs one row, never the batch."""

from __future__ import annotations

import itertools
import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest

from curation.document import PAGE
from curation.extract.extraction import Extraction
from curation.extract.guard import Fault, Guard
from curation.extract.settings import Extract, Gate
from curation.extract.stage import extract_batch

SENTENCE = "The committee met on Tuesday to review the proposal about the water supply. "
GOOD = f"<html><body><article><p>{SENTENCE * 5}</p></article></body></html>"
ROW = "<tr><td>cell number</td><td>other value</td><td>12</td><td>some more text</td></tr>"
HAZARDS = {
    "100,000 nested div": "<div>" * 100_000 + SENTENCE,  # quadratic in Resiliparse's main content
    "320,000 links": '<a href="/some/page">a link</a> \n' * 320_000,
    "12 MB table": f"<table>{ROW * 145_000}</table>",
    "500,000 br": "<p>" + "word<br>" * 500_000,
    "200,000 p": "<p>a b</p>" * 200_000,
    "50,000 paragraphs": f"<p>{SENTENCE}</p>" * 50_000,  # quadratic in jusText (#43)
    "20,000 unclosed b": "<b>x" * 20_000,
    "400 nested tables": "<table><tr><td>x " * 400,
    "19 MB of one word": "x" * 19_000_000,  # libxml2 alone stops at 10 MB of text or attribute
    "12 MB attribute": f"<p title='{'x' * 12_000_000}'>{SENTENCE}</p>",
    "a million <": "<" * 1_000_000,
    "a million entities": "&amp;" * 1_000_000,
}
BASE = {
    "source": "crawl", "file": "x.warc.gz", "offset": 0, "length": 1, "record_id": "r", "url": "http://e/",
    "captured_at": "", "status": 200, "content_type": "text/html", "kind": "html",
}  # fmt: skip


def batch(*bodies: str) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([BASE | {"body": body.encode()} for body in bodies], schema=PAGE)


@pytest.fixture(scope="module", params=["trafilatura", "blocks", "resiliparse"])
def guard(request: pytest.FixtureRequest) -> Iterator[Guard]:
    gate = Gate(min_characters=1)
    settings = Extract(engine=request.param, timeout_s=2.0, gate=gate, structured=True)
    with Guard(settings) as guard:
        yield guard


@pytest.mark.slow
@pytest.mark.parametrize("name", HAZARDS)
def test_a_hazard_is_one_row_and_its_neighbours_are_whole(guard: Guard, name: str) -> None:
    body = f"<html><body>{HAZARDS[name]}</body></html>"
    before, row, after = extract_batch(batch(GOOD, body, GOOD), guard, max_page_mib=20).to_pylist()
    for good in (before, after):
        assert good["reasons"] == []
        assert SENTENCE.strip() in good["text"]
    ends = [reason["name"] for reason in row["reasons"]]
    assert ends in ([], ["extract.timeout"], ["extract.memory"], ["extract.crash"], ["extract.no_text"])
    if not ends:
        assert row["characters_in"] == row["characters"] + sum(dict(row["edits"]).values())


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["trafilatura", "resiliparse"])
def test_what_is_quadratic_is_kept_by_the_linear_engine(engine: str) -> None:
    body = f"<html><body>{HAZARDS['100,000 nested div']}</body></html>"
    with Guard(Extract(engine=engine, timeout_s=1.0)) as guard:
        [row] = extract_batch(batch(body), guard, max_page_mib=20).to_pylist()
    assert row["reasons"] == []
    assert row["text"].strip() == SENTENCE.strip()
    assert dict(row["measures"])["extract.retried"] == 1.0
    assert row["engine"].endswith("-linear")


@pytest.mark.slow
def test_a_child_killed_at_random_never_mixes_pages_up() -> None:
    rng = random.Random(5)
    done = threading.Event()
    kills: list[int] = []
    kills_before_answer = 0
    with Guard(Extract(engine="resiliparse", timeout_s=20)) as guard:

        def kill() -> None:
            # While it waits, starts or extracts; three of the starts that a page has, so that one is let through
            # also where a start takes longer than what is waited for here.
            while not done.wait(rng.uniform(0.01, 1.5)):
                pid = guard.child_pid
                if pid and len(kills) - kills_before_answer < 3:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                    kills.append(pid)

        killer = threading.Thread(target=kill)
        guard.extract(GOOD)
        killer.start()
        numbers = itertools.count()
        whole = crashed = retried = 0
        # Until enough was tried, however the machine's load parts the kills among starts and pages.
        try:
            while len(kills) < 12 or whole <= len(kills) or not crashed + retried:
                i = next(numbers)
                page = f"<html><body><main><p>page {i} ends. {SENTENCE * 20}</p></main></body></html>"
                found = guard.extract_or_retry(page)
                kills_before_answer = len(kills)
                if isinstance(found, Fault):
                    crashed += 1
                    assert found.name == "extract.crash"
                    continue
                assert isinstance(found, Extraction)
                assert found.text.startswith(f"page {i} ends. ")
                whole += 1
                retried += "retried" in found.counts
        finally:
            done.set()
            killer.join()
    assert whole + crashed == next(numbers)


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")
def test_memory_of_the_child_is_flat() -> None:
    rng = random.Random(7)
    words = SENTENCE.split()

    def page() -> str:
        paragraphs = (" ".join(rng.choices(words, k=40)) for _ in range(rng.randint(3, 12)))
        return f"<html><body><article>{''.join(f'<p>{p}.</p>' for p in paragraphs)}</article></body></html>"

    def resident_mib() -> float:
        lines = Path(f"/proc/{guard.child_pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))

    gate = Gate(languages=("en",))
    settings = Extract(timeout_s=20, gate=gate, metadata="full", structured=True)
    with Guard(settings, recycle_pages=100_000) as guard:
        sizes = []
        for _ in range(4):
            for _ in range(750):
                assert isinstance(guard.extract(page()), Extraction)
            sizes.append(resident_mib())
    assert sizes[-1] < sizes[0] * 1.1, sizes
