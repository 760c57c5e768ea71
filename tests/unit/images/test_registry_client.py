from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from airflow_provider_pipes.errors import ImageError
from airflow_provider_pipes.images.registry import TOKEN_USER, RegistryAccess
from airflow_provider_pipes.images.registry_client import lets_in, manifest_digest

DIGEST = "sha256:" + "a" * 64
Answer = tuple[int, dict[str, str], bytes]


@contextmanager
def server(answer: Callable[[Any], Answer]) -> Iterator[str]:
    """A registry that answers as told, for its address."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            code, headers, body = answer(self)
            self.send_response(code)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)

        do_GET = do_HEAD = do_POST = _answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{made.server_address[1]}"
    finally:
        made.shutdown()
        made.server_close()


def access(address: str, user: str | None = "joe", password: str = "pw") -> RegistryAccess:
    return RegistryAccess(address, "connection 'images'", user, password, insecure=True)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_a_registry_with_a_password_tells_the_digest() -> None:
    def answer(request: Any) -> Answer:
        if request.headers.get("Authorization") != basic("joe", "pw"):
            return 401, {"WWW-Authenticate": 'Basic realm="r"'}, b""
        assert request.command == "HEAD"
        found = request.path == "/v2/team/image/manifests/tag"
        return (200, {"Docker-Content-Digest": DIGEST}, b"") if found else (404, {}, b"")

    with server(answer) as address:
        assert manifest_digest(access(address), "team/image", "tag") == DIGEST
        assert manifest_digest(access(address), "team/image", "other") is None


@pytest.mark.parametrize("user", ["joe", None, TOKEN_USER])
def test_a_registry_with_a_token_service_tells_the_digest(user: str | None) -> None:
    asked = []

    def answer(request: Any) -> Answer:
        if request.path.startswith("/token"):
            body = request.rfile.read(int(request.headers.get("Content-Length", 0))).decode()
            asked.append((request.headers.get("Authorization"), request.path, body))
            return 200, {}, json.dumps({"token": "t0ken"}).encode()
        if request.headers.get("Authorization") == "Bearer t0ken":
            return 200, {"Docker-Content-Digest": DIGEST}, b""
        challenge = f'Bearer realm="http://{request.headers["Host"]}/token",service="s",scope="pull"'
        return 401, {"WWW-Authenticate": challenge}, b""

    with server(answer) as address:
        assert manifest_digest(access(address, user), "image", "tag") == DIGEST
    ((authorization, path, body),) = asked
    assert authorization == (basic("joe", "pw") if user == "joe" else None)
    assert "service=s" in path + body
    assert ("refresh_token=pw" in body) == (user == TOKEN_USER)


def test_a_wrong_password_is_one_sentence_with_who_and_where_from() -> None:
    with server(lambda _: (401, {"WWW-Authenticate": 'Basic realm="r"'}, b"")) as address:
        with pytest.raises(ImageError) as caught:
            manifest_digest(access(address), "image", "tag")
        assert str(caught.value) == (
            f"registry {address} refuses user 'joe' (connection 'images'); correct the password there, or "
            "give this user the right to the repository"
        )
        with pytest.raises(ImageError, match="wants a login, and there is none: connection 'images'"):
            manifest_digest(access(address, None), "image", "tag")


def test_a_login_does_not_go_where_a_registry_sends_us() -> None:
    heard = []

    def elsewhere(request: Any) -> Answer:
        heard.append(request.headers.get("Authorization"))
        return 200, {"Docker-Content-Digest": DIGEST}, b""

    with server(elsewhere) as other:

        def answer(request: Any) -> Answer:
            if request.headers.get("Authorization") is None:
                return 401, {"WWW-Authenticate": "Basic"}, b""
            return 302, {"Location": f"http://{other}/here"}, b""

        with server(answer) as address:
            assert manifest_digest(access(address), "image", "tag") == DIGEST
    assert heard == [None]


def test_a_token_service_without_tls_gets_no_login() -> None:
    challenge = {"WWW-Authenticate": 'Bearer realm="ftp://elsewhere/token"'}
    with server(lambda _: (401, challenge, b"")) as address, pytest.raises(ImageError, match="without TLS"):
        manifest_digest(access(address), "image", "tag")


@pytest.mark.parametrize(
    ("answer", "message"),
    [((500, {}, b""), "answered 500"), ((200, {}, b""), "tells no digest of image:tag")],
)
def test_what_is_no_registry_is_told(answer: Answer, message: str) -> None:
    with server(lambda _: answer) as address, pytest.raises(ImageError, match=message):
        manifest_digest(access(address), "image", "tag")


def test_a_registry_that_is_down_is_told() -> None:
    with server(lambda _: (200, {}, b"")) as address:
        pass
    with pytest.raises(
        ImageError, match=f"registry {address} does not answer over http: .*Connection refused"
    ):
        manifest_digest(access(address), "image", "tag")


def test_a_registry_is_asked_whether_it_lets_us_in_without_naming_an_image() -> None:
    def answer(request: Any) -> Answer:
        assert (request.command, request.path) == ("GET", "/v2/")
        if request.headers.get("Authorization") != basic("joe", "pw"):
            return 401, {"WWW-Authenticate": 'Basic realm="r"'}, b""
        return 200, {}, b"{}"

    with server(answer) as address:
        assert lets_in(access(address))
        assert not lets_in(access(address, password="wrong"))
        assert not lets_in(access(address, user=None))


def test_what_is_no_registry_or_silent_is_told_within_the_time_given() -> None:
    with (
        server(lambda request: (404, {}, b"")) as address,
        pytest.raises(
            ImageError, match="answered 404 Not Found when asked for its API; is its address right"
        ),
    ):
        lets_in(access(address))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ImageError, match=f"registry {address} does not answer over http: .*timed out"):
            lets_in(access(address), seconds=0.3)
