"""A server of one page, for this machine only.

It answers nobody who does not know the token in its URL, nor a page of another site: not under a name that
was made to lead here, not by a form. It sends the page's content policy, and asks for nothing.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOST = "127.0.0.1"
_MOST_BYTES = 2**16

#: An answer of the page, read from JSON -> what it is told, or ValueError or OSError, with nothing done.
Take = Callable[[Any], dict[str, Any]]


class LocalPage(ThreadingHTTPServer):
    """Serves `html` at `url`, and hands what is posted to `url`mark to `take`."""

    daemon_threads = True

    def __init__(self, html: str, policy: str, take: Take, *, port: int = 0) -> None:
        """Bind a port of this machine, a free one for 0, and serve nothing yet.

        Raises:
            OSError: the port is taken.
        """
        super().__init__((HOST, port), _Handler)
        self.html, self.policy, self.take = html, policy, take
        self.host = f"{HOST}:{self.server_port}"
        self.root = f"/{secrets.token_urlsafe(24)}/"

    @property
    def url(self) -> str:
        """Where the page is; whoever knows it may answer."""
        return f"http://{self.host}{self.root}"


class _Handler(BaseHTTPRequestHandler):
    server: LocalPage

    def do_GET(self) -> None:
        """Send the page."""
        if self._known(self.server.root):
            self._answer(200, "text/html; charset=utf-8", self.server.html)

    def do_POST(self) -> None:
        """Take an answer."""
        if not self._known(f"{self.server.root}mark"):
            return
        length = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != "application/json" or not length.isdigit():
            self._answer(400, "text/plain", "expected JSON")
        elif int(length) > _MOST_BYTES:
            self._answer(400, "text/plain", f"expected at most {_MOST_BYTES} bytes")
        else:
            self._take(self.rfile.read(int(length)))

    def _take(self, body: bytes) -> None:
        try:
            saved = self.server.take(json.loads(body))
        except ValueError as error:
            self._answer(400, "text/plain", str(error))
        except OSError as error:
            self._answer(500, "text/plain", str(error))
        else:
            self._answer(200, "application/json", json.dumps(saved))

    def _known(self, path: str) -> bool:
        """Tell whether our own page asks: of this host, with the token; all others learn nothing."""
        here = self.server.host
        ours = self.headers.get("Host") == here
        ours = ours and self.headers.get("Origin", f"http://{here}") == f"http://{here}"
        if ours and hmac.compare_digest(self.path.encode(), path.encode()):
            return True
        self._answer(404, "text/plain", "not here")
        return False

    def _answer(self, status: int, kind: str, text: str) -> None:
        body = text.encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", self.server.policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing: the terminal is for people."""
