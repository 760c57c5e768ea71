"""A server that speaks S3, for the tests of one process."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

BUCKET = "bucket"
LOGIN = "testing"

_Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class _Quiet(MotoRequestHandler):
    def log_request(self, *_: Any) -> None:
        """Say nothing: thousands of lines would hide what a failing test tells."""


@contextmanager
def s3_server() -> Iterator[str]:
    """Serve a bucket on the loopback address; give the URL."""
    application = _one_write_at_a_time(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        urllib.request.urlopen(urllib.request.Request(f"{url}/{BUCKET}", method="PUT")).close()
        yield url
    finally:
        server.shutdown()
        thread.join()


def _one_write_at_a_time(application: _Application) -> _Application:
    # moto looks whether a file is there and then puts it: two writers at once would both have been the first.
    writing = threading.Lock()

    def locked(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("PUT", "POST"):
            return application(environ, start_response)
        with writing:
            return application(environ, start_response)

    return locked
