"""A proxy in front of a server that speaks S3, which does to answers and uploads what bad networks do."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host", "expect"})


@dataclass(frozen=True)
class Fault:
    """What happens to a request, once.

    Attributes:
        kind: "status": an error is answered, and the server hears nothing; "stall": nothing is answered;
            "cut answer": the connection ends in the middle of the body; "lost answer": the server does what
            it was asked, and the connection ends before it can say so; "cut upload": the connection ends
            in the middle of the request's body, and the server hears nothing; "slow": the body arrives
            in drops.
        method: Of the request.
        part: Of the request's path or query.
        status: For "status".
        seconds: For "stall" and "slow", how long.
    """

    kind: str
    method: str = ""
    part: str = ""
    status: int = 500
    seconds: float = 0.0

    def fits(self, method: str, path: str) -> bool:
        return (not self.method or method == self.method) and self.part in path


@dataclass
class FaultyProxy:
    """The proxy's address, the faults that it still has to make, and the requests that it saw."""

    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, *faults: Fault, times: int = 1) -> None:
        """Let the next requests that fit meet these faults."""
        with self.lock:
            self.faults.extend(faults * times)

    def next_fault(self, method: str, path: str) -> Fault | None:
        with self.lock:
            self.seen.append((method, path))
            found = next((each for each in self.faults if each.fits(method, path)), None)
            if found is not None:
                self.faults.remove(found)
            return found

    def requests(self, method: str) -> int:
        """Return how many requests of a method came."""
        return sum(each == method for each, _ in self.seen)


@contextmanager
def faulty_proxy(server: str) -> Iterator[FaultyProxy]:
    """Run a proxy in front of ``server``, an address as http://host:port."""
    proxy = FaultyProxy()
    http_server = _Server(("127.0.0.1", 0), _Handler)
    http_server.proxy, http_server.behind = proxy, urlsplit(server).netloc
    proxy.url = f"http://127.0.0.1:{http_server.server_port}"
    thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        http_server.shutdown()
        thread.join()
        http_server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    proxy: FaultyProxy
    behind: str


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        fault = self.server.proxy.next_fault(self.command, self.path)
        kind = fault.kind if fault else ""
        length = int(self.headers.get("Content-Length") or 0)
        if fault is not None and kind == "cut upload":
            self.rfile.read(length // 2)
            return self._cut()
        body = self.rfile.read(length)
        if fault is not None and kind == "status":
            return self._refuse(fault.status)
        if fault is not None and kind == "stall":
            time.sleep(fault.seconds)
            return self._cut()
        status, headers, content = self._asked(body)
        if kind == "lost answer":
            return self._cut()
        self._begin(status, headers, content)
        if self.command == "HEAD":
            return None
        if fault is not None and kind == "cut answer":
            self.wfile.write(content[: len(content) // 2])
            return self._cut()
        return self._send(content, fault.seconds if fault is not None and kind == "slow" else 0.0)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass_on  # noqa: N815

    def _asked(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.server.behind, timeout=30)
        kept = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        connection.request(self.command, self.path, body, {**kept, "Host": self.server.behind})
        answer = connection.getresponse()
        content = answer.read()
        headers = answer.getheaders()
        connection.close()
        return answer.status, headers, content

    def _begin(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        length = str(len(content))
        for name, value in headers:
            if name.lower() == "content-length":
                length = value  # of a HEAD, that of the body which is not there
            elif name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.flush()

    def _send(self, content: bytes, seconds: float) -> None:
        pieces = 20 if seconds else 1
        size = max(1, -(-len(content) // pieces))
        for start in range(0, len(content), size):
            time.sleep(seconds / pieces)
            self.wfile.write(content[start : start + size])
            self.wfile.flush()

    def _refuse(self, status: int) -> None:
        code = "SlowDown" if status == 503 else "InternalError"
        content = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _cut(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def handle(self) -> None:
        with suppress(OSError):  # a client that gave up
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        pass
