"""The process that does the extraction, so that no page can take its worker down with it.

Protocol over one socket. In: 8 bytes number, 8 bytes length, 1 byte that says what is asked for, then a page
in UTF-8, or several as `packed` has them. Out: 8 bytes number, 8 bytes length, then JSON. It ends when the
socket closes, which is what happens when the parent dies; and because native code that hangs would never
notice that, the kernel ends it: by SIGPROF at its limit of processor time, by SIGALRM soon after the parent's
patience.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from curation.extract.deadline import clock_s
from curation.extract.extraction import BatchEngine, Engine, Extraction
from curation.extract.settings import Extract
from curation.extract.steps import extract_page, extract_pages, retry_page
from curation.extract.visible import Refusal

REQUEST = struct.Struct("!QQB")
#: What a request asks for: the engine on a page, the linear engine on a page, the engine on several pages.
PAGE, RETRY, PAGES = range(3)
HEADER = struct.Struct("!QQ")
READY = b"ready"
#: How much longer than its parent would wait an orphan lives.
_ORPHAN_S = 2.0
#: The linear engine reads ten megabytes in less.
RETRY_TIMEOUT_S = 1.0


def serve(descriptor: int, settings: Extract) -> None:
    """Extract pages from the socket until it closes. Raises ValueError on an unknown engine."""
    connection = socket.socket(fileno=descriptor)
    incoming = connection.makefile("rb")
    engine = settings.chosen_engine()
    _prepare(engine, settings.max_memory_mib)
    connection.sendall(READY)
    while len(head := incoming.read(REQUEST.size)) == REQUEST.size:
        number, length, kind = REQUEST.unpack(head)
        body = incoming.read(length)
        if len(body) < length:  # the parent has gone
            return
        limit_s = RETRY_TIMEOUT_S if kind == RETRY else settings.timeout_s
        signal.setitimer(signal.ITIMER_PROF, limit_s)
        signal.setitimer(signal.ITIMER_REAL, clock_s(limit_s) + _ORPHAN_S)
        answer = _answer(kind, body, engine, settings)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        connection.sendall(HEADER.pack(number, len(answer)) + answer)


def _prepare(engine: Engine, max_memory_mib: int) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the parent
    limit = max_memory_mib * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):  # Linux only: when memory runs out, this process goes first
        Path("/proc/self/oom_score_adj").write_text("800")
    # The first page loads the libraries: that must not count against its deadline.
    with suppress(Exception):
        engine("<html><body><p>The first page loads the libraries.</p></body></html>")
    # Trees go when nothing refers to them. The collector would only walk through the libraries, page by page.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def packed(pages: Sequence[bytes]) -> bytes:
    """Return several pages in UTF-8 as one request: their number, the length of each, then all of them."""
    return struct.pack(f"!{len(pages) + 1}Q", len(pages), *map(len, pages)) + b"".join(pages)


def _unpacked(body: bytes) -> list[bytes]:
    (count,) = struct.unpack_from("!Q", body)
    stop = 8 * (count + 1)
    pages = []
    for length in struct.unpack_from(f"!{count}Q", body, 8):
        pages.append(body[stop : stop + length])
        stop += length
    return pages


def _outcome(kind: int, body: bytes, engine: Engine, settings: Extract) -> dict[str, Any]:
    """Return what a request's page or pages came to."""
    if kind == PAGES:
        assert isinstance(engine, BatchEngine)
        pages = [page.decode("utf-8", "replace") for page in _unpacked(body)]
        return {"pages": list(map(_row, extract_pages(pages, engine, settings)))}
    html = body.decode("utf-8", "replace")
    return _row(retry_page(html, settings) if kind == RETRY else extract_page(html, engine, settings))


def _row(outcome: Extraction | Refusal) -> dict[str, Any]:
    return {"refused" if isinstance(outcome, Refusal) else "extraction": asdict(outcome)}


def _answer(kind: int, body: bytes, engine: Engine, settings: Extract) -> bytes:
    """Return the JSON of what a request came to, or of its fault."""
    try:
        return json.dumps(_outcome(kind, body, engine, settings)).encode()
    except MemoryError:
        return json.dumps({"fault": "memory", "detail": "out of memory"}).encode()
    except Exception as error:  # noqa: BLE001
        # Any library error on any page in the world must become that page's row.
        detail = f"{type(error).__name__}: {error}"[:500]
        return json.dumps({"fault": "error", "detail": detail}).encode()


def main(arguments: list[str]) -> None:
    """Serve with the arguments that `guard.Guard` passes, then leave without cleaning up."""
    descriptor, settings = arguments
    serve(int(descriptor), Extract.from_json(settings))
    os._exit(0)
