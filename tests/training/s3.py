"""An S3 server on loopback (moto) behind a proxy that breaks what it is told to break."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from moto.moto_server.threaded_moto_server import ThreadedMotoServer

BUCKET = "corpus"
Fault = Callable[[str, int], str]  # (path, how often it was asked for before) -> what happens


class Proxy(http.server.ThreadingHTTPServer):
    """Hands requests on to moto, but for objects that end in `breaks`: `fault` says what becomes of those."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        self.behind, self.fault, self.hold_s = port, no_fault, 3.0
        self.breaks: tuple[str, ...] = (".mds",)
        self.asked: dict[str, int] = {}
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


def no_fault(path: str, before: int) -> str:
    return ""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        with contextlib.suppress(ConnectionError):  # a client that gave up
            super().handle_one_request()

    def _pass(self) -> None:
        server = self.server
        assert isinstance(server, Proxy)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        fault = ""
        if self.command == "GET" and path.endswith(server.breaks):
            before = server.asked.get(path, 0)
            server.asked[path] = before + 1
            fault = server.fault(path, before)
        if fault == "hang":
            time.sleep(server.hold_s)
        behind = http.client.HTTPConnection("127.0.0.1", server.behind)
        behind.request(self.command, self.path, body, dict(self.headers))
        answer = behind.getresponse()
        data = answer.read()
        behind.close()
        if fault == "503":
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            dropped = ("transfer-encoding", "connection", "content-length", "x-amz-checksum")
            if not name.lower().startswith(dropped):  # a store without checksums: ours must do
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        if fault == "flip":
            data = data[:-7] + bytes([data[-7] ^ 1]) + data[-6:]
        if fault == "stall":
            self.wfile.write(data[: len(data) // 2])
            self.wfile.flush()
            time.sleep(server.hold_s)
            self.close_connection = True
            return
        if fault == "cut":
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
            return
        self.wfile.write(data)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass

    def log_message(self, *_: object) -> None:
        return


@contextlib.contextmanager
def serve() -> Iterator[Proxy]:
    """Run both servers in threads of this process; what s3fs knows of an earlier pair is forgotten."""
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    proxy = Proxy(moto.get_host_and_port()[1])
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        moto.stop()


def upload(folder: Path, name: str) -> str:
    """Put a folder into the bucket under a name; return its URL."""
    import fsspec

    filesystem = fsspec.filesystem("s3")
    if not filesystem.exists(BUCKET):
        filesystem.mkdir(BUCKET)
    for path in folder.rglob("*"):
        if path.is_file():
            filesystem.pipe_file(f"{BUCKET}/{name}/{path.relative_to(folder)}", path.read_bytes())
    return f"s3://{BUCKET}/{name}"
