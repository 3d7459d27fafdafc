"""One long-lived child process that extracts pages under a deadline and a memory limit.

A page's limit is processor time, which the kernel counts: on a busy machine the same page must not time out
where on a quiet one it does not. One that hangs without working is killed soon after its limit by the clock
(see `curation.extract.deadline`); one that crashes the process is found out by its silence. Each is a fault
of that page alone, and a fresh child takes the next one. One request is in flight at a time and answers carry
its number, so pages are never mixed up. An engine that reads several pages at once gets them together, in the
time that one may take; where that fails, each alone.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Self

from curation.extract.child import HEADER, PAGE, PAGES, READY, REQUEST, RETRY, RETRY_TIMEOUT_S, packed
from curation.extract.deadline import Deadline
from curation.extract.extraction import Extraction
from curation.extract.gate import Reason
from curation.extract.settings import Extract
from curation.extract.visible import Refusal

_START_TIMEOUT_S = 120.0
#: How long a child has to end whose connection was closed: by us, while it waits for a page; by itself, when
#: it is ending already, and on a busy machine only has to come to that before its exit status is there.
_LEAVES_S, _ENDS_S = 0.2, 20.0
_STARTS = 5
_KILLED = "ended by"
#: Faults that end the process: another engine may do with the same page. An error of the engine's own is one
#: to know about, not to paper over.
_RETRIED = ("extract.timeout", "extract.crash", "extract.memory")
_DEFAULTS = Extract()
#: Engines that read several pages at once, and how much they are given: more is no quicker, and a fault costs
#: more pages a second try.
_TOGETHER = ("blocks",)
_PAGES_TOGETHER, _BYTES_TOGETHER = 32, 2**22
#: A library's threads would only take memory from pages.
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    " from curation.extract.child import main; main(sys.argv[2:])"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """Why a page gave no extraction: the reason's name, and the limit it broke, if there is one."""

    name: str
    value: float | None
    limit: float | None
    detail: str


class GuardError(Exception):
    """The child cannot be started: a mistake in the set-up, not in a page."""


class Guard:
    """Extracts pages in a supervised child; a context manager.

    The child starts with the first page. It is replaced after every fault that ended it, and after
    `recycle_pages` pages.
    """

    def __init__(self, settings: Extract = _DEFAULTS, recycle_pages: int = 5000) -> None:
        self._settings = settings
        self._recycle_pages = recycle_pages
        self._child: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._served = 0
        self._number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def child_pid(self) -> int | None:
        """Process id of the child, None before the first page and after a fault."""
        return self._child.pid if self._child else None

    def close(self) -> None:
        """End the child, whatever it does; returns its exit status to nobody."""
        self._stop()

    def extract(self, html: str | bytes) -> Extraction | Refusal | Fault:
        """Return the page's extraction, the gate's refusal, or the fault in its place.

        html: the page's text, or the same in UTF-8. Raises GuardError.
        """
        answer = self._ask(_utf8(html), self._settings.timeout_s, PAGE)
        return answer if isinstance(answer, Fault) else self._outcome(answer)

    def extract_all(self, pages: Sequence[bytes]) -> list[Extraction | Refusal | Fault]:
        """Return `extract_or_retry` of every page, in order, together where the engine is quicker so.

        pages: in UTF-8. A batch that fails, or has not ended when one page's limit has passed, is tried again
        page by page. Raises GuardError.
        """
        if self._settings.engine_name not in _TOGETHER:
            return [self.extract_or_retry(page) for page in pages]
        outcomes: list[Extraction | Refusal | Fault] = []
        for group in _groups(pages):
            together = self._together(group) if len(group) > 1 else None
            outcomes += together or map(self.extract_or_retry, group)
        return outcomes

    def _together(self, pages: Sequence[bytes]) -> list[Extraction | Refusal | Fault] | None:
        """Return the pages' outcomes, None where one of them is a fault of all."""
        answer = self._ask(packed(pages), self._settings.timeout_s, PAGES)
        if isinstance(answer, Fault):
            return None
        if "pages" not in answer:
            self._outcome(answer)
            return None
        return list(map(self._outcome, answer["pages"]))

    def extract_or_retry(self, html: str | bytes) -> Extraction | Refusal | Fault:
        """Return `extract`, after a fault that ended the process the linear engine's text.

        Such a text counts `retried`; the fault stays where the linear engine fails or finds nothing.
        """
        outcome = self.extract(html)
        if not isinstance(outcome, Fault) or outcome.name not in _RETRIED:
            return outcome
        answer = self._ask(_utf8(html), RETRY_TIMEOUT_S, RETRY)
        again = answer if isinstance(answer, Fault) else self._outcome(answer)
        if not isinstance(again, Extraction) or not again.text.strip():
            return outcome
        return replace(again, counts={**again.counts, "retried": 1.0})

    def _ask(self, body: bytes, timeout_s: float, kind: int) -> dict[str, Any] | Fault:
        """Return the child's answer to a request, or the fault that it ended by."""
        connection = self._ready()
        self._number += 1
        assert self._child is not None
        deadline = Deadline(self._child.pid, timeout_s)
        try:
            _send(connection, REQUEST.pack(self._number, len(body), kind), deadline)
            _send(connection, body, deadline)
            number, length = HEADER.unpack(_receive(connection, HEADER.size, deadline))
            answer = _receive(connection, length, deadline)
        except TimeoutError as error:
            self._stop()
            return _timeout(timeout_s, str(error))
        except OSError:
            ended = self._stop(_ENDS_S)
            if ended == f"{_KILLED} SIGPROF":
                return _timeout(timeout_s, f"it took {timeout_s:g} s of processor time")
            return Fault(name="extract.crash", value=None, limit=None, detail=ended)
        except BaseException:
            # Interrupted in mid-page: an answer may be under way that belongs to no later page.
            self._stop()
            raise
        if number != self._number:
            self._stop()
            raise GuardError(f"the answer to page {number} came for page {self._number}")
        found: dict[str, Any] = json.loads(answer)
        return found

    def _outcome(self, answer: dict[str, Any]) -> Extraction | Refusal | Fault:
        self._served += 1
        kind = answer.get("fault")
        if kind == "memory" or self._served >= self._recycle_pages:
            self._stop()
        if kind == "memory":
            limit = self._settings.max_memory_mib
            detail = f"more than {limit} MiB of memory"
            return Fault(name="extract.memory", value=None, limit=float(limit), detail=detail)
        if kind:
            return Fault(name="extract.error", value=None, limit=None, detail=answer["detail"])
        if "refused" in answer:
            refused = answer["refused"]
            return Refusal(**{**refused, "reason": Reason(**refused["reason"])})
        return Extraction(**{**answer["extraction"], "quotes": ()})

    def _ready(self) -> socket.socket:
        """Return the connection to a child that waits for a page."""
        if self._child and self._child.poll() is not None:
            # It died between pages: nothing was in flight, nothing is lost.
            self._stop()
        if self._connection is None:
            self._start()
        assert self._connection is not None
        return self._connection

    def _start(self) -> None:
        """Start a child; another where one was killed before it was ready, by the machine short of memory."""
        for _ in range(_STARTS):
            problem = self._start_one()
            if problem is None:
                return
            if not problem.startswith(_KILLED):
                break
        raise GuardError(
            f"the extraction process for engine {self._settings.engine_name!r} did not start: {problem};"
            " its own message is on the standard error of this process"
        )

    def _start_one(self) -> str | None:
        """Start a child and wait for it; return what went wrong, if anything."""
        # A fresh interpreter, not a fork: the parent has threads (Arrow, the JVM's socket) that a fork would
        # copy in mid-step, and the child must not hold the parent's sockets open.
        ours, theirs = socket.socketpair()
        arguments = [json.dumps(sys.path), str(theirs.fileno()), self._settings.to_json()]
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, *arguments],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=os.environ | _ENVIRONMENT,
            )
        self._connection = ours
        self._served = 0
        try:
            _receive(ours, len(READY), Deadline(self._child.pid, _START_TIMEOUT_S))
        except OSError as error:
            late = isinstance(error, TimeoutError)
            return f"{self._stop(_LEAVES_S if late else _ENDS_S)} ({error})"
        return None

    def _stop(self, patience_s: float = _LEAVES_S) -> str:
        """End the child and say how it had ended, or that it was killed, where it did not in `patience_s`."""
        child, self._child = self._child, None
        connection, self._connection = self._connection, None
        if connection:
            connection.close()
        if child is None:
            return "it was not running"
        try:
            code = child.wait(patience_s)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            return "it was killed"
        return f"{_KILLED} {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"


def _utf8(html: str | bytes) -> bytes:
    return html if isinstance(html, bytes) else html.encode("utf-8", "replace")


def _groups(pages: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Yield the pages in groups to be read together."""
    group: list[bytes] = []
    for page in pages:
        full = len(group) == _PAGES_TOGETHER or sum(map(len, group)) + len(page) > _BYTES_TOGETHER
        if group and full:
            yield group
            group = []
        group.append(page)
    if group:
        yield group


def _timeout(limit_s: float, what: str) -> Fault:
    detail = f"the extraction was ended: {what}"
    return Fault(name="extract.timeout", value=limit_s, limit=limit_s, detail=detail)


def _send(connection: socket.socket, data: bytes, deadline: Deadline) -> None:
    view = memoryview(data)
    while view:
        connection.settimeout(deadline.left_s())
        with suppress(TimeoutError):  # then it is the deadline's turn to look at the child
            view = view[connection.send(view) :]


def _receive(connection: socket.socket, count: int, deadline: Deadline) -> bytes:
    parts = []
    while count > 0:
        connection.settimeout(deadline.left_s())
        try:
            part = connection.recv(min(count, 2**20))
        except TimeoutError:
            continue
        if not part:
            raise ConnectionResetError("the extraction process has gone")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
